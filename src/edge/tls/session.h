// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "edge/tls/context.h"

namespace kith::edge::tls {

/// One connection's TLS, as a function of bytes: what was received goes in, what is to be sent
/// comes out, and it knows no socket. So all that is ready leaves in one system call, and a
/// connection can move from one loop to another. Not thread-safe.
///
/// Errors are failed_precondition when the two sides do not fit together, with a sentence whose
/// subject is the peer ("its certificate expired on ..."), and unavailable when the peer ended the
/// connection. After one the session is of no use, but for output(): it may hold the alert that
/// tells the peer why.
class Session {
 public:
  enum class Role : std::uint8_t { dials, accepts };
  using Bytes = std::span<const std::byte>;

  /// `host`: the DNS name that was dialed, if it was one, for those on the way who look at it
  /// (SNI).
  Session(std::shared_ptr<const Context> context, Role role, const std::string& host = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Where to receive the next bytes to; never empty once what was received is read. Valid until
  /// the next call.
  std::span<std::byte> space();
  /// The first `bytes` of space() were filled.
  void commit(std::size_t bytes);
  /// Whether bytes were received that handshake() and read() have not seen yet.
  bool has_input() const;

  /// What is to be sent. Valid until the next call.
  Bytes output() const;
  /// The first `bytes` of output() were sent.
  void sent(std::size_t bytes);

  /// Goes on with the handshake. True: done, and the peer is one of the cluster. False: more bytes
  /// are needed. The dialing side begins by calling it.
  Result<bool> handshake();
  /// In a handshake that failed: what the peer sent is no TLS at all.
  bool met_plaintext() const;

  // After the handshake.

  /// Fills `into` with what the peer wrote, as far as it is here. 0: more bytes are needed.
  Result<std::size_t> read(std::span<std::byte> into);
  /// Encrypts the first bytes of `parts`, all of them or at least kLeastWritten, and returns how
  /// many.
  Result<std::size_t> write(std::span<const Bytes> parts);
  static constexpr std::size_t kLeastWritten = 64 * 1024;

  /// Of memory, about.
  std::size_t memory_bytes() const;

  /// Records that are encrypted with one key, of 2^24.5 that AES-GCM allows.
  static constexpr std::uint64_t kRecordsPerKey = 1u << 23;
  /// For tests: another number.
  void renew_key_after(std::uint64_t records);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::edge::tls
