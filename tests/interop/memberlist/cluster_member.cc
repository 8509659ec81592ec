// SPDX-License-Identifier: Apache-2.0
//
// As gossip_member.cc, but of a kith cluster: what kith says above memberlist's wire goes through
// processes that know nothing of it.
#include <kith/result.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "core/membership/cluster/cluster.h"
#include "edge/driver/gossip.h"
#include "tests/interop/memberlist/scripted.h"

namespace kith::edge {
namespace {

namespace m = membership;
using nlohmann::json;
using Gossip = GossipDriver<m::Cluster, m::ClusterActions>;

class Member {
 public:
  explicit Member(const Settings& settings) : settings_(settings) {}

  Result<void> start();
  void run();

 private:
  void happened(const m::PeerEvent& event);
  void happened(const m::Participants& participants);
  void happened(const m::Warning& warning) {
    teller_.tell({{"ev", "warning"}, {"kind", static_cast<int>(warning.kind)}});
  }
  template <class Other>
  void happened(const Other&) {}

  void obey(const std::string& command, const std::string& rest);
  void join(const std::string& text);

  const Settings settings_;
  Teller teller_;
  std::vector<m::Address> seeds_;
  std::unique_ptr<Gossip> gossip_;
};

Result<void> Member::start() {
  auto host = host_options(settings_);
  if (!host) return tl::unexpected(host.error());
  const auto on_event = [this](const m::Cluster&, const m::ClusterAction& action) {
    std::visit([this](const auto& specific) { happened(specific); }, action);
  };
  auto gossip = Gossip::start(
      {.host = *std::move(host), .on_event = on_event},
      [this](const m::Address& address, std::size_t overhead, TimePoint now) {
        m::ClusterOptions options;
        options.membership = membership_options(settings_, address, overhead);
        options.boot = BootId{static_cast<std::uint64_t>(now.time_since_epoch().count())};
        options.data_port = address.port;
        options.phase = m::Phase::ready;
        auto machine = std::make_unique<m::Cluster>(options, now);
        const m::Member& self = machine->membership().members().self();
        teller_.tell(
            described("up", self.name, address, self.meta, self.versions, self.incarnation));
        return machine;
      });
  if (!gossip) return tl::unexpected(gossip.error());
  gossip_ = *std::move(gossip);
  return {};
}

void Member::happened(const m::PeerEvent& event) {
  using Kind = m::PeerEvent::Kind;
  static const std::map<Kind, std::pair<const char*, const char*>> kNames = {
      {Kind::joined, {"join", "joined"}},
      {Kind::updated, {"update", "updated"}},
      {Kind::suspected, {"suspect", "suspected"}},
      {Kind::cleared, {"cleared", "cleared"}},
      {Kind::unreachable, {"unreachable", "unreachable"}},
      {Kind::reachable, {"reachable", "reachable"}},
      {Kind::failed, {"leave", "failed"}},
      {Kind::left, {"leave", "left"}}};
  const auto& [name, kind] = kNames.at(event.kind);
  teller_.tell(
      {{"ev", name}, {"name", event.name}, {"kind", kind}, {"is_kith", event.node.has_value()}});
}

void Member::happened(const m::Participants& participants) {
  json names = json::array();
  for (const auto& member : participants.members) names.push_back(member.name);
  teller_.tell({{"ev", "participants"}, {"names", std::move(names)}});
}

void Member::run() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto space = line.find(' ');
    const std::string command = line.substr(0, space);
    if (command == "quit") break;
    obey(command, space == std::string::npos ? "" : line.substr(space + 1));
  }
  gossip_->stop();
}

void Member::obey(const std::string& command, const std::string& rest) {
  if (command == "join") return join(rest);
  if (command == "leave") {
    return gossip_->leave(std::chrono::seconds(5), [this] {
      teller_.tell({{"ev", "left"}, {"err", ""}});
    });
  }
  if (command == "members") {
    const auto answer = gossip_->ask([](m::Cluster& cluster, TimePoint, m::ClusterActions&) {
      return listed(cluster.membership());
    });
    if (answer) teller_.tell(*answer);
    return;
  }
  if (command == "open") {
    const auto opened =
        gossip_->ask([&](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
          return cluster.open_cache(cache_id(rest), now, out);
        });
    return teller_.answer(command, opened ? *opened : Result<void>(tl::unexpected(opened.error())));
  }
  teller_.tell({{"ev", "unknown"}, {"command", command}});
}

/// Discovery names one more address; whether anybody is there shows by events.
void Member::join(const std::string& text) {
  const auto address = address_of(text);
  if (!address) {
    return teller_.tell({{"ev", "joined"}, {"n", 0}, {"err", address.error().message}});
  }
  seeds_.push_back(*address);
  gossip_->post([seeds = seeds_](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    cluster.on_seeds(seeds, now, out);
  });
  teller_.tell({{"ev", "joined"}, {"n", 1}, {"err", ""}});
}

}  // namespace
}  // namespace kith::edge

int main(int argc, char** argv) {
  const auto settings =
      kith::edge::parse_flags(argc, argv, "One node of a kith cluster that a script drives");
  ::alarm(settings.lifetime);
  kith::edge::Member member(settings);
  if (const auto started = member.start(); !started) {
    std::cerr << started.error() << std::endl;
    return 1;
  }
  member.run();
  return 0;
}
