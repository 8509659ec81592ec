// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

struct bio_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

// OpenSSL's objects with owners. Its headers stay out of ours.
namespace kith::edge::tls {

struct Free {
  void operator()(bio_st* bio) const noexcept;
  void operator()(evp_pkey_st* key) const noexcept;
  void operator()(ssl_ctx_st* context) const noexcept;
  void operator()(ssl_st* connection) const noexcept;
  void operator()(x509_st* certificate) const noexcept;
};

using BioHandle = std::unique_ptr<bio_st, Free>;
using KeyHandle = std::unique_ptr<evp_pkey_st, Free>;
using ContextHandle = std::unique_ptr<ssl_ctx_st, Free>;
using ConnectionHandle = std::unique_ptr<ssl_st, Free>;
using CertificateHandle = std::unique_ptr<x509_st, Free>;

}  // namespace kith::edge::tls
