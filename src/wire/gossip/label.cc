// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/label.h"

#include <cstdint>

#include "base/check.h"
#include "wire/gossip/message.h"

namespace kith::wire::gossip {

void append_label(std::string_view label, std::string& out) {
  KITH_CHECK(label.size() <= kMaxLabelBytes);
  if (label.empty()) return;
  out.push_back(static_cast<char>(MessageType::label));
  out.push_back(static_cast<char>(label.size()));
  out.append(label);
}

Result<std::optional<std::string_view>> read_label(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] != static_cast<char>(MessageType::label)) return bytes.substr(0, 0);
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t size = static_cast<std::uint8_t>(bytes[1]);
  if (size == 0) return fail(ErrorCode::invalid_argument, "gossip label header without a label");
  if (bytes.size() < 2 + size) return std::nullopt;
  return bytes.substr(2, size);
}

}  // namespace kith::wire::gossip
