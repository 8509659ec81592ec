// SPDX-License-Identifier: Apache-2.0
//
// Must crash within seconds: shows that fuzzing as built here finds what is hidden behind
// comparisons, and that a finding is reported. A run of it that succeeds is a failure.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size >= 6 && std::memcmp(data, "KITH", 4) == 0 && data[4] == 0x2a && data[5] > data[4]) {
    std::abort();
  }
  return 0;
}
