// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "edge/tls/verification.h"

namespace kith::edge::tls {

namespace {

/// Received in one go: two full records.
constexpr std::size_t kInputBytes = 32 * 1024;
/// What a record may carry.
constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
/// Output that an idle session keeps room for.
constexpr std::size_t kKeptBytes = 80 * 1024;
/// What OpenSSL takes for a connection besides, two records' buffers among it: as measured.
constexpr std::size_t kOpensslBytes = 52 * 1024;

/// Why a peer ended the connection, by the alert that it sent: about this node's certificate, if it
/// is one of those. After RFC 8446, section 6.2.
std::string_view in_words(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "it refuses this node's certificate: expired";
    case SSL_AD_UNKNOWN_CA:
      return "it refuses this node's certificate: not of its CA";
    case SSL_AD_HANDSHAKE_FAILURE:
      return "it refuses this node's certificate: its rule for names (peer_names) does not allow "
             "those in it";
    case SSL_AD_BAD_CERTIFICATE:
      return "it refuses this node's certificate: not valid yet by its clock, or malformed";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return "it refuses this node's certificate: not for this purpose, it must be for both "
             "serverAuth and clientAuth";
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_ACCESS_DENIED:
      return "it refuses this node's certificate";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return "it wants a certificate, and this node has shown none";
    case SSL_AD_PROTOCOL_VERSION:
      return "it does not speak TLS 1.3";
    case TLS1_AD_NO_APPLICATION_PROTOCOL:
      return "it speaks TLS, but not kith's protocol in it";
    default:
      return {};
  }
}

/// SSL_AD_REASON_OFFSET and the alert: how OpenSSL reports one that was received.
int alert_of(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  const bool is_alert = ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
                        reason < SSL_AD_REASON_OFFSET + 256;
  return is_alert ? reason - SSL_AD_REASON_OFFSET : -1;
}

}  // namespace

struct Session::Impl {
  Impl(std::shared_ptr<const Context> context_, Role role, const std::string& host);

  /// OpenSSL's ends of the connection.
  static const BIO_METHOD* bytes_method();
  static int on_read(BIO* bio, char* into, int size);
  static int on_write(BIO* bio, const char* from, int size);
  static long on_control(BIO* bio, int command, long number, void* pointer);
  static int on_verified(int accepted, X509_STORE_CTX* chain);

  /// The failure of the last call on `ssl`.
  Error failure();
  Error describe_failure();
  Result<void> write_record(const std::byte* data, std::size_t size);

  const std::shared_ptr<const Context> context;
  ConnectionHandle ssl;

  std::unique_ptr<std::byte[]> input = std::make_unique<std::byte[]>(kInputBytes);
  std::size_t input_begin = 0;
  std::size_t input_end = 0;
  /// The first bytes ever received, as many as there were, up to three.
  std::array<unsigned char, 3> first{};
  std::size_t first_size = 0;
  std::string output;
  std::size_t output_sent = 0;

  bool established = false;
  /// Why the peer's certificate was not accepted.
  std::string objection_to_peer;
  /// What ended it, once something did.
  std::optional<Error> failed;
  std::uint64_t records = 0;
  std::uint64_t records_per_key = kRecordsPerKey;
};

// ---- OpenSSL's side ----

int Session::Impl::on_read(BIO* bio, char* into, int size) {
  auto& impl = *static_cast<Impl*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t taken =
      std::min(static_cast<std::size_t>(std::max(size, 0)), impl.input_end - impl.input_begin);
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, impl.input.get() + impl.input_begin, taken);
  impl.input_begin += taken;
  return static_cast<int>(taken);
}

int Session::Impl::on_write(BIO* bio, const char* from, int size) {
  auto& impl = *static_cast<Impl*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size > 0) impl.output.append(from, static_cast<std::size_t>(size));
  return size;
}

long Session::Impl::on_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* Session::Impl::bytes_method() {
  // Made once, on whichever thread comes first, and never freed: OpenSSL counts on that.
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kith bytes");
    KITH_CHECK(made != nullptr);
    BIO_meth_set_read(made, &Impl::on_read);
    BIO_meth_set_write(made, &Impl::on_write);
    BIO_meth_set_ctrl(made, &Impl::on_control);
    return made;
  }();
  return method;
}

/// Called for each certificate of the chain that the peer has shown, its own the last.
int Session::Impl::on_verified(int accepted, X509_STORE_CTX* chain) {
  auto* const ssl =
      static_cast<ssl_st*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& impl = *static_cast<Impl*>(SSL_get_app_data(ssl));
  if (accepted != 1) {
    impl.objection_to_peer = "its certificate " + objection(*chain);
    // A signature that does not fit is, to the peer, an unknown CA.
    if (X509_STORE_CTX_get_error(chain) == X509_V_ERR_CERT_SIGNATURE_FAILURE) {
      X509_STORE_CTX_set_error(chain, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    }
    return 0;
  }
  if (X509_STORE_CTX_get_error_depth(chain) > 0) return 1;
  const x509_st* const certificate = X509_STORE_CTX_get_current_cert(chain);
  const Names names = certificate == nullptr ? Names() : names_of(*certificate);
  if (certificate != nullptr && impl.context->rule().allows(names)) return 1;
  impl.objection_to_peer = "its certificate has the names " + names.to_string() +
                           ": none matches peer_names, " + impl.context->rule().to_string();
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

Session::Impl::Impl(std::shared_ptr<const Context> context_, Role role, const std::string& host)
    : context(std::move(context_)), ssl(SSL_new(&context->get())) {
  // These fail when memory does.
  KITH_CHECK(ssl != nullptr);
  BIO* const bytes = BIO_new(bytes_method());
  KITH_CHECK(bytes != nullptr);
  BIO_set_data(bytes, this);
  BIO_set_init(bytes, 1);
  SSL_set_bio(ssl.get(), bytes, bytes);
  SSL_set_app_data(ssl.get(), this);
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, &Impl::on_verified);
  if (role == Role::accepts) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
    // A name that TLS cannot carry is left out: nobody but those on the way reads it.
    if (!host.empty()) SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  ERR_clear_error();
}

Error Session::Impl::failure() {
  if (!failed) failed = describe_failure();
  ERR_clear_error();
  return *failed;
}

Error Session::Impl::describe_failure() {
  const unsigned long error = ERR_peek_error();
  const auto misfit = [](std::string message) {
    return Error{ErrorCode::failed_precondition, std::move(message)};
  };
  if (!objection_to_peer.empty()) return misfit(objection_to_peer);
  if (const int alert = alert_of(error); alert >= 0) {
    if (const std::string_view words = in_words(alert); !words.empty()) {
      return misfit(std::string(words));
    }
    return misfit("it ends TLS: " + last_error());
  }
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(error)) {
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return misfit("it shows no certificate");
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_WRONG_SSL_VERSION:
        return misfit("it does not speak TLS 1.3");
      case SSL_R_NO_APPLICATION_PROTOCOL:
        return misfit("it speaks TLS, but not kith's protocol in it");
      default:
        break;
    }
  }
  if (error == 0) return {ErrorCode::unavailable, "closed by the peer"};
  return misfit("what it sends is not in order: " + last_error());
}

Result<void> Session::Impl::write_record(const std::byte* data, std::size_t size) {
  if (++records >= records_per_key) {
    records = 0;
    // Goes out before the record.
    if (SSL_key_update(ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
      return tl::unexpected(failure());
    }
  }
  std::size_t written = 0;
  if (SSL_write_ex(ssl.get(), data, size, &written) != 1 || written != size) {
    return tl::unexpected(failure());
  }
  return {};
}

// ---- Our side ----

Session::Session(std::shared_ptr<const Context> context, Role role, const std::string& host)
    : impl_(std::make_unique<Impl>(std::move(context), role, host)) {}

Session::~Session() = default;

std::span<std::byte> Session::space() {
  Impl& impl = *impl_;
  if (impl.input_begin == impl.input_end) impl.input_begin = impl.input_end = 0;
  return {impl.input.get() + impl.input_end, kInputBytes - impl.input_end};
}

void Session::commit(std::size_t bytes) {
  Impl& impl = *impl_;
  const std::byte* const received = impl.input.get() + impl.input_end;
  for (std::size_t i = 0; i < bytes && impl.first_size < impl.first.size(); ++i) {
    impl.first[impl.first_size++] = static_cast<unsigned char>(received[i]);
  }
  impl.input_end += bytes;
  KITH_CHECK(impl.input_end <= kInputBytes);
}

bool Session::has_input() const {
  return impl_->input_begin != impl_->input_end || SSL_pending(impl_->ssl.get()) > 0;
}

Session::Bytes Session::output() const {
  return std::as_bytes(std::span(impl_->output)).subspan(impl_->output_sent);
}

void Session::sent(std::size_t bytes) {
  Impl& impl = *impl_;
  impl.output_sent += bytes;
  KITH_CHECK(impl.output_sent <= impl.output.size());
  if (impl.output_sent < impl.output.size()) return;
  impl.output.clear();
  impl.output_sent = 0;
  if (impl.output.capacity() > kKeptBytes) impl.output.shrink_to_fit();
}

bool Session::met_plaintext() const {
  const Impl& impl = *impl_;
  // A record of TLS begins with what it is, a handshake's message or an alert, and a version of 3.
  constexpr unsigned char kAlert = SSL3_RT_ALERT;
  constexpr unsigned char kHandshake = SSL3_RT_HANDSHAKE;
  constexpr unsigned char kMajor = SSL3_VERSION_MAJOR;
  constexpr unsigned char kMostMinor = 4;
  return !impl.established &&
         ((impl.first_size > 0 && impl.first[0] != kAlert && impl.first[0] != kHandshake) ||
          (impl.first_size > 1 && impl.first[1] != kMajor) ||
          (impl.first_size > 2 && impl.first[2] > kMostMinor));
}

Result<bool> Session::handshake() {
  Impl& impl = *impl_;
  if (impl.failed) return tl::unexpected(*impl.failed);
  if (met_plaintext()) {
    impl.failed = Error{ErrorCode::failed_precondition, "it speaks plaintext, and this node TLS"};
    return tl::unexpected(*impl.failed);
  }
  ERR_clear_error();
  const int done = SSL_do_handshake(impl.ssl.get());
  if (done != 1) {
    if (SSL_get_error(impl.ssl.get(), done) == SSL_ERROR_WANT_READ) return false;
    return tl::unexpected(impl.failure());
  }
  // OpenSSL has seen to the certificate; to the protocol only if the peer had one to offer.
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(impl.ssl.get(), &protocol, &size);
  const bool agreed = size + 1 == sizeof(kProtocol) && protocol != nullptr &&
                      std::memcmp(protocol, kProtocol + 1, size) == 0;
  const bool verified = SSL_get0_peer_certificate(impl.ssl.get()) != nullptr &&
                        SSL_get_verify_result(impl.ssl.get()) == X509_V_OK;
  if (!agreed || !verified) {
    impl.failed =
        Error{ErrorCode::failed_precondition, agreed ? "it shows no certificate"
                                                     : "it speaks TLS, but not kith's protocol in "
                                                       "it"};
    return tl::unexpected(*impl.failed);
  }
  impl.established = true;
  return true;
}

Result<std::size_t> Session::read(std::span<std::byte> into) {
  Impl& impl = *impl_;
  KITH_CHECK(impl.established);
  std::size_t filled = 0;
  while (filled < into.size() && !impl.failed) {
    std::size_t size = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(impl.ssl.get(), into.data() + filled, into.size() - filled, &size);
    filled += size;
    if (done == 1) continue;
    if (SSL_get_error(impl.ssl.get(), done) == SSL_ERROR_WANT_READ) break;
    impl.failure();
  }
  // What was read comes first; the error next time.
  if (filled == 0 && impl.failed) return tl::unexpected(*impl.failed);
  return filled;
}

Result<std::size_t> Session::write(std::span<const Bytes> parts) {
  Impl& impl = *impl_;
  KITH_CHECK(impl.established);
  if (impl.failed) return tl::unexpected(*impl.failed);
  // Small parts share a record; large ones are encrypted from where they lie.
  std::array<std::byte, kRecordBytes> gathered;
  std::size_t held = 0;
  std::size_t written = 0;
  const auto write_gathered = [&]() -> Result<void> {
    if (held == 0) return {};
    written += held;
    return impl.write_record(gathered.data(), std::exchange(held, 0));
  };
  ERR_clear_error();
  for (Bytes part : parts) {
    while (!part.empty() && written + held < kLeastWritten) {
      const std::size_t size = std::min(part.size(), kRecordBytes - held);
      Result<void> done;
      if (held == 0 && size == kRecordBytes) {
        written += size;
        done = impl.write_record(part.data(), size);
      } else {
        std::memcpy(gathered.data() + held, part.data(), size);
        held += size;
        if (held == kRecordBytes) done = write_gathered();
      }
      if (!done) return tl::unexpected(done.error());
      part = part.subspan(size);
    }
    if (written + held >= kLeastWritten) break;
  }
  if (const Result<void> done = write_gathered(); !done) return tl::unexpected(done.error());
  return written;
}

std::size_t Session::memory_bytes() const {
  return kInputBytes + impl_->output.capacity() + kOpensslBytes;
}

void Session::renew_key_after(std::uint64_t records) { impl_->records_per_key = records; }

}  // namespace kith::edge::tls
