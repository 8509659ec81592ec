// SPDX-License-Identifier: Apache-2.0
#include "api/node_impl.h"

#include <absl/time/clock.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "api/validate.h"
#include "base/hash.h"
#include "core/fetch/ttl.h"

namespace kith::api {

namespace {

std::uint64_t random_bits() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

BootId new_boot_id() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  return BootId{static_cast<std::uint64_t>(ms) << 16 | (random_bits() & 0xffff)};
}

/// How often a store gives back what is over.
constexpr Duration kTidyPeriod = std::chrono::seconds(1);
/// How often memory is divided anew between requests and caches, and between one cache and another.
constexpr Duration kDividePeriod = std::chrono::milliseconds(100);
constexpr auto kLookPeriod = std::chrono::seconds(1);
/// And at once when requests took this part of it: 1/64.
constexpr std::uint64_t kMemorySteps = 64;

/// Of a node so small that it would hardly have anything else, no larger part is taken for
/// NodeMemory::fixed_bytes: 1/8.
constexpr std::uint64_t kMostFixedShare = 8;

LogLevel to_level(edge::Severity severity) { return static_cast<LogLevel>(severity); }

fetch::Options fetch_options(const CacheOptions& options, const Loader& loader,
                             int loader_threads) {
  fetch::Options result;
  result.immutable = options.coherence == Coherence::immutable;
  result.has_loader = static_cast<bool>(loader);
  result.default_ttl = options.default_ttl;
  result.ttl_jitter = options.ttl_jitter;
  result.negative_ttl = options.negative_ttl;
  result.stale_if_error = options.stale_if_error;
  result.load_timeout = options.load_timeout;
  result.max_queued_loads = options.max_queued_loads;
  result.max_value_bytes = options.max_value_bytes;
  result.early_refresh = options.early_refresh;
  result.max_concurrent_loads = options.max_concurrent_loads;
  if (std::holds_alternative<Loader::Sync>(loader.function())) {
    // More could not run; the rest had better wait where they can be ordered and cancelled.
    result.max_concurrent_loads = std::min(result.max_concurrent_loads, loader_threads);
  } else if (loader.max_batch() > 1) {
    // The option counts calls of the loader; the miss path counts keys.
    constexpr std::size_t kMost = 1'000'000;
    result.max_concurrent_loads = static_cast<int>(std::min(
        kMost, loader.max_batch() * static_cast<std::size_t>(options.max_concurrent_loads)));
  }
  return result;
}

/// Whether less than a fifth of a certificate's life is left: whoever renews them has not.
bool nearly_over(const edge::tls::CertificateText& certificate) {
  const auto left = certificate.not_after - std::chrono::system_clock::now();
  return left < (certificate.not_after - certificate.not_before) / 5;
}

edge::tls::Settings tls_settings(const TlsOptions& options) {
  return {.certificate_file = options.certificate_file,
          .key_file = options.key_file,
          .ca_file = options.ca_file,
          .peer_names = options.peer_names};
}

}  // namespace

Result<std::shared_ptr<NodeImpl>> NodeImpl::start(NodeOptions options) {
  if (auto valid = validate(options); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  if (options.log) {
    // The driver, the loaders and the housekeeper have lines of their own, and the sink hears one
    // at a time.
    options.log = [mutex = std::make_shared<Mutex>(), sink = std::move(options.log)](
                      LogLevel level, std::string_view line) {
      MutexLock lock(mutex.get());
      sink(level, line);
    };
  }
  edge::DriverOptions driver_options;
  driver_options.listen = options.listen;
  driver_options.advertise = options.advertise;
  driver_options.name = options.name;
  const BootId boot = new_boot_id();
  driver_options.boot = boot;
  driver_options.seed = random_bits();
  driver_options.loops = options.loops;
  if (options.log) {
    driver_options.log = [sink = options.log](edge::Severity severity, std::string_view line) {
      sink(to_level(severity), line);
    };
  }
  std::shared_ptr<edge::tls::Credentials> credentials;
  if (options.tls) {
    auto loaded = edge::tls::Credentials::load(tls_settings(*options.tls));
    if (!loaded) return fail(loaded.error().code, "tls." + loaded.error().message);
    credentials = *std::move(loaded);
    driver_options.tls = credentials;
  }
  const std::shared_ptr<NodeImpl> node(new NodeImpl(std::move(options)));
  node->credentials_ = std::move(credentials);
  node->engine_ = std::make_shared<Engine>(node->options_.loader_threads, node->options_.log);
  Engine& engine = *node->engine_;
  driver_options.memory_step = static_cast<std::size_t>(node->options_.memory_bytes / kMemorySteps);
  driver_options.on_memory_taken = [&engine] { engine.housekeeper.hurry(engine.divide_chore); };
  if (node->options_.gossip) {
    driver_options.on_peer_gone = [raw = node.get()](const std::string& name, BootId gone) {
      raw->pool_->on_peer_gone(name, gone);
    };
  }
  auto driver = edge::Driver::start(std::move(driver_options), engine.pool);
  if (!driver) return tl::unexpected<Error>(std::move(driver).error());
  engine.driver = *std::move(driver);
  engine.pool.deliver_to([&engine](fetch::LoadId load, fetch::LoadOutcome outcome) {
    engine.driver->loaded(load, std::move(outcome));
  });
  if (node->options_.tls && node->options_.tls->reload_interval > Duration::zero()) {
    // The node outlives its housekeeper's thread: see stop().
    engine.housekeeper.add(node->options_.tls->reload_interval, [raw = node.get()] {
      raw->look_at_certificates();
      return true;
    });
  }
  if (node->options_.gossip) {
    if (auto started = node->start_pool(boot); !started) {
      return tl::unexpected<Error>(std::move(started).error());
    }
  }
  MutexLock lock(&node->mutex_);
  node->memory_left_ = node->options_.memory_bytes;
  if (node->options_.gossip) {
    // Links are the pool's to say; who comes may come.
    engine.driver->set_peers({});
  } else if (auto installed = node->install_locked(node->options_.peers); !installed) {
    return tl::unexpected<Error>(std::move(installed).error());
  }
  return node;
}

Result<void> NodeImpl::start_pool(BootId boot) {
  const std::string& own = address();
  Pool::Setup setup;
  setup.name = name();
  setup.boot = boot;
  setup.data_port = static_cast<std::uint16_t>(std::stoul(own.substr(own.rfind(':') + 1)));
  auto pool = Pool::start(options_, setup, *engine_->driver);
  if (!pool) return tl::unexpected<Error>(std::move(pool).error());
  pool_ = *std::move(pool);
  return {};
}

Result<std::shared_ptr<CacheImpl>> NodeImpl::open(std::string_view name,
                                                  const CacheOptions& options, Loader loader) {
  if (auto allowed = not_on_loop_thread(); !allowed) {
    return tl::unexpected<Error>(std::move(allowed).error());
  }
  if (auto valid = validate_cache_name(name); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  if (auto valid = validate(options); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  MutexLock lock(&mutex_);
  if (stopped_) return fail(ErrorCode::cancelled, "the node was stopped");
  if (const auto found = caches_.find(name); found != caches_.end()) {
    const std::shared_ptr<CacheImpl>& cache = found->second.cache;
    const std::string differs = difference(cache->options(), options);
    if (differs.empty()) return cache;
    return fail(ErrorCode::already_exists,
                "cache \"" + std::string(name) + "\" is open with other options: " + differs);
  }
  // Each has a number of its own in the ids of requests, also when it was closed.
  constexpr std::size_t kMostOpened = 60'000;
  if (opened_ >= kMostOpened) {
    return fail(ErrorCode::resource_exhausted,
                "the node has opened " + std::to_string(opened_) + " caches, which is all it can");
  }
  if (options.memory_bytes > memory_left_) {
    return fail(ErrorCode::resource_exhausted,
                "memory_bytes is " + std::to_string(options.memory_bytes) + "; the node has " +
                    std::to_string(memory_left_) + " of its " +
                    std::to_string(options_.memory_bytes) + " left");
  }
  for (const auto& [other, open] : caches_) {
    if (open.cache->id() != cache_id(name)) continue;
    return fail(ErrorCode::invalid_argument, "name \"" + std::string(name) +
                                                 "\" has the same hash as cache \"" + other +
                                                 "\"; choose another");
  }
  auto cache = std::make_shared<CacheImpl>(std::string(name), options, engine_);
  MemoryShare share;
  share.promised = options.memory_bytes;
  share.elastic = options.elastic;
  std::vector<placement::Member> owners = members_locked();
  if (pool_ != nullptr) {
    auto joined = pool_->open_cache(cache->id(), name);
    if (!joined) return tl::unexpected<Error>(std::move(joined).error());
    owners = *std::move(joined);
  }
  const auto core_options = fetch_options(options, loader, options_.loader_threads);
  engine_->pool.add(cache->id(), std::make_shared<const Loader>(std::move(loader)));
  cache->count_with(engine_->driver->open_cache(cache->name(), core_options, cache->store(),
                                                cache->tenure(), std::move(owners)));
  if (pool_ != nullptr) pool_->follow(cache->id());
  ++opened_;
  memory_left_ -= options.memory_bytes;
  caches_.emplace(cache->name(), Open{cache, share});
  engine_->housekeeper.add(kTidyPeriod, [weak = std::weak_ptr<CacheImpl>(cache)] {
    const auto alive = weak.lock();
    if (alive != nullptr) alive->tidy();
    return alive != nullptr;
  });
  if (opened_ == 1) {
    // The node outlives its housekeeper's thread: see stop().
    engine_->divide_chore = engine_->housekeeper.add(kDividePeriod, [this] {
      divide();
      return true;
    });
  }
  divide_locked();
  return cache;
}

Result<void> NodeImpl::close(std::string_view name) {
  if (auto allowed = not_on_loop_thread(); !allowed) return allowed;
  MutexLock lock(&mutex_);
  const auto found = caches_.find(name);
  if (found == caches_.end()) {
    return fail(ErrorCode::not_found, "no cache \"" + std::string(name) + "\" is open");
  }
  const std::shared_ptr<CacheImpl> cache = std::move(found->second.cache);
  memory_left_ += found->second.share.promised;
  caches_.erase(found);
  cache->close();
  if (pool_ != nullptr) pool_->close_cache(cache->id());
  engine_->driver->close_cache(cache->id());
  engine_->pool.remove(cache->id());
  // Its handles may live on.
  cache->store().clear();
  divide_locked();
  return {};
}

Result<void> NodeImpl::resize(std::string_view name, std::uint64_t memory_bytes) {
  if (auto valid = validate_cache_memory(memory_bytes); !valid) return valid;
  MutexLock lock(&mutex_);
  const auto found = caches_.find(name);
  if (found == caches_.end()) {
    return fail(ErrorCode::invalid_argument, "no cache \"" + std::string(name) + "\" is open");
  }
  MemoryShare& share = found->second.share;
  const std::uint64_t left = memory_left_ + share.promised;
  if (memory_bytes > left) {
    return fail(ErrorCode::resource_exhausted,
                "memory_bytes is " + std::to_string(memory_bytes) + "; the node has " +
                    std::to_string(left) + " of its " + std::to_string(options_.memory_bytes) +
                    " for this cache");
  }
  memory_left_ = left - memory_bytes;
  share.promised = memory_bytes;
  divide_locked();
  return {};
}

NodeMemory NodeImpl::memory() const {
  const edge::Driver::Memory driver = engine_->driver->memory();
  NodeMemory memory;
  memory.budget_bytes = options_.memory_bytes;
  memory.request_bytes = driver.request_bytes;
  memory.connection_bytes = driver.buffer_bytes;
  memory.fixed_bytes = fixed_bytes(driver.table_bytes);
  MutexLock lock(&mutex_);
  for (const auto& [name, open] : caches_) memory.cache_bytes += open.cache->stats().memory_bytes;
  return memory;
}

std::uint64_t NodeImpl::fixed_bytes(std::uint64_t table_bytes) const {
  // The stack's first pages, and what the C library keeps of a thread's arena before it gives any
  // back: 128 KiB at first, and more once large values were freed. Measured: 100 to 360.
  constexpr std::uint64_t kBytesPerThread = 192u << 10;
  const int threads = options_.loops + engine_->pool.threads() + 1;  // and the housekeeper
  return table_bytes + static_cast<std::uint64_t>(threads) * kBytesPerThread;
}

void NodeImpl::divide() {
  MutexLock lock(&mutex_);
  // Requests need memory now; which cache needs more is a question of longer times.
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_look_) {
    next_look_ = now + kLookPeriod;
    look_at_caches_locked();
  }
  divide_locked();
}

void NodeImpl::look_at_caches_locked() {
  for (auto& [name, open] : caches_) {
    const CacheStats stats = open.cache->stats();
    open.share.used = stats.memory_bytes;
    open.share.returns = stats.returns - std::exchange(open.returns_before, stats.returns);
  }
}

void NodeImpl::divide_locked() {
  const edge::Driver::Memory driver = engine_->driver->memory();
  const std::uint64_t budget = options_.memory_bytes;
  const std::uint64_t beside = driver.request_bytes + driver.buffer_bytes +
                               std::min(fixed_bytes(driver.table_bytes), budget / kMostFixedShare);
  std::vector<MemoryShare> shares;
  for (const auto& [name, open] : caches_) shares.push_back(open.share);
  divide_memory(budget - std::min(budget, beside), shares);
  std::size_t i = 0;
  for (auto& [name, open] : caches_) {
    open.share = shares[i++];
    open.share.returns = 0;
    open.cache->set_budget(open.share.budget);
  }
}

Result<void> NodeImpl::set_peers(std::vector<Peer> peers) {
  if (auto allowed = without_gossip(); !allowed) return allowed;
  if (auto valid = validate_peers(peers); !valid) return valid;
  MutexLock lock(&mutex_);
  return install_locked(std::move(peers));
}

Result<void> NodeImpl::add_peer(Peer peer) {
  if (auto allowed = without_gossip(); !allowed) return allowed;
  if (auto valid = validate_peers({&peer, 1}); !valid) return valid;
  MutexLock lock(&mutex_);
  std::vector<Peer> peers = peers_;
  std::erase_if(peers, [&](const Peer& other) { return other.address == peer.address; });
  peers.push_back(std::move(peer));
  return install_locked(std::move(peers));
}

Result<void> NodeImpl::remove_peer(std::string_view address) {
  if (auto allowed = without_gossip(); !allowed) return allowed;
  MutexLock lock(&mutex_);
  std::vector<Peer> peers = peers_;
  if (std::erase_if(peers, [&](const Peer& peer) { return peer.address == address; }) == 0) {
    return fail(ErrorCode::not_found, "no peer has the address \"" + std::string(address) + '"');
  }
  return install_locked(std::move(peers));
}

Result<void> NodeImpl::install_locked(std::vector<Peer> peers) {
  if (stopped_) return fail(ErrorCode::cancelled, "the node was stopped");
  std::erase_if(peers, [this](const Peer& peer) { return peer.address == address(); });
  if (auto valid = validate_reachable(options_.listen, peers); !valid) return valid;
  std::vector<Peer> before = std::exchange(peers_, std::move(peers));
  const std::vector<placement::Member> members = members_locked();
  if (std::string wrong = placement::View::validate(members); !wrong.empty()) {
    peers_ = std::move(before);
    return fail(ErrorCode::invalid_argument, "peers: " + wrong);
  }
  std::vector<edge::PeerAddress> addresses;
  for (const Peer& peer : peers_) addresses.push_back({peer.address, peer.address});
  // Who is new is known before anybody is sent to it, and who leaves until nobody is.
  engine_->driver->set_peers(std::move(addresses));
  for (const auto& [name, open] : caches_) engine_->driver->set_members(open.cache->id(), members);
  return {};
}

std::vector<placement::Member> NodeImpl::members_locked() const {
  std::vector<placement::Member> members;
  members.push_back({address(), options_.weight, options_.zone});
  for (const Peer& peer : peers_) members.push_back({peer.address, peer.weight, peer.zone});
  return members;
}

std::vector<PeerStatus> NodeImpl::peers() const {
  std::vector<PeerStatus> result;
  {
    MutexLock lock(&mutex_);
    result.push_back(
        {Peer(address(), options_.weight, options_.zone), PeerStatus::State::self, name()});
    for (const Peer& peer : peers_) {
      result.push_back({peer, PeerStatus::State::connecting, peer.address});
    }
  }
  if (pool_ != nullptr) {
    for (Pool::Linked& linked : pool_->linked()) {
      result.push_back({std::move(linked.peer), PeerStatus::State::connecting, linked.name});
    }
  }
  std::ranges::sort(result, {}, [](const PeerStatus& status) { return status.peer.address; });
  for (PeerStatus& status : result) {
    if (status.state == PeerStatus::State::self) continue;
    switch (engine_->driver->reachability(node_id(status.name))) {
      case membership::Reachability::connecting:
        status.state = PeerStatus::State::connecting;
        break;
      case membership::Reachability::reachable:
        status.state = PeerStatus::State::reachable;
        break;
      case membership::Reachability::unreachable:
        status.state = PeerStatus::State::unreachable;
        break;
    }
  }
  return result;
}

Result<void> NodeImpl::reload_certificates() {
  if (credentials_ == nullptr) {
    return fail(ErrorCode::failed_precondition, "the node was started without tls");
  }
  const Result<bool> changed = credentials_->reload();
  if (changed) return {};
  return fail(changed.error().code, "tls." + changed.error().message);
}

void NodeImpl::look_at_certificates() {
  const auto say = [this](LogLevel level, const std::string& line) {
    if (!options_.log) return;
    try {
      options_.log(level, line);
    } catch (...) {
      // The sink is the user's, and has nobody here to throw to. The line is lost.
    }
  };
  const Result<bool> changed = credentials_->reload();
  std::string problem;
  if (!changed) {
    problem = "the certificates stay as they were: tls." + changed.error().message;
  } else {
    const edge::tls::CertificateText& own = credentials_->context()->certificate();
    if (*changed) {
      say(LogLevel::info, "new certificates are in use: " + own.names.to_string() +
                              ", valid until " + edge::tls::to_string(own.not_after));
    }
    if (nearly_over(own)) {
      problem = "the certificate in use is valid until " + edge::tls::to_string(own.not_after) +
                ", and nobody has renewed it";
    }
  }
  if (!problem.empty() && problem != last_problem_) say(LogLevel::warning, problem);
  last_problem_ = std::move(problem);
}

Result<void> NodeImpl::wait_connected(Duration timeout) const {
  if (auto allowed = not_on_loop_thread(); !allowed) return allowed;
  constexpr Duration kStep = std::chrono::milliseconds(5);
  const TimePoint end = kith::fetch::after(edge::Driver::now(), timeout);
  for (;;) {
    const auto all = peers();
    const auto missing = std::find_if(all.begin(), all.end(), [](const PeerStatus& status) {
      return status.state != PeerStatus::State::self &&
             status.state != PeerStatus::State::reachable;
    });
    const bool started = pool_ == nullptr || pool_->started();
    if (missing == all.end() && started) return {};
    if (edge::Driver::now() >= end) {
      if (missing == all.end()) {
        return fail(ErrorCode::timed_out, "the node still looks for the others");
      }
      return fail(ErrorCode::timed_out, "peer " + missing->peer.address + " is " +
                                            std::string(to_string(missing->state)));
    }
    absl::SleepFor(absl::FromChrono(kStep));
  }
}

Result<std::vector<Member>> NodeImpl::members() const {
  const auto pool = with_gossip();
  if (!pool) return tl::unexpected<Error>(pool.error());
  return (*pool)->members();
}

Result<void> NodeImpl::drain() {
  const auto pool = with_gossip();
  if (!pool) return tl::unexpected<Error>(pool.error());
  return (*pool)->drain();
}

Result<void> NodeImpl::add_gossip_key(std::string_view key) {
  const auto pool = with_gossip();
  if (!pool) return tl::unexpected<Error>(pool.error());
  return (*pool)->add_key(key);
}

Result<void> NodeImpl::use_gossip_key(std::string_view key) {
  const auto pool = with_gossip();
  if (!pool) return tl::unexpected<Error>(pool.error());
  return (*pool)->use_key(key);
}

Result<void> NodeImpl::remove_gossip_key(std::string_view key) {
  const auto pool = with_gossip();
  if (!pool) return tl::unexpected<Error>(pool.error());
  return (*pool)->remove_key(key);
}

std::string NodeImpl::gossip_address() const {
  return pool_ == nullptr ? std::string() : pool_->gossip_address();
}

Result<Pool*> NodeImpl::with_gossip() const {
  if (auto allowed = not_on_loop_thread(); !allowed) {
    return tl::unexpected<Error>(std::move(allowed).error());
  }
  if (pool_ != nullptr) return pool_.get();
  return fail(ErrorCode::failed_precondition, "the node was started without gossip");
}

Result<void> NodeImpl::without_gossip() const {
  if (auto allowed = not_on_loop_thread(); !allowed) return allowed;
  if (pool_ == nullptr) return {};
  return fail(ErrorCode::failed_precondition,
              "the node was started with gossip, by which the nodes find each other");
}

Result<void> NodeImpl::not_on_loop_thread() const {
  if (!engine_->driver->on_loop_thread()) return {};
  return fail(ErrorCode::failed_precondition,
              "the node was called from one of its own callbacks, which must not block");
}

void NodeImpl::stop() {
  if (engine_ == nullptr || engine_->driver == nullptr) return;
  MutexLock stopping(&stop_mutex_);
  {
    MutexLock lock(&mutex_);
    if (std::exchange(stopped_, true)) return;
    for (const auto& [name, open] : caches_) open.cache->close();
  }
  engine_->housekeeper.stop();
  // Bounded, so that a moment so far ahead still is one.
  constexpr Duration kLongestGrace = std::chrono::hours(24 * 365);
  const Duration grace = std::min(options_.stop_grace, kLongestGrace);
  // The others send no more requests here, while those under way are answered.
  constexpr Duration kLongestLeave = std::chrono::seconds(2);
  if (pool_ != nullptr) pool_->leave(std::min(grace, kLongestLeave));
  engine_->driver->stop(grace);
  if (pool_ != nullptr) pool_->stop();
  engine_->pool.stop(grace);
}

}  // namespace kith::api
