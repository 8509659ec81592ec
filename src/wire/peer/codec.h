// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/value.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wire/peer/message.h"

// Frames of the peer link: 32 bytes of header, then fields, then payload. docs/protocol.md has the
// layout byte by byte. Every function is pure and thread-safe.
namespace kith::wire::peer {

inline constexpr std::size_t kHeaderBytes = 32;
/// Longest body (fields and payload) of any frame.
inline constexpr std::size_t kMaxBodyBytes = (std::size_t{256} << 20) + 1024;
/// Longest body of a frame that carries no value; a longer one is refused before it is read.
inline constexpr std::size_t kMaxControlBodyBytes = 66 * 1024;
/// Longest key of a Get; the shortest is one byte.
inline constexpr std::size_t kMaxWireKeyBytes = 64 * 1024;
/// Longest name of a node.
inline constexpr std::size_t kMaxNameBytes = 1024;
/// Longest text of a Failure; encode() cuts a longer one.
inline constexpr std::size_t kMaxFailureMessageBytes = 1024;
/// Most slices that a HelloOk may announce.
inline constexpr std::uint16_t kMaxSlices = 256;

/// What the header says, checked: enough to know how much more to read, and where the payload is.
struct Header {
  std::uint32_t body_bytes = 0;
  std::uint8_t type = 0;
  /// Bytes of fields before the payload in the body. Equal to body_bytes in frames without payload.
  std::uint32_t field_bytes = 0;
};

/// Reads a header. Requires bytes.size() >= kHeaderBytes. Errors (invalid_argument): wrong
/// checksum, a body over the bound of its type.
Result<Header> decode_header(std::span<const std::byte> bytes);

/// Reads the frame whose `header` bytes, accepted by decode_header(), and `body` are given. `body`
/// holds the whole body; the message's strings and value refer to its memory, so that nothing is
/// copied: strings are valid as long as `body` is, the value as long as it is held. Errors:
/// invalid_argument (damaged or ill-formed; the connection cannot be trusted any more),
/// unimplemented (a type of a later version: skip the frame).
Result<Message> decode(std::span<const std::byte> header, const Value& body);
/// As decode, in place, for a body that lies in `memory`, of which the message's value becomes a
/// slice. After an error `into` is some message or other.
Result<void> decode_into(Message& into, std::span<const std::byte> header,
                         std::span<const std::byte> body, const Value& memory);

/// Appends a frame to `out`, up to its payload. Returns the payload that must follow, a handle to
/// the message's value: empty when the frame is complete. Values of at most `inline_bytes` are
/// appended too. `checked` adds a checksum of the body, for links without TLS. Requires what
/// decode() demands: lengths within the limits above, no value in a negative reply.
Value encode(const Message& message, std::string& out, std::size_t inline_bytes = 512,
             bool checked = true);

/// The name of the message's type, for traces.
std::string_view name_of(const Message& message);

}  // namespace kith::wire::peer
