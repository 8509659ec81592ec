// SPDX-License-Identifier: Apache-2.0
#include "core/node/node.h"

#include <utility>

#include "base/check.h"

namespace kith::core {

namespace {

/// The store as the miss path sees it.
class StoreStorage final : public fetch::Storage {
 public:
  explicit StoreStorage(store::Store& store) : store_(store) {}

  std::optional<Entry> get(KeyView key, TimePoint now) override { return store_.get(key, now); }
  std::optional<Entry> get_stale(KeyView key, TimePoint now) override {
    return store_.get_stale(key, now);
  }
  void put(KeyView key, Entry entry, TimePoint now) override {
    store_.put(key, std::move(entry), now);
  }
  void get_many(std::span<const KeyView> keys, TimePoint now,
                std::span<std::optional<Entry>> entries) override {
    store_.get_many(keys, now, entries);
  }

 private:
  store::Store& store_;
};

template <class T>
inline constexpr bool is_reply = false;
template <>
inline constexpr bool is_reply<wire::peer::ValueReply> = true;
template <>
inline constexpr bool is_reply<wire::peer::Miss> = true;
template <>
inline constexpr bool is_reply<wire::peer::NotOwner> = true;
template <>
inline constexpr bool is_reply<wire::peer::Busy> = true;
template <>
inline constexpr bool is_reply<wire::peer::Failure> = true;

}  // namespace

class Node::Cache {
 public:
  Cache(CacheId id, std::uint64_t id_base, const fetch::Options& options, store::Store& store,
        fetch::Ownership ownership, fetch::Surroundings& surroundings)
      : id_(id),
        storage_(store),
        ownership_(std::move(ownership)),
        fetch_(id, id_base, options, storage_, ownership_, surroundings) {}

  CacheId id() const { return id_; }
  fetch::Fetch& fetch() { return fetch_; }
  std::shared_ptr<const placement::View>& view() { return ownership_.view; }

 private:
  CacheId id_;
  StoreStorage storage_;
  fetch::Ownership ownership_;
  fetch::Fetch fetch_;
};

Node::Node(NodeOptions options, Marks& marks)
    : slice_(options.slice),
      rng_(options.seed),
      liveness_(options.liveness, marks),
      surroundings_{.self = node_id(options.name),
                    .boot = options.boot,
                    .draining = false,
                    .neighbours = *this,
                    .rng = rng_,
                    .marks = marks} {}

Node::~Node() = default;

void Node::open_cache(std::string_view name, const fetch::Options& options, store::Store& store,
                      const Tenure& tenure, std::shared_ptr<const placement::View> view) {
  const CacheId id = cache_id(name);
  KITH_CHECK(find(id) == nullptr);
  KITH_CHECK(view != nullptr);
  KITH_CHECK(caches_.size() < 0xffff);
  const std::uint64_t id_base = std::uint64_t{caches_.size()} << 48 | std::uint64_t{slice_} << 40;
  caches_.push_back(std::make_unique<Cache>(
      id, id_base, options, store, fetch::Ownership{std::move(view), tenure}, surroundings_));
}

void Node::close_cache(CacheId cache, TimePoint now, fetch::Actions& out) {
  for (std::unique_ptr<Cache>& candidate : caches_) {
    if (candidate == nullptr || candidate->id() != cache) continue;
    candidate->fetch().stop(now, out);
    candidate = nullptr;
    return;
  }
}

std::shared_ptr<const fetch::Statistics> Node::statistics(CacheId cache) const {
  Cache* found = find(cache);
  return found == nullptr ? nullptr : found->fetch().statistics();
}

void Node::on_get(const GetRequest& request, TimePoint now, fetch::Actions& out) {
  Cache* cache = find(request.cache);
  if (cache == nullptr) {
    out.emplace_back(
        fetch::Complete{request.ticket, fail(ErrorCode::cancelled, "the cache is closed")});
    return;
  }
  cache->fetch().get(request.key,
                     fetch::Waiter::user(request.ticket, request.deadline, request.withdrawable),
                     now, out);
}

void Node::on_withdraw(CacheId cache, fetch::Ticket ticket, TimePoint now, fetch::Actions& out) {
  if (Cache* found = find(cache)) found->fetch().withdraw(ticket, now, out);
}

void Node::on_refresh(CacheId cache, KeyView key, TimePoint now, fetch::Actions& out) {
  if (Cache* found = find(cache)) found->fetch().refresh(key, now, out);
}

void Node::on_loaded(fetch::LoadId load, fetch::LoadOutcome outcome, TimePoint now,
                     fetch::Actions& out) {
  if (Cache* cache = find_by_ordinal(load.value)) {
    cache->fetch().on_loaded(load, std::move(outcome), now, out);
  }
}

void Node::on_messages(NodeId from, std::span<const wire::peer::Message> messages, TimePoint now,
                       fetch::Actions& out) {
  Cache* cache = nullptr;
  const auto serve = [&] {
    if (!gets_.empty()) cache->fetch().serve(from, gets_, now, out);
    gets_.clear();
  };
  for (const wire::peer::Message& message : messages) {
    const auto* get = std::get_if<wire::peer::Get>(&message);
    if (get != nullptr && cache != nullptr && cache->id() == get->cache) {
      gets_.push_back(get);
      continue;
    }
    serve();
    cache = get == nullptr ? nullptr : find(get->cache);
    if (cache != nullptr) {
      gets_.push_back(get);
    } else {
      on_message(from, message, now, out);
    }
  }
  serve();
}

void Node::on_message(NodeId from, const wire::peer::Message& message, TimePoint now,
                      fetch::Actions& out) {
  std::visit(
      [&]<class M>(const M& m) {
        if constexpr (is_reply<M>) {
          handle_reply(from, m, now, out);
        } else if constexpr (requires { handle(from, m, now, out); }) {
          handle(from, m, now, out);
        }
        // What is left are the handshake's messages, which the link deals with.
      },
      message);
}

void Node::handle(NodeId from, const wire::peer::Ping& ping, TimePoint, fetch::Actions& out) {
  out.emplace_back(fetch::Send{from, wire::peer::Pong{ping.request}});
}

void Node::handle(NodeId from, const wire::peer::Pong&, TimePoint now, fetch::Actions&) {
  liveness_.on_heard(from, now);
}

void Node::handle(NodeId from, const wire::peer::Get& get, TimePoint now, fetch::Actions& out) {
  using wire::peer::NotOwner;
  if (Cache* cache = find(get.cache)) {
    const wire::peer::Get* const one = &get;
    cache->fetch().serve(from, std::span(&one, 1), now, out);
    return;
  }
  out.emplace_back(fetch::Send{
      from, NotOwner{get.request, NotOwner::Reason::unknown_cache, ViewId{}, surroundings_.self}});
}

void Node::handle(NodeId from, const wire::peer::Cancel& cancel, TimePoint now,
                  fetch::Actions& out) {
  // A request id names its cache in the sender's numbering, not in this node's.
  for_each_cache([&](Cache& cache) { cache.fetch().cancel(from, cancel.request, now, out); });
}

template <class Reply>
void Node::handle_reply(NodeId from, const Reply& reply, TimePoint now, fetch::Actions& out) {
  liveness_.on_heard(from, now);
  if (Cache* cache = find_by_ordinal(reply.request)) {
    cache->fetch().on_reply(from, reply, now, out);
  }
}

void Node::on_link_up(NodeId node, TimePoint now, fetch::Actions& out) {
  events_.clear();
  liveness_.on_link_up(node, now, events_);
  apply(events_, now, out);
}

void Node::on_link_down(NodeId node, TimePoint now, fetch::Actions& out) {
  events_.clear();
  liveness_.on_link_down(node, now, events_);
  apply(events_, now, out);
}

void Node::on_caller_gone(NodeId node, TimePoint now, fetch::Actions& out) {
  for_each_cache([&](Cache& cache) { cache.fetch().on_caller_gone(node, now, out); });
}

void Node::on_rumour(NodeId node, TimePoint now, fetch::Actions& out) {
  events_.clear();
  liveness_.on_rumour(node, now, events_);
  apply(events_, now, out);
}

void Node::on_peers(std::span<const NodeId> peers, TimePoint now) {
  liveness_.set_peers(peers, now);
}

void Node::on_view(CacheId cache, std::shared_ptr<const placement::View> view) {
  KITH_CHECK(view != nullptr);
  if (Cache* found = find(cache)) found->view() = std::move(view);
}

std::shared_ptr<const placement::View> Node::view(CacheId cache) const {
  Cache* const found = find(cache);
  return found == nullptr ? nullptr : found->view();
}

void Node::on_drain(TimePoint, fetch::Actions&) { surroundings_.draining = true; }

void Node::on_stop(TimePoint now, fetch::Actions& out) {
  surroundings_.draining = true;
  for_each_cache([&](Cache& cache) { cache.fetch().stop(now, out); });
}

void Node::on_deadline(TimePoint now, fetch::Actions& out) {
  events_.clear();
  liveness_.on_deadline(now, events_);
  apply(events_, now, out);
  for_each_cache([&](Cache& cache) { cache.fetch().on_deadline(now, out); });
}

std::optional<TimePoint> Node::next_deadline() const {
  std::optional<TimePoint> next = liveness_.next_deadline();
  for_each_cache([&](Cache& cache) {
    const auto deadline = cache.fetch().next_deadline();
    if (deadline && (!next || *deadline < *next)) next = deadline;
  });
  return next;
}

bool Node::idle() const {
  bool idle = true;
  for_each_cache([&](Cache& cache) { idle = idle && cache.fetch().idle(); });
  return idle;
}

std::size_t Node::request_bytes() const {
  std::size_t bytes = 0;
  for_each_cache([&](Cache& cache) { bytes += cache.fetch().memory_bytes(); });
  return bytes;
}

void Node::apply(const std::vector<membership::LivenessEvent>& events, TimePoint now,
                 fetch::Actions& out) {
  using Kind = membership::LivenessEvent::Kind;
  for (const auto& event : events) {
    switch (event.kind) {
      case Kind::ping:
        out.emplace_back(fetch::Send{event.node, wire::peer::Ping{}});
        break;
      case Kind::back:
        out.emplace_back(fetch::PeerChanged{event.node, true});
        break;
      case Kind::lost_by_silence:
      case Kind::lost_by_rumour:
        out.emplace_back(fetch::DropLink{event.node});
        [[fallthrough]];
      case Kind::lost_by_link:
        out.emplace_back(fetch::PeerChanged{event.node, false});
        for_each_cache([&](Cache& cache) { cache.fetch().on_unreachable(event.node, now, out); });
        break;
    }
  }
}

bool Node::reachable(NodeId node) const {
  return liveness_.state(node) != membership::Reachability::unreachable;
}

void Node::request_sent(NodeId node, TimePoint now) { liveness_.on_request_sent(node, now); }

void Node::request_ended(NodeId node) { liveness_.on_request_ended(node); }

template <class Fn>
void Node::for_each_cache(Fn&& fn) const {
  for (const auto& cache : caches_) {
    if (cache != nullptr) fn(*cache);
  }
}

Node::Cache* Node::find(CacheId cache) const {
  for (const auto& candidate : caches_) {
    if (candidate != nullptr && candidate->id() == cache) return candidate.get();
  }
  return nullptr;
}

Node::Cache* Node::find_by_ordinal(std::uint64_t id) const {
  const std::uint64_t ordinal = id >> 48;
  return ordinal < caches_.size() ? caches_[ordinal].get() : nullptr;
}

}  // namespace kith::core
