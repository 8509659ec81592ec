// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The header that names the pool which a datagram or a connection is for. Its first byte is
// MessageType::label.
namespace kith::wire::gossip {

inline constexpr std::size_t kMaxLabelBytes = 255;

/// Bytes of the header of this label: none if it is empty.
constexpr std::size_t label_bytes(std::string_view label) {
  return label.empty() ? 0 : 2 + label.size();
}

/// Appends the header, or nothing if the label is empty. Requires label.size() <= kMaxLabelBytes.
void append_label(std::string_view label, std::string& out);

/// The label at the front of `bytes`: empty if there is no header, nothing if the header is not yet
/// all there. Errors: invalid_argument.
Result<std::optional<std::string_view>> read_label(std::string_view bytes);

}  // namespace kith::wire::gossip
