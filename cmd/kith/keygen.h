// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string>

namespace kith::command {

/// `kith keygen`: a key for a cluster's gossip, in base64, to a file or to the standard output.
struct Keygen {
  /// 16, 24 or 32: AES-128, AES-192, AES-256.
  int bytes = 32;
  /// Empty: the standard output.
  std::string out = {};

  Result<void> run() const;
};

}  // namespace kith::command
