// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

struct x509_store_ctx_st;

namespace kith::edge::tls {

/// Why a chain of certificates was not accepted, of the certificate that it failed at, as the end
/// of a sentence that begins with its holder: "it", "certificate_file 'a.pem'".
std::string objection(x509_store_ctx_st& chain);

}  // namespace kith::edge::tls
