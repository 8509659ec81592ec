// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/compound.h"

#include <cstdint>

#include "base/check.h"
#include "wire/gossip/big_endian.h"
#include "wire/gossip/message.h"

namespace kith::wire::gossip {

std::string make_compound(std::span<const std::string> parts) {
  KITH_CHECK(!parts.empty() && parts.size() <= kMaxCompoundParts);
  std::string out;
  out.push_back(static_cast<char>(MessageType::compound));
  out.push_back(static_cast<char>(parts.size()));
  for (const std::string& part : parts) {
    KITH_CHECK(!part.empty() && part.size() <= kMaxPartBytes);
    put_big_endian(part.size(), kPartOverheadBytes, out);
  }
  for (const std::string& part : parts) out.append(part);
  return out;
}

Result<Compound> read_compound(std::string_view bytes) {
  if (bytes.size() < kCompoundOverheadBytes) {
    return fail(ErrorCode::invalid_argument, "gossip compound without a count");
  }
  const std::size_t count = static_cast<std::uint8_t>(bytes[1]);
  std::string_view lengths = bytes.substr(kCompoundOverheadBytes);
  if (lengths.size() < count * kPartOverheadBytes) {
    return fail(ErrorCode::invalid_argument, "gossip compound with too few lengths");
  }
  std::string_view bodies = lengths.substr(count * kPartOverheadBytes);
  Compound compound;
  compound.parts.reserve(count);
  while (compound.parts.size() < count) {
    const auto size = static_cast<std::size_t>(get_big_endian(lengths, kPartOverheadBytes));
    // Where the next part begins cannot be told either.
    if (bodies.size() < size) break;
    compound.parts.push_back(bodies.substr(0, size));
    bodies.remove_prefix(size);
    lengths.remove_prefix(kPartOverheadBytes);
  }
  compound.lost = count - compound.parts.size();
  return compound;
}

}  // namespace kith::wire::gossip
