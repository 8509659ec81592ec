// SPDX-License-Identifier: Apache-2.0
#include "api/pool.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "base/countdown.h"
#include "core/membership/profile.h"
#include "edge/driver/gossip_messages.h"
#include "edge/driver/quiet_thread.h"
#include "wire/gossip/keyring.h"
#include "wire/peer/message.h"

namespace kith::api {

namespace {

namespace m = membership;

constexpr std::size_t kMostEvents = 10'000;

m::Profile profile_of(GossipOptions::Profile profile) {
  switch (profile) {
    case GossipOptions::Profile::kith:
      break;
    case GossipOptions::Profile::lan:
      return m::lan_profile();
    case GossipOptions::Profile::wan:
      return m::wan_profile();
    case GossipOptions::Profile::local:
      return m::local_profile();
  }
  return m::kith_profile();
}

Result<wire::gossip::PoolSettings> pool_settings(const GossipOptions& options) {
  wire::gossip::PoolSettings pool;
  pool.label = options.label.value_or(options.cluster);
  for (const std::string& text : options.keys) {
    const auto key = wire::gossip::Key::from_base64(text);
    if (!key) return tl::unexpected(key.error());
    if (auto added = pool.keyring.add(*key); !added) return tl::unexpected(added.error());
  }
  return pool;
}

Member::Phase phase_of(const std::optional<m::NodeData>& node) {
  if (!node) return Member::Phase::foreign;
  switch (node->phase) {
    case m::Phase::starting:
      return Member::Phase::starting;
    case m::Phase::ready:
      return Member::Phase::ready;
    case m::Phase::draining:
      return Member::Phase::draining;
  }
  return Member::Phase::foreign;
}

Member member_of(const std::string& name, const m::Address& address,
                 const std::optional<m::NodeData>& node) {
  Member member;
  member.name = name;
  member.gossip_address = edge::to_wire(address).to_string();
  member.phase = phase_of(node);
  if (!node) return member;
  member.address = edge::to_wire(m::Address{address.ip, node->data_port}).to_string();
  member.weight = node->weight;
  member.zone = node->zone;
  member.boot = node->boot.value;
  return member;
}

Member::Health health_of(m::PeerInfo::Health health) {
  switch (health) {
    case m::PeerInfo::Health::ok:
      return Member::Health::ok;
    case m::PeerInfo::Health::suspected:
      return Member::Health::suspected;
    case m::PeerInfo::Health::unreachable:
      return Member::Health::unreachable;
    case m::PeerInfo::Health::failed:
      return Member::Health::failed;
    case m::PeerInfo::Health::left:
      return Member::Health::left;
  }
  return Member::Health::failed;
}

using PeerKind = m::PeerEvent::Kind;

MemberEvent::Kind kind_of(PeerKind kind) {
  switch (kind) {
    case PeerKind::joined:
      return MemberEvent::Kind::joined;
    case PeerKind::updated:
      return MemberEvent::Kind::updated;
    case PeerKind::suspected:
      return MemberEvent::Kind::suspected;
    case PeerKind::cleared:
      return MemberEvent::Kind::cleared;
    case PeerKind::unreachable:
      return MemberEvent::Kind::unreachable;
    case PeerKind::reachable:
      return MemberEvent::Kind::reachable;
    case PeerKind::failed:
      return MemberEvent::Kind::failed;
    case PeerKind::left:
      return MemberEvent::Kind::left;
  }
  return MemberEvent::Kind::updated;
}

Member::Health health_after(PeerKind kind) {
  switch (kind) {
    case PeerKind::suspected:
      return Member::Health::suspected;
    case PeerKind::unreachable:
      return Member::Health::unreachable;
    case PeerKind::failed:
      return Member::Health::failed;
    case PeerKind::left:
      return Member::Health::left;
    case PeerKind::joined:
    case PeerKind::updated:
    case PeerKind::cleared:
    case PeerKind::reachable:
      break;
  }
  return Member::Health::ok;
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::start(const NodeOptions& options, const Setup& setup,
                                          edge::Driver& driver) {
  std::unique_ptr<Pool> pool(new Pool(options, setup, driver));
  if (auto started = pool->start_gossip(*options.gossip); !started) {
    return tl::unexpected(started.error());
  }
  pool->thread_ = edge::quiet_thread("kith-members", [raw = pool.get()] { raw->run(); });
  if (auto started = pool->start_seeds(*options.gossip); !started) {
    return tl::unexpected(started.error());
  }
  return pool;
}

Pool::Pool(const NodeOptions& options, Setup setup, edge::Driver& driver)
    : setup_(std::move(setup)),
      driver_(driver),
      log_(options.log),
      listener_(options.on_member_event),
      weight_(options.weight),
      zone_(options.zone) {
  const GossipOptions& gossip = *options.gossip;
  if (gossip.seeds.empty() && gossip.discovery.empty()) return;
  ready_at_ = std::chrono::steady_clock::now() + gossip.alone_after;
}

Result<void> Pool::start_gossip(const GossipOptions& gossip) {
  Gossip::Options options;
  options.host.listen = gossip.listen;
  options.host.advertise = gossip.advertise;
  auto settings = pool_settings(gossip);
  if (!settings) return tl::unexpected(settings.error());
  options.host.pool = *std::move(settings);
  if (log_) {
    options.host.log = [sink = log_](edge::Severity severity, std::string_view line) {
      sink(static_cast<LogLevel>(severity), line);
    };
  }
  options.on_event = [this](const m::Cluster&, const m::ClusterAction& action) { note(action); };
  bool alone = false;
  {
    MutexLock lock(&mutex_);
    alone = !ready_at_;
  }
  auto started = Gossip::start(
      std::move(options), [&](const m::Address& address, std::size_t overhead, TimePoint now) {
        m::ClusterOptions cluster;
        cluster.membership.name = setup_.name;
        cluster.membership.address = address;
        cluster.membership.packet_overhead = overhead;
        cluster.membership.profile = profile_of(gossip.profile);
        cluster.membership.seed = setup_.boot.value;
        cluster.cluster = gossip.cluster;
        cluster.boot = setup_.boot;
        cluster.data_port = setup_.data_port;
        cluster.weight = static_cast<std::uint16_t>(weight_);
        cluster.zone = zone_;
        cluster.link = {wire::peer::kOldestProtocolVersion, wire::peer::kProtocolVersion};
        cluster.phase = alone ? m::Phase::ready : m::Phase::starting;
        return std::make_unique<m::Cluster>(cluster, now);
      });
  if (!started) return fail(started.error().code, "gossip: " + started.error().message);
  gossip_ = *std::move(started);
  return {};
}

Result<void> Pool::start_seeds(const GossipOptions& gossip) {
  std::vector<std::shared_ptr<Discovery>> sources = gossip.discovery;
  if (!gossip.seeds.empty()) {
    auto fixed = static_seeds(gossip.seeds);
    if (!fixed) return tl::unexpected(fixed.error());
    sources.push_back(*std::move(fixed));
  }
  seeds_ = std::make_unique<SeedBook>(std::move(sources));
  return seeds_->start(
      [this](std::vector<m::Address> addresses) {
        gossip_->post([addresses = std::move(addresses)](m::Cluster& cluster, TimePoint now,
                                                         m::ClusterActions& out) {
          cluster.on_seeds(addresses, now, out);
        });
      },
      [log = log_](LogLevel level, const std::string& line) {
        if (log) log(level, line);
      });
}

// ---- On the gossip's thread

void Pool::note(const m::ClusterAction& action) {
  if (const auto* event = std::get_if<m::PeerEvent>(&action)) note(*event);
  if (const auto* participants = std::get_if<m::Participants>(&action)) note(*participants);
}

void Pool::note(const m::PeerEvent& event) {
  MutexLock lock(&mutex_);
  Member member = member_of(event.name, event.address, event.node);
  member.health = health_after(event.kind);
  if (event.kind == PeerKind::failed || event.kind == PeerKind::left) {
    if (const auto link = links_.find(event.name); link != links_.end()) link->second.gone = true;
  } else if (event.node) {
    links_[event.name] = {member.address, member.weight, member.zone};
  }
  if (event.kind == PeerKind::unreachable) unreachable_.insert(event.name);
  if (event.kind == PeerKind::joined && event.node && ready_at_) {
    ready_at_ = std::chrono::steady_clock::now();
    found_ = true;
  }
  queue_locked({.kind = kind_of(event.kind), .member = std::move(member)});
  news_ = true;
  changed_.notify_all();
}

void Pool::note(const m::Participants& participants) {
  MutexLock lock(&mutex_);
  const auto open = caches_.find(participants.cache);
  if (open == caches_.end()) return;
  open->second.owners = participants.members;
  open->second.changed = true;
  MemberEvent event{.kind = MemberEvent::Kind::view_changed, .cache = open->second.name};
  for (const placement::Member& member : participants.members) event.owners.push_back(member.name);
  queue_locked(std::move(event));
  news_ = true;
  changed_.notify_all();
}

void Pool::queue_locked(MemberEvent event) {
  if (!listener_) return;
  if (events_.size() >= kMostEvents) {
    events_.pop_front();
    lost_events_ = true;
  }
  events_.push_back(std::move(event));
}

// ---- On the pool's thread

void Pool::run() {
  for (;;) {
    std::vector<MemberEvent> events;
    bool lost = false;
    bool ready = false;
    bool alone = false;
    {
      MutexLock lock(&mutex_);
      while (!news_ && !stopping_) {
        if (!ready_at_) {
          changed_.wait(&mutex_);
        } else if (!changed_.wait_until(&mutex_, *ready_at_)) {
          break;
        }
      }
      if (stopping_) return;
      news_ = false;
      events.assign(std::make_move_iterator(events_.begin()),
                    std::make_move_iterator(events_.end()));
      events_.clear();
      lost = std::exchange(lost_events_, false);
      ready = ready_at_ && *ready_at_ <= std::chrono::steady_clock::now();
      if (ready) ready_at_.reset();
      alone = ready && !found_;
    }
    apply();
    if (ready) take_share();
    if (alone && log_) {
      log_(LogLevel::warning,
           "no seed leads to another node yet: this one takes all keys for its own, and goes on "
           "looking. Are the seeds, the cluster's name and the gossip keys right?");
    }
    if (lost && log_) log_(LogLevel::warning, "on_member_event is too slow: events were lost");
    tell(events);
  }
}

void Pool::take_share() {
  gossip_->post([](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    if (cluster.own_data().phase == m::Phase::starting) {
      cluster.set_phase(m::Phase::ready, now, out);
    }
  });
}

void Pool::tell(const std::vector<MemberEvent>& events) {
  for (const MemberEvent& event : events) {
    try {
      listener_(event);
    } catch (...) {
      if (log_) log_(LogLevel::error, "on_member_event threw");
    }
  }
}

void Pool::apply() {
  struct Change {
    CacheId cache;
    std::vector<placement::Member> owners;
  };
  MutexLock applying(&applying_);
  std::vector<edge::PeerAddress> links;
  std::vector<Change> changes;
  std::set<std::string> unreachable;
  {
    MutexLock lock(&mutex_);
    links = wanted_links_locked();
    forget_links_locked(links);
    for (auto& [cache, open] : caches_) {
      if (!open.followed || !open.changed) continue;
      open.changed = false;
      changes.push_back({cache, open.owners});
    }
    unreachable.swap(unreachable_);
  }
  // Who is new is known before anybody is sent to it.
  if (links != told_links_) {
    driver_.set_peers(links);
    told_links_ = std::move(links);
  }
  for (Change& change : changes) driver_.set_members(change.cache, std::move(change.owners));
  for (const std::string& name : unreachable) driver_.on_rumour(node_id(name));
}

std::vector<edge::PeerAddress> Pool::wanted_links_locked() const {
  std::set<std::string_view> names;
  for (const auto& [cache, open] : caches_) {
    for (const placement::Member& owner : open.owners) names.insert(owner.name);
  }
  std::vector<edge::PeerAddress> links;
  for (const std::string_view name : names) {
    const auto link = links_.find(name);
    if (name != setup_.name && link != links_.end()) {
      links.push_back({std::string(name), link->second.address});
    }
  }
  return links;
}

void Pool::forget_links_locked(const std::vector<edge::PeerAddress>& wanted) {
  std::erase_if(links_, [&](const auto& link) {
    return link.second.gone &&
           std::ranges::find(wanted, link.first, &edge::PeerAddress::name) == wanted.end();
  });
}

// ---- Users

Result<std::vector<placement::Member>> Pool::open_cache(CacheId cache, std::string_view name) {
  {
    MutexLock lock(&mutex_);
    caches_[cache].name = name;
  }
  // Its owners are noted before the answer is here.
  auto opened = gossip_->ask([cache](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    return cluster.open_cache(cache, now, out);
  });
  if (!opened || !*opened) {
    MutexLock lock(&mutex_);
    caches_.erase(cache);
    return tl::unexpected(opened ? opened->error() : opened.error());
  }
  apply();
  MutexLock lock(&mutex_);
  return caches_[cache].owners;
}

void Pool::follow(CacheId cache) {
  MutexLock lock(&mutex_);
  const auto open = caches_.find(cache);
  if (open == caches_.end()) return;
  open->second.followed = true;
  news_ = true;
  changed_.notify_all();
}

void Pool::close_cache(CacheId cache) {
  {
    MutexLock lock(&mutex_);
    caches_.erase(cache);
    news_ = true;
    changed_.notify_all();
  }
  gossip_->post([cache](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    cluster.close_cache(cache, now, out);
  });
}

void Pool::on_peer_gone(const std::string& name, BootId boot) {
  gossip_->post([name, boot](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    cluster.on_process_gone(name, boot, now, out);
  });
}

Result<std::vector<Member>> Pool::members() const {
  return gossip_->ask([](m::Cluster& cluster, TimePoint, m::ClusterActions&) {
    std::vector<Member> members;
    for (const m::PeerInfo& peer : cluster.peers()) {
      members.push_back(member_of(peer.name, peer.address, peer.node));
      members.back().health = health_of(peer.health);
    }
    return members;
  });
}

bool Pool::started() const {
  MutexLock lock(&mutex_);
  return !ready_at_;
}

Result<void> Pool::drain() {
  const auto done = gossip_->ask([](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    cluster.set_phase(m::Phase::draining, now, out);
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> Pool::add_key(std::string_view key) { return with_key(key, &Gossip::add_key); }
Result<void> Pool::use_key(std::string_view key) { return with_key(key, &Gossip::use_key); }
Result<void> Pool::remove_key(std::string_view key) { return with_key(key, &Gossip::remove_key); }

Result<void> Pool::with_key(std::string_view text,
                            Result<void> (Gossip::*change)(const wire::gossip::Key&)) {
  const auto key = wire::gossip::Key::from_base64(text);
  if (!key) return tl::unexpected(key.error());
  return ((*gossip_).*change)(*key);
}

std::string Pool::gossip_address() const { return edge::to_wire(gossip_->address()).to_string(); }

std::vector<Pool::Linked> Pool::linked() const {
  MutexLock lock(&mutex_);
  std::vector<Linked> linked;
  for (const edge::PeerAddress& peer : wanted_links_locked()) {
    const Link& link = links_.find(peer.name)->second;
    linked.push_back({peer.name, Peer(link.address, link.weight, link.zone)});
  }
  return linked;
}

void Pool::leave(Duration patience) {
  const auto left = std::make_shared<Countdown>(1);
  gossip_->post([](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
    cluster.set_phase(m::Phase::draining, now, out);
  });
  gossip_->leave(patience, [left] { left->count_down(); });
  left->wait_until(std::chrono::steady_clock::now() + patience);
}

void Pool::stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (seeds_ != nullptr) seeds_->stop();
  if (thread_.joinable()) thread_.join();
  if (gossip_ != nullptr) gossip_->stop();
}

}  // namespace kith::api
