// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "child_process.h"
#include "stop_signals.h"

namespace tiles {

/// Where one tiles process listens: for browsers, and for the other processes' requests and gossip.
struct ProcessAddresses {
  std::string http;
  std::string kith;
  std::string gossip;
};

/// Of a process among the others: "tiles-1" is the first.
std::string process_name(std::size_t index);

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
  /// How the processes live together.
  struct Manner {
    /// They find each other through the first one. Otherwise each is alone.
    bool sharing = true;
    /// How long one that is told to end goes on answering while others take over.
    std::chrono::milliseconds drain{0};
  };

  /// Starts `program` once per address.
  static kith::Result<Cluster> start(std::string program, std::vector<ProcessAddresses> addresses,
                                     Manner manner);

  /// Stops all at once, not one after the other.
  ~Cluster();
  Cluster(Cluster&&) = default;

  /// Until all are healthy and, if they share, each knows that all own tiles. Errors: unavailable
  /// (one ended), timed_out, cancelled (`signals`).
  kith::Result<void> wait_together(std::chrono::milliseconds timeout, StopSignals& signals);

  /// Errors: unavailable, timed_out, internal (no such JSON).
  kith::Result<std::vector<ProcessStats>> stats() const;

  const std::vector<ProcessAddresses>& addresses() const { return addresses_; }
  ChildProcess& process(std::size_t index) { return processes_[index]; }
  /// Runs a process that ended again, under its old name, with one that runs as its seed.
  kith::Result<void> restart(std::size_t index);

 private:
  Cluster(std::string program, std::vector<ProcessAddresses> addresses, Manner manner);
  /// `seed`: another process. Empty: it is the first.
  std::vector<std::string> command(std::size_t index, std::optional<std::size_t> seed) const;
  /// Empty: it is as it should be. Otherwise why not.
  std::string objection(std::size_t index) const;

  std::string program_;
  std::vector<ProcessAddresses> addresses_;
  Manner manner_;
  std::vector<ChildProcess> processes_;
};

}  // namespace tiles
