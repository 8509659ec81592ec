// SPDX-License-Identifier: Apache-2.0
//
// One member of a gossip pool that a script drives: commands come in on standard input, what
// happens goes out on standard output, one JSON object a line. go/member says the same of
// memberlist itself, so that interop_test.py can treat both alike.
#include <kith/result.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "core/membership/membership.h"
#include "core/membership/profile.h"
#include "core/membership/versions.h"
#include "edge/driver/gossip.h"
#include "edge/driver/gossip_messages.h"
#include "edge/gossip/endpoint.h"
#include "edge/net/address.h"

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

struct Settings {
  std::string name;
  std::string bind = "127.0.0.1";
  std::uint16_t port = 7946;
  std::vector<std::string> join;
  std::string key;
  std::string label;
  bool compress = false;
  std::string meta;
  std::string state;
  std::string profile = "local";
  double push_pull = 0;
  unsigned lifetime = 60;
  std::string log;
  bool serf = false;
};

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<std::uint8_t>(bytes[j]) : 0);
    }
    for (int digit = 0; digit < 4; ++digit) {
      const bool there = i + static_cast<std::size_t>(digit) <= bytes.size();
      text += there ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return text;
}

std::string unhex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

Result<m::Address> address_of(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) return tl::unexpected(address.error());
  const auto endpoint = gossip::Endpoint::from_digits(address->host, address->port);
  if (!endpoint) return tl::unexpected(endpoint.error());
  return from_wire(*endpoint);
}

/// Lines on standard output, whole ones whoever writes. Thread-safe.
class Teller {
 public:
  void tell(const json& event) {
    MutexLock lock(&mutex_);
    std::cout << event.dump() << std::endl;
  }

 private:
  Mutex mutex_;
};

json described(const char* event, std::string_view name, const m::Address& address,
               std::string_view meta, const m::Versions& versions, std::uint32_t incarnation) {
  const auto written = Address::parse(to_wire(address).to_string());
  return {{"ev", event},
          {"name", name},
          {"addr", written ? written->host : ""},
          {"addr_len", address.ip.size()},
          {"port", address.port},
          {"meta_b64", base64(meta)},
          {"vsn", versions},
          {"incarnation", incarnation}};
}

class Member {
 public:
  explicit Member(const Settings& settings) : settings_(settings), log_(settings.log) {}

  Result<void> start();
  void run();

 private:
  m::Options options(const m::Address& address, std::size_t overhead) const;
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
  void change_key(const std::string& command, const std::string& rest);
  void answer(const std::string& command, const Result<void>& result) {
    teller_.tell(
        {{"ev", "done"}, {"command", command}, {"err", result ? "" : result.error().message}});
  }

  const Settings settings_;
  Teller teller_;
  std::ofstream log_;
  std::unique_ptr<Gossip> gossip_;
};

m::Options Member::options(const m::Address& address, std::size_t overhead) const {
  m::Options options;
  options.name = settings_.name;
  options.address = address;
  options.meta = settings_.meta;
  options.packet_overhead = overhead;
  options.seed = static_cast<std::uint64_t>(::getpid());
  options.profile = settings_.profile == "lan" ? m::lan_profile() : m::local_profile();
  if (settings_.push_pull > 0) {
    options.profile.push_pull_interval =
        std::chrono::milliseconds(static_cast<std::int64_t>(settings_.push_pull * 1000));
  }
  if (settings_.serf) options.versions = {1, 5, 2, 2, 5, 4};
  return options;
}

Result<void> Member::start() {
  GossipHost::Options host{.listen = Address{settings_.bind, settings_.port}.to_string(),
                           .pool = {.label = settings_.label},
                           .compress = settings_.compress};
  if (!settings_.key.empty()) {
    const auto key = wire::gossip::Key::create(unhex(settings_.key));
    if (!key) return tl::unexpected(key.error());
    if (const auto added = host.pool.keyring.add(*key); !added) return added;
  }
  host.log = [this](Severity severity, std::string_view line) {
    log_ << (severity >= Severity::warning ? "[WARN] " : "[INFO] ") << line << std::endl;
  };
  const auto on_event = [this](const Behind&, const m::Action& action) {
    std::visit([this](const auto& specific) { happened(specific); }, action);
  };
  auto gossip =
      Gossip::start({.host = std::move(host), .on_event = on_event},
                    [this](const m::Address& address, std::size_t overhead, TimePoint now) {
                      auto machine = std::make_unique<Behind>(options(address, overhead), now);
                      machine->set_user_state(settings_.state);
                      return machine;
                    });
  if (!gossip) return tl::unexpected(gossip.error());
  gossip_ = *std::move(gossip);
  teller_.tell(described("up", settings_.name, gossip_->address(), settings_.meta,
                         options({}, 0).versions, 1));
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
  if (command == "bcast") return answer(command, gossip_->spread(rest));
  if (command == "udp") return tell(rest, Gossip::Via::packet);
  if (command == "tcp") return tell(rest, Gossip::Via::stream);
  if (command == "setmeta") return answer(command, gossip_->set_meta(rest));
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
    if (!address)
      return teller_.tell({{"ev", "joined"}, {"n", 0}, {"err", address.error().message}});
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
  static constexpr const char* kStates[] = {"alive", "suspect", "dead", "left"};
  const auto answer = gossip_->ask([](Behind& machine, TimePoint, m::Actions&) {
    json list = json::array();
    machine.members().for_each([&](const m::Member& member) {
      json line = described("member", member.name, member.address, member.meta, member.versions,
                            member.incarnation);
      line["state"] = kStates[static_cast<int>(member.state)];
      list.push_back(std::move(line));
    });
    return json{{"ev", "members"}, {"list", std::move(list)}, {"health", machine.health_score()}};
  });
  if (answer) teller_.tell(*answer);
}

void Member::tell(const std::string& rest, Gossip::Via via) {
  const auto space = rest.find(' ');
  const std::string text = space == std::string::npos ? "" : rest.substr(space + 1);
  answer("tell", gossip_->tell(rest.substr(0, space), text, via));
}

void Member::change_key(const std::string& command, const std::string& rest) {
  const auto key = wire::gossip::Key::create(unhex(rest));
  if (!key) return answer(command, tl::unexpected(key.error()));
  if (command == "addkey") return answer(command, gossip_->add_key(*key));
  if (command == "usekey") return answer(command, gossip_->use_key(*key));
  if (command == "removekey") return answer(command, gossip_->remove_key(*key));
  teller_.tell({{"ev", "unknown"}, {"command", command}});
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("One member of a gossip pool that a script drives");
  app.add_option("--name", settings.name)->required();
  app.add_option("--bind", settings.bind, "An IP address");
  app.add_option("--port", settings.port);
  app.add_option("--join", settings.join, "host:port, comma-separated")->delimiter(',');
  app.add_option("--key", settings.key, "16, 24 or 32 bytes in hexadecimal digits");
  app.add_option("--label", settings.label);
  app.add_flag("--compress", settings.compress);
  app.add_option("--meta", settings.meta);
  app.add_option("--state", settings.state, "User state for push/pulls");
  app.add_option("--profile", settings.profile)->check(CLI::IsMember({"local", "lan"}));
  app.add_option("--push-pull", settings.push_pull, "Seconds");
  app.add_option("--lifetime", settings.lifetime, "Seconds after which the process ends");
  app.add_option("--log", settings.log, "A file")->required();
  app.add_flag("--serf", settings.serf, "Say the versions that Serf does");
  CLI11_PARSE(app, argc, argv);

  ::alarm(settings.lifetime);
  Member member(settings);
  if (const auto started = member.start(); !started) {
    std::cerr << started.error() << std::endl;
    return 1;
  }
  member.run();
  return 0;
}

}  // namespace
}  // namespace kith::edge

int main(int argc, char** argv) { return kith::edge::run(argc, argv); }
