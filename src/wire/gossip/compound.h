// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Several messages in one datagram. The first byte is MessageType::compound.
namespace kith::wire::gossip {

/// Most messages to put together. More could be written; memberlist before 0.2.4 misreads them.
inline constexpr std::size_t kMaxCompoundParts = 127;
/// Longest message that can be put together with others.
inline constexpr std::size_t kMaxPartBytes = 65535;
/// What each message costs besides its own bytes, and what the whole costs.
inline constexpr std::size_t kPartOverheadBytes = 2;
inline constexpr std::size_t kCompoundOverheadBytes = 2;

/// The messages, each with its type byte, as one. Requires one to kMaxCompoundParts of them, of 1
/// to kMaxPartBytes bytes each: an empty one kills memberlist before 0.2.4.
std::string make_compound(std::span<const std::string> parts);

struct Compound {
  /// They lie in what was read.
  std::vector<std::string_view> parts;
  /// Parts that are not all there, and so are lost. They are the last ones.
  std::size_t lost = 0;
};

/// Reads a compound of up to 255 parts. Errors: invalid_argument, when not even the lengths are
/// there.
Result<Compound> read_compound(std::string_view bytes);

}  // namespace kith::wire::gossip
