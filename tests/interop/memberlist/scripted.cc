// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/memberlist/scripted.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>

#include "core/membership/profile.h"
#include "edge/driver/gossip_messages.h"
#include "edge/gossip/endpoint.h"
#include "edge/net/address.h"

namespace kith::edge {

namespace m = membership;
using nlohmann::json;

Settings parse_flags(int argc, char** argv, const std::string& about) {
  Settings settings;
  CLI::App app(about);
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return settings;
}

Result<GossipHost::Options> host_options(const Settings& settings) {
  GossipHost::Options host{.listen = Address{settings.bind, settings.port}.to_string(),
                           .pool = {.label = settings.label},
                           .compress = settings.compress};
  if (!settings.key.empty()) {
    const auto key = key_of(settings.key);
    if (!key) return tl::unexpected(key.error());
    if (const auto added = host.pool.keyring.add(*key); !added) {
      return tl::unexpected(added.error());
    }
  }
  host.log = [log = std::make_shared<std::ofstream>(settings.log)](Severity severity,
                                                                   std::string_view line) {
    *log << (severity >= Severity::warning ? "[WARN] " : "[INFO] ") << line << std::endl;
  };
  return host;
}

m::Options membership_options(const Settings& settings, const m::Address& address,
                              std::size_t overhead) {
  m::Options options;
  options.name = settings.name;
  options.address = address;
  options.meta = settings.meta;
  options.packet_overhead = overhead;
  options.seed = static_cast<std::uint64_t>(::getpid());
  options.profile = settings.profile == "lan" ? m::lan_profile() : m::local_profile();
  if (settings.push_pull > 0) {
    options.profile.push_pull_interval =
        std::chrono::milliseconds(static_cast<std::int64_t>(settings.push_pull * 1000));
  }
  if (settings.serf) options.versions = {1, 5, 2, 2, 5, 4};
  return options;
}

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

Result<wire::gossip::Key> key_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::strtol(std::string(digits.substr(i, 2)).c_str(), nullptr, 16));
  }
  return wire::gossip::Key::create(bytes);
}

Result<m::Address> address_of(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) return tl::unexpected(address.error());
  const auto endpoint = gossip::Endpoint::from_digits(address->host, address->port);
  if (!endpoint) return tl::unexpected(endpoint.error());
  return from_wire(*endpoint);
}

void Teller::tell(const json& event) {
  MutexLock lock(&mutex_);
  std::cout << event.dump() << std::endl;
}

void Teller::answer(const std::string& command, const Result<void>& result) {
  tell({{"ev", "done"}, {"command", command}, {"err", result ? "" : result.error().message}});
}

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

json listed(const m::Membership& membership) {
  static constexpr const char* kStates[] = {"alive", "suspect", "dead", "left"};
  json list = json::array();
  membership.members().for_each([&](const m::Member& member) {
    json line = described("member", member.name, member.address, member.meta, member.versions,
                          member.incarnation);
    line["state"] = kStates[static_cast<int>(member.state)];
    list.push_back(std::move(line));
  });
  return {{"ev", "members"}, {"list", std::move(list)}, {"health", membership.health_score()}};
}

}  // namespace kith::edge
