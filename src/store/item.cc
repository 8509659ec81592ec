// SPDX-License-Identifier: Apache-2.0
#include "store/item.h"

#include <cstring>

namespace kith::store {

bool equal_bytes(const char* there, std::string_view bytes) {
  const std::size_t size = bytes.size();
  if (size < 8 || size > 32) return std::memcmp(there, bytes.data(), size) == 0;
  // The words may overlap.
  const auto differ = [&](std::size_t at) {
    return word_at(there + at) ^ word_at(bytes.data() + at);
  };
  if (size <= 16) return (differ(0) | differ(size - 8)) == 0;
  return (differ(0) | differ(8) | differ(size - 16) | differ(size - 8)) == 0;
}

}  // namespace kith::store
