// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "child_process.h"
#include "stop_signals.h"

namespace tiles {

/// Where one tiles process listens: for browsers, and for the other processes.
struct ProcessAddresses {
  std::string http;
  std::string kith;
};

/// Loopback addresses for `count` processes, with ports that are free now.
kith::Result<std::vector<ProcessAddresses>> free_addresses(std::size_t count);

/// Fails, naming it, when one of the addresses cannot be listened on.
kith::Result<void> check_free(const std::vector<ProcessAddresses>& addresses);

/// What a tiles process says of itself at /stats.
struct ProcessStats {
  std::uint64_t requests = 0;
  std::uint64_t renders = 0;
  /// Time of the processor that its renders took.
  std::uint64_t render_cpu_us = 0;
};

/// The tiles processes of one run. They end with the object.
class Cluster {
 public:
  /// Starts `program` once per address: as peers of each other, or with --no-sharing.
  static kith::Result<Cluster> start(std::string program, std::vector<ProcessAddresses> addresses,
                                     bool sharing);

  /// Stops all at once, not one after the other.
  ~Cluster();
  Cluster(Cluster&&) = default;

  /// Until all are healthy. Errors: unavailable (one ended), timed_out, cancelled (`signals`).
  kith::Result<void> wait_healthy(std::chrono::milliseconds timeout, StopSignals& signals);

  /// Errors: unavailable, timed_out, internal (no such JSON).
  kith::Result<std::vector<ProcessStats>> stats() const;

  const std::vector<ProcessAddresses>& addresses() const { return addresses_; }
  ChildProcess& process(std::size_t index) { return processes_[index]; }
  /// Runs a process that ended again, with the arguments that it had.
  kith::Result<void> restart(std::size_t index);

 private:
  Cluster(std::string program, std::vector<ProcessAddresses> addresses, bool sharing);
  std::vector<std::string> command(std::size_t index) const;

  std::string program_;
  std::vector<ProcessAddresses> addresses_;
  bool sharing_;
  std::vector<ChildProcess> processes_;
};

}  // namespace tiles
