// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/report.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "edge/net/address.h"
#include "edge/net/in_words.h"

namespace kith {

std::string Seed::to_string() const { return edge::Address{host, port}.to_string(); }

}  // namespace kith

namespace kith::edge::discovery {

namespace {

/// RFC 1035's bound on a name.
constexpr std::size_t kMaxHostBytes = 255;
constexpr std::uint64_t kMaxPort = 65'535;

/// A listener is a user's function.
template <class Function, class... Arguments>
void call(const Function& function, const Arguments&... arguments) {
  if (!function) return;
  try {
    function(arguments...);
  } catch (...) {
    // It must not throw; there is nobody here who could do something about it.
  }
}

/// The shortest form of a numeric address; empty when it is none.
std::string canonical(const std::string& host) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return inet_ntop(AF_INET, &v4, text.data(), text.size());
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return inet_ntop(AF_INET6, &v6, text.data(), text.size());
  }
  return {};
}

bool may_be_in_a_name(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

}  // namespace

Report::Report(std::string name, Discovery::Listener listener)
    : name_(std::move(name)), listener_(std::move(listener)) {}

void Report::answered(Found found) {
  std::ranges::sort(found.seeds);
  found.seeds.erase(std::unique(found.seeds.begin(), found.seeds.end()), found.seeds.end());
  if (found.seeds.size() > kMaxSeeds) {
    found.complain(std::to_string(found.seeds.size()) + " seeds, of which the first " +
                   std::to_string(kMaxSeeds) + " are used");
    found.seeds.resize(kMaxSeeds);
  }
  if (last_ != found.seeds) {
    last_ = std::move(found.seeds);
    call(listener_.on_seeds, *last_);
  }
  if (!found.complaint.empty()) {
    trouble(found.complaint);
  } else if (std::exchange(troubled_, false)) {
    call(listener_.on_recovery);
  }
}

void Report::trouble(std::string_view why) {
  if (std::exchange(troubled_, true)) return;
  call(listener_.on_trouble, name_ + ": " + printable(why));
}

Result<Seed> make_seed(std::string_view host, std::uint64_t port) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument,
                "'" + printable(host) + "' port " + std::to_string(port) + ": " + std::string(why));
  };
  if (port == 0 || port > kMaxPort) return bad("a port is 1 to 65535");
  if (host.empty()) return bad("it has no host");
  if (host.size() > kMaxHostBytes) return bad("the host is longer than 255 bytes");
  Seed seed{canonical(std::string(host)), static_cast<std::uint16_t>(port)};
  if (!seed.host.empty() && host.find('\0') == std::string_view::npos) return seed;
  if (!std::ranges::all_of(host, may_be_in_a_name)) return bad("no host is called so");
  seed.host = host;
  return seed;
}

Result<Seed> parse_seed(std::string_view address) {
  return Address::parse(address).and_then(
      [](const Address& parsed) { return make_seed(parsed.host, parsed.port); });
}

bool is_numeric(std::string_view host) { return !canonical(std::string(host)).empty(); }

}  // namespace kith::edge::discovery
