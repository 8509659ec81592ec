// SPDX-License-Identifier: Apache-2.0
#include "api/validate.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <string>

#include "core/membership/cluster/cluster.h"
#include "edge/net/in_words.h"
#include "wire/gossip/keyring.h"

namespace kith::api {

namespace {

constexpr std::uint64_t kLeastNodeMemory = 1_MiB;
constexpr std::uint64_t kLeastCacheMemory = 64_KiB;
constexpr std::uint32_t kMostWeight = 1000;
constexpr int kMostLoops = 16;
constexpr int kMostLoaderThreads = 1024;
constexpr int kMostConcurrentLoads = 100'000;
constexpr std::size_t kMostPeers = 4096;
/// Names travel in greetings, which have no room for longer ones: wire::peer::kMaxNameBytes.
constexpr std::size_t kMostAddressBytes = 1024;

std::string show(Duration duration) { return edge::in_words(duration); }
std::string show(Coherence coherence) {
  return coherence == Coherence::immutable ? "immutable" : "coherent";
}
template <class Number>
std::string show(Number number) {
  return std::to_string(number);
}

tl::unexpected<Error> bad(std::string_view field, const std::string& value,
                          std::string_view allowed) {
  return fail(ErrorCode::invalid_argument,
              std::string(field) + " is " + value + "; it must be " + std::string(allowed));
}

/// "host:port" with a port of 0 to 65535, or 1 up when `fixed_port`. "[v6]:port" for IPv6.
bool well_formed_address(std::string_view address, bool fixed_port) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find_first_of(":[] \t/") != std::string_view::npos) return false;
  const std::string_view digits = address.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc{} && end == digits.data() + digits.size() && port <= 65'535 &&
         !(fixed_port && port == 0);
}

Result<void> validate_length(std::string_view field, std::string_view address) {
  if (address.size() <= kMostAddressBytes) return {};
  return bad(field, std::to_string(address.size()) + " bytes long", "at most 1024 bytes long");
}

/// Whether `address`, which is well formed, stands for all addresses of the machine, in any
/// spelling: such as "0.0.0.0:7400" and "[::]:7400".
bool is_wildcard(std::string_view address) {
  std::string host(address.substr(0, address.rfind(':')));
  in_addr v4{};
  if (inet_aton(host.c_str(), &v4) != 0) return v4.s_addr == INADDR_ANY;
  if (host.front() != '[') return false;
  host = host.substr(1, host.size() - 2);
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

/// Whether `address`, which is well formed, can be reached from this machine only, however it is
/// spelled. A name may lead anywhere, but for "localhost".
bool is_loopback(std::string_view address) {
  std::string host(address.substr(0, address.rfind(':')));
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_aton(host.c_str(), &v4) != 0) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  if (host.front() != '[') return false;
  host = host.substr(1, host.size() - 2);
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) ||
         (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET);
}

Result<void> validate_gossip_security(const NodeOptions& options) {
  if (!options.gossip || options.insecure || !options.gossip->keys.empty()) return {};
  if (is_loopback(options.gossip->listen)) return {};
  return bad("gossip.listen", '"' + options.gossip->listen + '"',
             "an address of this machine alone, such as 127.0.0.1:7401, as long as there is no "
             "gossip key: anybody could join. Set gossip.keys (`kith keygen` makes one), or "
             "insecure = true if that is meant");
}

Result<void> validate_name(std::string_view name) {
  constexpr std::size_t kMostName = 128;
  if (name.size() > kMostName) {
    return bad("name", std::to_string(name.size()) + " bytes long", "at most 128 bytes long");
  }
  const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
  return printable ? Result<void>()
                   : bad("name", "not printable", "of printable ASCII without spaces");
}

/// What others see of it has bounds of its own.
Result<void> validate_gossip(const NodeOptions& options) {
  const GossipOptions& gossip = *options.gossip;
  if (!options.peers.empty()) {
    return bad("peers", "not empty", "empty with gossip, by which the nodes find each other");
  }
  if (options.listen.empty()) {
    return bad("listen", "empty", "\"host:port\" with gossip: others will ask this node");
  }
  if (!well_formed_address(gossip.listen, false)) {
    return bad("gossip.listen", '"' + gossip.listen + '"', "\"host:port\" in digits");
  }
  if (gossip.advertise.empty() ? is_wildcard(gossip.listen)
                               : !well_formed_address(gossip.advertise, false)) {
    return bad(
        "gossip.advertise", '"' + gossip.advertise + '"',
        "\"host:port\" in digits that others can reach; it may be empty unless gossip.listen "
        "is all addresses of the machine");
  }
  if (gossip.cluster.empty() || gossip.cluster.size() > membership::kMaxClusterName) {
    return bad("gossip.cluster", '"' + gossip.cluster + '"', "1 to 64 bytes long");
  }
  if (gossip.label && gossip.label->size() > 255) {
    return bad("gossip.label", std::to_string(gossip.label->size()) + " bytes long",
               "at most 255 bytes long");
  }
  for (const std::string& seed : gossip.seeds) {
    if (!well_formed_address(seed, true)) {
      return bad("gossip.seeds", '"' + seed + '"', "\"host:port\"");
    }
  }
  if (gossip.alone_after < Duration::zero()) {
    return bad("gossip.alone_after", show(gossip.alone_after), "zero or more");
  }
  if (gossip.keys.size() > wire::gossip::Keyring::kMaxKeys) {
    return bad("gossip.keys", show(gossip.keys.size()) + " keys", "at most 16");
  }
  for (const std::string& key : gossip.keys) {
    // The key itself is nothing for a log.
    if (const auto parsed = wire::gossip::Key::from_base64(key); !parsed) {
      return fail(ErrorCode::invalid_argument, "gossip.keys: " + parsed.error().message);
    }
  }
  if (options.zone.size() > membership::kMaxZone) {
    return bad("zone", '"' + options.zone + '"', "at most 64 bytes long with gossip");
  }
  return {};
}

/// Of the files only the node itself can tell.
Result<void> validate_security(const NodeOptions& options) {
  if (options.tls) {
    constexpr Duration kLeastInterval = std::chrono::seconds(1);
    const Duration interval = options.tls->reload_interval;
    if (interval != Duration::zero() && interval < kLeastInterval) {
      return bad("tls.reload_interval", show(interval), "zero, or 1 second and more");
    }
  }
  if (auto valid = validate_gossip_security(options); !valid) return valid;
  if (options.tls || options.insecure || options.listen.empty() || is_loopback(options.listen)) {
    return {};
  }
  return bad("listen", '"' + options.listen + '"',
             "an address of this machine alone, such as 127.0.0.1:7400, as long as tls is not set: "
             "others could read the cache and pass for nodes. Set tls (docs/security.md; `kith "
             "certs` makes certificates), or insecure = true if that is meant");
}

}  // namespace

Result<void> validate(const NodeOptions& options) {
  if (!options.listen.empty() && !well_formed_address(options.listen, false)) {
    return bad("listen", '"' + options.listen + '"', "\"host:port\", or empty");
  }
  if (auto valid = validate_length("advertise", options.advertise); !valid) return valid;
  if (!options.advertise.empty() && !well_formed_address(options.advertise, true)) {
    return bad("advertise", '"' + options.advertise + '"', "\"host:port\", or empty");
  }
  if (options.advertise.empty() && !options.listen.empty() && is_wildcard(options.listen)) {
    return bad("listen", '"' + options.listen + '"',
               "an address that peers can reach, unless advertise names one: all addresses of this "
               "machine are no address to another");
  }
  if (auto valid = validate_name(options.name); !valid) return valid;
  if (!options.gossip && !options.name.empty()) {
    return bad("name", '"' + options.name + '"',
               "empty without gossip: there the address is the name");
  }
  if (options.gossip) {
    if (auto valid = validate_gossip(options); !valid) return valid;
  }
  if (auto valid = validate_security(options); !valid) return valid;
  if (options.weight < 1 || options.weight > kMostWeight) {
    return bad("weight", show(options.weight), "1 to 1000");
  }
  if (options.memory_bytes < kLeastNodeMemory) {
    return bad("memory_bytes", show(options.memory_bytes), "at least 1 MiB");
  }
  if (options.loops < 1 || options.loops > kMostLoops) {
    return bad("loops", show(options.loops), "1 to 16");
  }
  if (options.loader_threads < 1 || options.loader_threads > kMostLoaderThreads) {
    return bad("loader_threads", show(options.loader_threads), "1 to 1024");
  }
  if (options.stop_grace < Duration::zero()) {
    return bad("stop_grace", show(options.stop_grace), "zero or more");
  }
  if (auto valid = validate_reachable(options.listen, options.peers); !valid) return valid;
  return validate_peers(options.peers);
}

Result<void> validate_cache_memory(std::uint64_t bytes) {
  if (bytes >= kLeastCacheMemory) return {};
  return bad("memory_bytes", show(bytes), "at least 64 KiB");
}

Result<void> validate(const CacheOptions& options) {
  const auto negative = [](Duration duration) { return duration < Duration::zero(); };
  if (auto valid = validate_cache_memory(options.memory_bytes); !valid) return valid;
  if (negative(options.default_ttl)) {
    return bad("default_ttl", show(options.default_ttl), "zero or more");
  }
  if (!(options.ttl_jitter >= 0 && options.ttl_jitter <= 0.5)) {
    return bad("ttl_jitter", show(options.ttl_jitter), "0 to 0.5");
  }
  if (negative(options.negative_ttl)) {
    return bad("negative_ttl", show(options.negative_ttl), "zero or more");
  }
  if (negative(options.stale_if_error)) {
    return bad("stale_if_error", show(options.stale_if_error), "zero or more");
  }
  if (options.load_timeout <= Duration::zero()) {
    return bad("load_timeout", show(options.load_timeout), "more than zero");
  }
  if (options.max_concurrent_loads < 1 || options.max_concurrent_loads > kMostConcurrentLoads) {
    return bad("max_concurrent_loads", show(options.max_concurrent_loads), "1 to 100 000");
  }
  if (options.max_queued_loads < 1) {
    return bad("max_queued_loads", show(options.max_queued_loads), "at least 1");
  }
  if (options.max_value_bytes < 1 || options.max_value_bytes > kMaxValueBytes) {
    return bad("max_value_bytes", show(options.max_value_bytes), "1 byte to 256 MiB");
  }
  if (!(options.early_refresh >= 0 && options.early_refresh <= 100)) {
    return bad("early_refresh", show(options.early_refresh), "0 to 100");
  }
  return {};
}

Result<void> validate_cache_name(std::string_view name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' ||
           c == '/';
  };
  if (name.empty() || name.size() > kMaxCacheNameBytes ||
      !std::all_of(name.begin(), name.end(), allowed) ||
      std::isalnum(static_cast<unsigned char>(name.front())) == 0) {
    return bad("name", '"' + std::string(name.substr(0, kMaxCacheNameBytes)) + '"',
               "1 to 128 of A-Z a-z 0-9 . _ - / and start with a letter or digit");
  }
  return {};
}

Result<void> validate_key(std::string_view key) {
  if (key.empty()) return bad("key", "empty", "1 to 65536 bytes long");
  if (key.size() > kMaxKeyBytes) {
    return fail(ErrorCode::too_large, "key has " + std::to_string(key.size()) +
                                          " bytes; it must be 1 to 65536 bytes long");
  }
  return {};
}

Result<void> validate_peers(std::span<const Peer> peers) {
  if (peers.size() > kMostPeers) {
    return bad("peers", show(peers.size()) + " long", "at most 4096 long");
  }
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const Peer& peer = peers[i];
    const std::string field = "peers[" + std::to_string(i) + "]";
    if (auto valid = validate_length(field + ".address", peer.address); !valid) return valid;
    if (!well_formed_address(peer.address, true)) {
      return bad(field + ".address", '"' + peer.address + '"', "\"host:port\" with a port above 0");
    }
    if (peer.weight < 1 || peer.weight > kMostWeight) {
      return bad(field + ".weight", show(peer.weight), "1 to 1000");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (peers[j].address == peer.address) {
        return bad(field + ".address", '"' + peer.address + '"', "listed once");
      }
    }
  }
  return {};
}

Result<void> validate_reachable(std::string_view listen, std::span<const Peer> peers) {
  if (!listen.empty() || peers.empty()) return {};
  return bad("listen", "empty", "an address, because peers must reach this node");
}

std::string difference(const CacheOptions& a, const CacheOptions& b) {
  const auto differ = [](std::string_view field, const auto& x, const auto& y) {
    return x == y ? std::string()
                  : std::string(field) + " is " + show(x) + " there and " + show(y) + " here";
  };
  for (const std::string& text :
       {differ("memory_bytes", a.memory_bytes, b.memory_bytes),
        differ("elastic", a.elastic, b.elastic), differ("coherence", a.coherence, b.coherence),
        differ("default_ttl", a.default_ttl, b.default_ttl),
        differ("ttl_jitter", a.ttl_jitter, b.ttl_jitter),
        differ("negative_ttl", a.negative_ttl, b.negative_ttl),
        differ("stale_if_error", a.stale_if_error, b.stale_if_error),
        differ("load_timeout", a.load_timeout, b.load_timeout),
        differ("max_concurrent_loads", a.max_concurrent_loads, b.max_concurrent_loads),
        differ("max_queued_loads", a.max_queued_loads, b.max_queued_loads),
        differ("max_value_bytes", a.max_value_bytes, b.max_value_bytes),
        differ("early_refresh", a.early_refresh, b.early_refresh),
        differ("compress", a.compress, b.compress)}) {
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace kith::api
