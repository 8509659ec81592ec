// SPDX-License-Identifier: Apache-2.0
//
// One member of a gossip pool that a script drives: commands come in on standard input, what
// happens goes out on standard output, one JSON object a line. go/member says the same of
// memberlist itself, so that interop_test.py can treat both alike.
#include <kith/result.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/membership/membership.h"
#include "edge/driver/gossip.h"
#include "edge/driver/gossip_messages.h"
#include "edge/gossip/endpoint.h"
#include "tests/interop/memberlist/scripted.h"

namespace kith::edge {
namespace {

namespace m = membership;
using nlohmann::json;

/// Membership behind a network that loses some packets, always the same ones.
class Behind final : public m::Membership {
 public:
  using Membership::Membership;

  void on_packet(const m::Address& source, std::span<const m::Message> messages, TimePoint now,
                 m::Actions& out) {
    if (deaf_to.contains(source.ip)) return;
    std::vector<m::Message> heard;
    for (const m::Message& message : messages) {
      if (!deaf_to_pings || !std::holds_alternative<m::Ping>(message)) heard.push_back(message);
    }
    Membership::on_packet(source, heard, now, out);
  }

  bool deaf_to_pings = false;
  std::set<std::string> deaf_to;
};

using Gossip = GossipDriver<Behind>;

class Member {
 public:
  explicit Member(const Settings& settings) : settings_(settings) {}

  Result<void> start();
  void run();

 private:
  void happened(const m::MemberEvent& event);
  void happened(const m::NameConflict& conflict);
  void happened(const m::UserReceived& user) {
    teller_.tell({{"ev", "msg"}, {"b64", base64(user.payload)}});
  }
  void happened(const m::UserStateReceived& user) {
    teller_.tell({{"ev", "merge"}, {"join", user.join}, {"b64", base64(user.state)}});
  }
  void happened(const m::PacketsUnanswered& silent) {
    teller_.tell({{"ev", "udp_blocked"}, {"name", silent.name}});
  }
  void happened(const m::Incompatible&) { teller_.tell({{"ev", "incompatible"}}); }
  template <class Other>
  void happened(const Other&) {}

  void obey(const std::string& command, const std::string& rest);
  void join(const std::vector<std::string>& addresses);
  void leave();
  void list();
  void tell(const std::string& rest, Gossip::Via via);
  void change_key(const std::string& command, const std::string& digits);

  const Settings settings_;
  Teller teller_;
  std::unique_ptr<Gossip> gossip_;
};

Result<void> Member::start() {
  auto host = host_options(settings_);
  if (!host) return tl::unexpected(host.error());
  const auto on_event = [this](const Behind&, const m::Action& action) {
    std::visit([this](const auto& specific) { happened(specific); }, action);
  };
  auto gossip =
      Gossip::start({.host = *std::move(host), .on_event = on_event},
                    [this](const m::Address& address, std::size_t overhead, TimePoint now) {
                      const m::Options options = membership_options(settings_, address, overhead);
                      teller_.tell(described("up", options.name, address, options.meta,
                                             options.versions, options.incarnation));
                      auto machine = std::make_unique<Behind>(options, now);
                      machine->set_user_state(settings_.state);
                      return machine;
                    });
  if (!gossip) return tl::unexpected(gossip.error());
  gossip_ = *std::move(gossip);
  if (!settings_.join.empty()) join(settings_.join);
  return {};
}

void Member::happened(const m::MemberEvent& event) {
  using Kind = m::MemberEvent::Kind;
  static const std::map<Kind, std::pair<const char*, const char*>> kNames = {
      {Kind::joined, {"join", "joined"}},          {Kind::updated, {"update", "updated"}},
      {Kind::suspected, {"suspect", "suspected"}}, {Kind::cleared, {"cleared", "cleared"}},
      {Kind::failed, {"leave", "failed"}},         {Kind::left, {"leave", "left"}}};
  const auto& [name, kind] = kNames.at(event.kind);
  json line =
      described(name, event.name, event.address, event.meta, event.versions, event.incarnation);
  line["kind"] = kind;
  teller_.tell(line);
}

void Member::happened(const m::NameConflict& conflict) {
  teller_.tell({{"ev", "conflict"},
                {"name", conflict.name},
                {"mine", to_wire(conflict.known).to_string()},
                {"theirs", to_wire(conflict.claimed).to_string()}});
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
  if (command == "members") return list();
  if (command == "join") return join({rest});
  if (command == "leave") return leave();
  if (command == "bcast") return teller_.answer(command, gossip_->spread(rest));
  if (command == "udp") return tell(rest, Gossip::Via::packet);
  if (command == "tcp") return tell(rest, Gossip::Via::stream);
  if (command == "setmeta") return teller_.answer(command, gossip_->set_meta(rest));
  if (command == "setstate") return gossip_->set_user_state(rest);
  if (command.ends_with("key")) return change_key(command, rest);
  if (command == "deaf") {
    // "deaf pings", or "deaf 127.0.0.1" to all packets from there.
    return gossip_->post([rest](Behind& machine, TimePoint, m::Actions&) {
      if (rest == "pings") machine.deaf_to_pings = true;
      const auto from = gossip::Endpoint::from_digits(rest, 0);
      if (from) machine.deaf_to.insert(from->ip);
    });
  }
  teller_.tell({{"ev", "unknown"}, {"command", command}});
}

void Member::join(const std::vector<std::string>& addresses) {
  std::vector<m::Address> parsed;
  for (const std::string& text : addresses) {
    const auto address = address_of(text);
    if (!address) {
      return teller_.tell({{"ev", "joined"}, {"n", 0}, {"err", address.error().message}});
    }
    parsed.push_back(*address);
  }
  gossip_->join(std::move(parsed), [this](std::size_t reached) {
    teller_.tell({{"ev", "joined"}, {"n", reached}, {"err", reached > 0 ? "" : "nobody answered"}});
  });
}

void Member::leave() {
  gossip_->leave(std::chrono::seconds(5), [this] { teller_.tell({{"ev", "left"}, {"err", ""}}); });
}

void Member::list() {
  const auto answer =
      gossip_->ask([](Behind& machine, TimePoint, m::Actions&) { return listed(machine); });
  if (answer) teller_.tell(*answer);
}

void Member::tell(const std::string& rest, Gossip::Via via) {
  const auto space = rest.find(' ');
  const std::string text = space == std::string::npos ? "" : rest.substr(space + 1);
  teller_.answer("tell", gossip_->tell(rest.substr(0, space), text, via));
}

void Member::change_key(const std::string& command, const std::string& digits) {
  const auto key = key_of(digits);
  if (!key) return teller_.answer(command, tl::unexpected(key.error()));
  if (command == "addkey") return teller_.answer(command, gossip_->add_key(*key));
  if (command == "usekey") return teller_.answer(command, gossip_->use_key(*key));
  if (command == "removekey") return teller_.answer(command, gossip_->remove_key(*key));
  teller_.tell({{"ev", "unknown"}, {"command", command}});
}

}  // namespace
}  // namespace kith::edge

int main(int argc, char** argv) {
  const auto settings =
      kith::edge::parse_flags(argc, argv, "One member of a gossip pool that a script drives");
  ::alarm(settings.lifetime);
  kith::edge::Member member(settings);
  if (const auto started = member.start(); !started) {
    std::cerr << started.error() << std::endl;
    return 1;
  }
  member.run();
  return 0;
}
