// SPDX-License-Identifier: Apache-2.0
#include "live.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <vector>

#include "cluster.h"

namespace tiles {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kStartTimeout = std::chrono::seconds(15);
constexpr auto kAbsence = std::chrono::seconds(15);
/// Long enough to be seen on the page.
constexpr auto kDrain = std::chrono::milliseconds(1500);

std::vector<ProcessAddresses> fixed_addresses() {
  return {{"127.0.0.1:8081", "127.0.0.1:7101", "127.0.0.1:7201"},
          {"127.0.0.1:8082", "127.0.0.1:7102", "127.0.0.1:7202"},
          {"127.0.0.1:8083", "127.0.0.1:7103", "127.0.0.1:7203"}};
}

/// Notices processes that end, and starts each again after kAbsence.
class Supervisor {
 public:
  explicit Supervisor(Cluster& cluster) : cluster_(cluster), back_at_(cluster.addresses().size()) {}

  void check() {
    for (std::size_t i = 0; i < back_at_.size(); ++i) {
      if (back_at_[i]) {
        if (Clock::now() >= *back_at_[i]) restart(i);
      } else if (const auto how = cluster_.process(i).ended()) {
        std::cout << process_name(i) << " " << *how << "; it comes back in "
                  << std::chrono::seconds(kAbsence).count() << " s" << std::endl;
        back_at_[i] = Clock::now() + kAbsence;
      }
    }
  }

 private:
  void restart(std::size_t i) {
    back_at_[i].reset();
    if (const auto started = cluster_.restart(i); !started) {
      std::cout << process_name(i) << " cannot be started: " << started.error() << std::endl;
      return;
    }
    std::cout << process_name(i) << " is back: kill -9 " << cluster_.process(i).pid() << std::endl;
  }

  Cluster& cluster_;
  std::vector<std::optional<Clock::time_point>> back_at_;
};

}  // namespace

int run_live(const std::string& program, std::chrono::seconds duration, StopSignals& signals) {
  if (const auto free = check_free(fixed_addresses()); !free) {
    std::cerr << "tiles_demo: " << free.error().message
              << "\nThe live demo needs the ports 8081-8083, 7101-7103 and 7201-7203 of 127.0.0.1; "
                 "end what uses them, for example another live demo.\n";
    return EXIT_FAILURE;
  }
  auto cluster = Cluster::start(program, fixed_addresses(), {.drain = kDrain});
  if (!cluster) {
    std::cerr << "tiles_demo: " << cluster.error() << "\n";
    return EXIT_FAILURE;
  }
  if (const auto healthy = cluster->wait_together(kStartTimeout, signals); !healthy) {
    std::cerr << "tiles_demo: " << healthy.error() << "\n";
    return EXIT_FAILURE;
  }

  std::cout << "Three processes share one cache. Open\n\n"
               "    http://127.0.0.1:8081/?nodes=8081,8082,8083\n\n"
               "and wander about the map. Then kill one and go on:\n\n";
  for (std::size_t i = 0; i < cluster->addresses().size(); ++i) {
    std::cout << "    kill -9 " << cluster->process(i).pid() << "   # " << process_name(i) << ", "
              << cluster->addresses()[i].http << "\n";
  }
  std::cout
      << "\n`kill` alone lets it leave, `kill -STOP` makes it fall silent until `kill -CONT`.\n"
         "Ctrl-C ends all of them."
      << std::endl;

  Supervisor supervisor(*cluster);
  const auto end = Clock::now() + duration;
  while (Clock::now() < end && !signals.wait_for(std::chrono::milliseconds(200))) {
    supervisor.check();
  }
  return EXIT_SUCCESS;
}

}  // namespace tiles
