// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "edge/tls/verification.h"

namespace kith::edge::tls {

namespace {

/// More is no certificate.
constexpr std::size_t kMostFileBytes = 1 << 20;

/// The first that both sides have is taken. The quickest come first: each is safe.
constexpr const char* kCiphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

std::string naming(std::string_view option, const std::string& file) {
  return std::string(option) + " '" + file + "'";
}

Result<std::string> read_file(std::string_view option, const std::string& path) {
  const std::string what = naming(option, path);
  if (path.empty()) return unusable(option, "is empty; it must name a file");
  const auto cannot = [&] {
    return unusable(what, "cannot be read: " + std::generic_category().message(errno));
  };
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (file == nullptr) return cannot();
  std::string content(kMostFileBytes + 1, '\0');
  const std::size_t size = std::fread(content.data(), 1, content.size(), file.get());
  if (std::ferror(file.get()) != 0) return cannot();
  if (size > kMostFileBytes) return unusable(what, "is longer than 1 MiB");
  // A copy, because only the bytes of a string are wiped and not what it could hold.
  std::string result = content.substr(0, size);
  OPENSSL_cleanse(content.data(), content.size());
  return result;
}

/// A peer's choice of protocols. There is one.
int choose_protocol(ssl_st*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kProtocol, sizeof(kProtocol), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

ContextHandle new_context() {
  ContextHandle handle(SSL_CTX_new(TLS_method()));
  if (handle == nullptr) return nullptr;
  ssl_ctx_st* const context = handle.get();
  // Each connection proves itself with its certificate: nothing is resumed, so that nobody stays in
  // whom a reload has put out.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  const bool made = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_ciphersuites(context, kCiphers) == 1 &&
                    SSL_CTX_set_num_tickets(context, 0) == 1 &&
                    // This one is 0 when it went well.
                    SSL_CTX_set_alpn_protos(context, kProtocol, sizeof(kProtocol)) == 0;
  return made ? std::move(handle) : nullptr;
}

Result<void> set_own_certificate(ssl_ctx_st& context, const Settings& settings,
                                 std::span<const CertificateHandle> chain, evp_pkey_st& key) {
  const std::string what = naming("certificate_file", settings.certificate_file);
  if (SSL_CTX_use_certificate(&context, chain.front().get()) != 1) {
    return unusable(what, "cannot be used: " + last_error());
  }
  for (const CertificateHandle& issuer : chain.subspan(1)) {
    if (SSL_CTX_add1_chain_cert(&context, issuer.get()) != 1) {
      return unusable(what, "cannot be used: " + last_error());
    }
  }
  if (SSL_CTX_use_PrivateKey(&context, &key) != 1 || SSL_CTX_check_private_key(&context) != 1) {
    ERR_clear_error();
    return unusable(naming("key_file", settings.key_file), "does not belong to " + what);
  }
  return {};
}

Result<void> trust(ssl_ctx_st& context, std::span<const CertificateHandle> authorities) {
  X509_STORE* const store = SSL_CTX_get_cert_store(&context);
  bool trusted = true;
  for (const CertificateHandle& authority : authorities) {
    trusted = trusted && X509_STORE_add_cert(store, authority.get()) == 1;
  }
  // Whoever is in the file is trusted, a root or not.
  trusted = trusted && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
  if (!trusted) return fail(ErrorCode::invalid_argument, "ca_file cannot be used: " + last_error());
  return {};
}

/// As a peer with the same settings will look at it.
Result<void> look_at_own(ssl_ctx_st& context, const NameRule& rule, const std::string& what,
                         std::span<const CertificateHandle> chain) {
  const auto free_chain = [](X509_STORE_CTX* verification) { X509_STORE_CTX_free(verification); };
  const std::unique_ptr<X509_STORE_CTX, decltype(free_chain)> verification(X509_STORE_CTX_new(),
                                                                           free_chain);
  const auto free_stack = [](STACK_OF(X509) * stack) { sk_X509_free(stack); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_stack)> issuers(sk_X509_new_null(),
                                                                      free_stack);
  bool ready = verification != nullptr && issuers != nullptr;
  for (const CertificateHandle& issuer : chain.subspan(1)) {
    ready = ready && sk_X509_push(issuers.get(), issuer.get()) > 0;
  }
  x509_st* const own = chain.front().get();
  ready = ready && X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(&context), own,
                                       issuers.get()) == 1;
  if (!ready) return unusable(what, "cannot be verified: " + last_error());
  if (X509_verify_cert(verification.get()) != 1) {
    ERR_clear_error();
    return unusable(what, objection(*verification));
  }
  if (X509_check_purpose(own, X509_PURPOSE_SSL_CLIENT, 0) != 1 ||
      X509_check_purpose(own, X509_PURPOSE_SSL_SERVER, 0) != 1) {
    return unusable(what, "is not for this purpose: it must be for both serverAuth and clientAuth");
  }
  if (const Names names = names_of(*own); !rule.allows(names)) {
    return unusable(what, "has the names " + names.to_string() +
                              ": peers would refuse it, because none matches peer_names, " +
                              rule.to_string());
  }
  return {};
}

}  // namespace

Result<Material> Material::read(const Settings& settings) {
  Material material;
  for (const auto& [option, path, content] :
       {std::tuple("certificate_file", &settings.certificate_file, &material.certificate_),
        std::tuple("key_file", &settings.key_file, &material.key_),
        std::tuple("ca_file", &settings.ca_file, &material.ca_)}) {
    Result<std::string> read = read_file(option, *path);
    if (!read) return tl::unexpected(read.error());
    *content = *std::move(read);
  }
  return material;
}

Material::~Material() { OPENSSL_cleanse(key_.data(), key_.size()); }

Material::Digest Material::digest() const {
  // Each with its length before it, so that no byte can move from one to the next unseen.
  std::string all;
  for (const std::string* content : {&certificate_, &key_, &ca_}) {
    all.append(std::to_string(content->size())).append(":").append(*content);
  }
  Digest digest{};
  EVP_Digest(all.data(), all.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_cleanse(all.data(), all.size());
  return digest;
}

Context::Context(ContextHandle context, NameRule rule, CertificateText certificate)
    : context_(std::move(context)), rule_(std::move(rule)), certificate_(std::move(certificate)) {}

Result<std::shared_ptr<const Context>> Context::create(const Settings& settings,
                                                       const Material& material,
                                                       OwnCertificate own) {
  Result<NameRule> rule = NameRule::parse(settings.peer_names);
  if (!rule) return fail(ErrorCode::invalid_argument, "peer_names: " + rule.error().message);
  const std::string what = naming("certificate_file", settings.certificate_file);
  auto chain = read_certificates(material.certificate(), what);
  if (!chain) return tl::unexpected(chain.error());
  Result<KeyHandle> key = read_key(material.key(), naming("key_file", settings.key_file));
  if (!key) return tl::unexpected(key.error());
  auto authorities = read_certificates(material.ca(), naming("ca_file", settings.ca_file));
  if (!authorities) return tl::unexpected(authorities.error());

  ERR_clear_error();
  ContextHandle context = new_context();
  if (context == nullptr) return fail(ErrorCode::internal, "OpenSSL: " + last_error());
  if (auto set = set_own_certificate(*context, settings, *chain, **key); !set) {
    return tl::unexpected(set.error());
  }
  if (auto trusted = trust(*context, *authorities); !trusted) {
    return tl::unexpected(trusted.error());
  }
  if (own == OwnCertificate::must_be_good) {
    if (auto good = look_at_own(*context, *rule, what, *chain); !good) {
      return tl::unexpected(good.error());
    }
  }
  return std::shared_ptr<const Context>(
      new Context(std::move(context), *std::move(rule), describe(*chain->front())));
}

}  // namespace kith::edge::tls
