// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>

// For tests that compare what kith reports with what the process has.
namespace kith::testing {

/// Memory that the process has, without what is there in files too, such as programs, and without
/// what the C library gives back when asked.
inline std::int64_t resident_bytes() {
  ::malloc_trim(0);
  std::int64_t all = 0;
  std::int64_t resident = 0;
  std::int64_t of_files = 0;
  std::ifstream("/proc/self/statm") >> all >> resident >> of_files;
  return (resident - of_files) * ::sysconf(_SC_PAGESIZE);
}

/// For printing.
inline double mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// Once, or for as many seconds as KITH_SOAK_SECONDS says.
class SoakRounds {
 public:
  /// Whether to go on; true the first time.
  bool more() { return first_round() || std::chrono::steady_clock::now() - start_ < seconds(); }

 private:
  bool first_round() { return rounds_++ == 0; }
  static std::chrono::seconds seconds() {
    const char* const text = std::getenv("KITH_SOAK_SECONDS");
    return std::chrono::seconds(text == nullptr ? 0 : std::strtol(text, nullptr, 10));
  }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int rounds_ = 0;
};

}  // namespace kith::testing
