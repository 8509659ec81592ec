// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "bench/zipf.h"

namespace kith::bench {

/// Nanoseconds of the monotonic clock.
inline std::int64_t clock_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Processor time that a process has used so far, all threads, user and system, in nanoseconds.
inline std::int64_t cpu_ns_of(pid_t process) {
  clockid_t clock{};
  return ::clock_getcpuclockid(process, &clock) == 0 ? clock_ns(clock) : 0;
}

/// The keys asked for, in the order of asking, and the value of each: the key, then padding.
struct Workload {
  static constexpr std::size_t kValueBytes = 100;

  std::vector<BenchKey> keys;

  static std::string value_of(std::string_view key) {
    std::string value(key);
    value.resize(kValueBytes, 'v');
    return value;
  }
  static bool right(std::string_view key, std::string_view value) {
    return value.size() == kValueBytes && value.starts_with(key);
  }
  const BenchKey& key(std::uint64_t n) const { return keys[n % keys.size()]; }
};

/// What one run of one system measured.
struct Sample {
  double gets_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  /// Processor time per get, in microseconds.
  double server_cpu_us = 0;
  double client_cpu_us = 0;
};

/// Times one run. Not thread-safe: one thread asks and answers, others may only begin and end.
class Stopwatch {
 public:
  Stopwatch(pid_t server, std::uint64_t gets) : server_(server) { latencies_ns_.reserve(gets); }

  void begin() {
    server_cpu_ = cpu_ns_of(server_);
    client_cpu_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    began_ = clock_ns();
  }
  void add(std::int64_t latency_ns) {
    latencies_ns_.push_back(
        static_cast<std::uint32_t>(std::min<std::int64_t>(latency_ns, UINT32_MAX)));
  }
  Sample end() {
    const auto gets = static_cast<double>(latencies_ns_.size());
    const auto ns = static_cast<double>(clock_ns() - began_);
    Sample sample;
    sample.gets_per_second = gets * 1e9 / ns;
    sample.server_cpu_us = static_cast<double>(cpu_ns_of(server_) - server_cpu_) / 1e3 / gets;
    sample.client_cpu_us =
        static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - client_cpu_) / 1e3 / gets;
    sample.p50_us = percentile(0.5);
    sample.p99_us = percentile(0.99);
    return sample;
  }

 private:
  double percentile(double share) {
    const auto at =
        static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies_ns_.size() - 1));
    std::nth_element(latencies_ns_.begin(), latencies_ns_.begin() + at, latencies_ns_.end());
    return latencies_ns_[static_cast<std::size_t>(at)] / 1e3;
  }

  const pid_t server_;
  std::vector<std::uint32_t> latencies_ns_;
  std::int64_t server_cpu_ = 0;
  std::int64_t client_cpu_ = 0;
  std::int64_t began_ = 0;
};

/// How the requests of a run are issued.
struct Load {
  /// Requests under way at once; each reply causes the next request.
  int in_flight = 1;
  /// One thread that blocks in each get. Requires in_flight == 1.
  bool blocking = false;
};

/// Anything that values can be got from in another process.
class System {
 public:
  virtual ~System() = default;
  virtual const char* name() const = 0;
  /// Gets `gets` keys of the workload. An empty string, or what went wrong.
  virtual std::string run(const Load& load, std::uint64_t gets, Sample& sample) = 0;
};

}  // namespace kith::bench
