// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <span>
#include <string>
#include <vector>

#include "edge/discovery/dns_answer.h"
#include "edge/discovery/stop_signal.h"

namespace kith::edge::discovery {

struct DnsQuestion {
  std::string name;
  DnsType type = DnsType::a;
};

/// Asks DNS servers. Stateless: the configuration is read anew each time.
class Resolver {
 public:
  /// `servers` as "192.0.2.1:53" or "[2001:db8::1]:53"; none: the system's.
  Resolver(const std::vector<std::string>& servers, Duration timeout);

  /// Asks all of it together and waits for at most the timeout. An answer for each question, in
  /// their order; of what does not exist it is an empty one. Errors of each: unavailable,
  /// cancelled.
  std::vector<Result<DnsAnswer>> ask(std::span<const DnsQuestion> questions,
                                     const StopSignal& stop) const;

 private:
  /// As c-ares wants them: with commas between.
  std::string servers_;
  Duration timeout_;
};

}  // namespace kith::edge::discovery
