// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "core/membership/members.h"
#include "core/membership/membership.h"
#include "core/membership/messages.h"
#include "core/membership/options.h"
#include "edge/driver/gossip_host.h"
#include "wire/gossip/keyring.h"

// What the members of pools have in common that a script drives: flags, and lines of JSON.
namespace kith::edge {

/// The flags. Those of go/member mean the same.
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

/// Reads the flags. Does not return when they are wrong.
Settings parse_flags(int argc, char** argv, const std::string& about);
/// Logs to settings.log. Errors: invalid_argument (the key).
Result<GossipHost::Options> host_options(const Settings& settings);
membership::Options membership_options(const Settings& settings, const membership::Address& address,
                                       std::size_t overhead);

std::string base64(std::string_view bytes);
/// From hexadecimal digits. Errors: invalid_argument.
Result<wire::gossip::Key> key_of(std::string_view digits);
Result<membership::Address> address_of(std::string_view text);

/// Lines on standard output, whole ones whoever writes. Thread-safe.
class Teller {
 public:
  void tell(const nlohmann::json& event);
  /// The end of a command.
  void answer(const std::string& command, const Result<void>& result);

 private:
  Mutex mutex_;
};

/// A node as an event or a list has it.
nlohmann::json described(const char* event, std::string_view name,
                         const membership::Address& address, std::string_view meta,
                         const membership::Versions& versions, std::uint32_t incarnation);
/// What answers `members`.
nlohmann::json listed(const membership::Membership& membership);

}  // namespace kith::edge
