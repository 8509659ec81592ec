// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/hash.h"
#include "core/fetch/ttl.h"
#include "wire/peer/codec.h"

namespace kith::sim {
namespace {

namespace peer = wire::peer;

constexpr Duration kFirstRedial = std::chrono::milliseconds(50);
constexpr int kMostDoublings = 4;
/// The core's own timer may fire this often at one moment; more shows that it makes no progress.
constexpr std::uint64_t kMostSpins = 100'000;

bool is_request(const peer::Message& message) {
  return std::holds_alternative<peer::Get>(message) ||
         std::holds_alternative<peer::Cancel>(message) ||
         std::holds_alternative<peer::Ping>(message);
}

template <class... Arms>
struct Overloaded : Arms... {
  using Arms::operator()...;
};
template <class... Arms>
Overloaded(Arms...) -> Overloaded<Arms...>;

}  // namespace

Host::Host(NodeIndex index, const HostPlan& plan, World& world, Network& network, Origin& origin,
           Trace& trace, Marks& marks, Listener& listener)
    : index_(index),
      plan_(plan),
      world_(world),
      network_(network),
      origin_(origin),
      trace_(trace),
      marks_(marks),
      listener_(listener),
      rng_(mix64(plan.seed + index)) {}

void Host::start(std::shared_ptr<const placement::View> view) {
  KITH_CHECK(!alive());
  ++starts_;
  core::NodeOptions options;
  options.name = plan_.name;
  options.boot = BootId{starts_ << 16 | index_};
  options.seed = rng_.next();
  options.liveness = plan_.liveness;
  process_ = std::make_unique<Process>(options, marks_);
  for (const CachePlan& cache : plan_.caches) {
    store::StoreOptions memory;
    memory.budget_bytes = cache.memory_bytes;
    memory.shards = 1;
    if (!cache.options.immutable) memory.tenure = &process_->tenure;
    process_->stores.push_back(std::make_unique<store::Store>(memory));
    process_->node.open_cache(cache.name, cache.options, *process_->stores.back(), process_->tenure,
                              view);
  }
  trace_.record(world_.now(), index_, Happening::started, starts_);
  network_.attach(index_, *this);
  failed_dials_.clear();
  set_view(std::move(view));
}

void Host::kill() {
  KITH_CHECK(alive() && !in_turn_);
  trace_.record(world_.now(), index_, Happening::killed);
  network_.detach(index_);
  origin_.forget(index_);
  process_ = nullptr;
  paused_ = false;
  inbox_.clear();
  wanted_.clear();
  armed_.reset();
  ++timers_;
}

void Host::pause() {
  KITH_CHECK(alive() && !paused_);
  trace_.record(world_.now(), index_, Happening::paused);
  paused_ = true;
}

void Host::resume() {
  KITH_CHECK(alive() && paused_);
  trace_.record(world_.now(), index_, Happening::resumed);
  paused_ = false;
  // What arrived meanwhile lies in the sockets' buffers, and is read before timers are looked at.
  auto arrived = std::exchange(inbox_, {});
  for (auto& task : arrived) task();
  armed_.reset();
  on_timer();
}

void Host::drain() {
  when_awake([this] {
    trace_.record(world_.now(), index_, Happening::drained);
    turn([&](TimePoint now) { process_->node.on_drain(now, actions_); });
  });
}

void Host::stop() {
  when_awake([this] {
    trace_.record(world_.now(), index_, Happening::stopped);
    turn([&](TimePoint now) { process_->node.on_stop(now, actions_); });
  });
}

void Host::set_view(std::shared_ptr<const placement::View> view) {
  when_awake([this, view = std::move(view)] {
    trace_.record(world_.now(), index_, Happening::view, view->id().value);
    wanted_.clear();
    for (const NodeId id : view->nodes()) {
      const auto other = listener_.index_of(id);
      if (other && *other != index_) wanted_.insert(*other);
    }
    process_->tenure.change(process_->node.boot().value, [&](SlotIndex slot) {
      return view->owner(slot) == process_->node.id();
    });
    std::vector<NodeId> peers;
    for (const NodeId id : view->nodes()) {
      if (id != process_->node.id()) peers.push_back(id);
    }
    turn([&](TimePoint now) {
      process_->node.on_peers(peers, now);
      for (const CachePlan& cache : plan_.caches) {
        process_->node.on_view(cache_id(cache.name), view);
      }
    });
    for (const NodeIndex other : wanted_) network_.dial(index_, other);
    close_unneeded();
  });
}

void Host::get(const Request& request, const KeyPlan& key) {
  const KeyView view = KeyView::of(key.bytes);
  const CachePlan& cache = plan_.caches[key.cache];
  trace_.record(world_.now(), index_, Happening::get, request.ticket.value, request.key);
  const TimePoint now = world_.now();
  if (auto entry = process_->stores[key.cache]->get(view, now)) {
    trace_.record(now, index_, Happening::hit, request.ticket.value, request.key);
    fetch::Answer answer;
    if (!entry->negative) answer.value = entry->value;
    answer.origin =
        entry->holding == Holding::mirror ? fetch::Origin::mirror : fetch::Origin::local;
    answer.version = entry->version;
    const bool refresh = entry->holding == Holding::owned &&
                         fetch::refresh_due(*entry, now, cache.options.early_refresh, rng_);
    listener_.on_completed(request.ticket, answer);
    if (refresh) {
      trace_.record(now, index_, Happening::refresh, request.key);
      turn([&](TimePoint at) {
        process_->node.on_refresh(cache_id(cache.name), view, at, actions_);
      });
    }
    return;
  }
  turn([&](TimePoint at) {
    core::GetRequest get;
    get.ticket = request.ticket;
    get.cache = cache_id(cache.name);
    get.key = view;
    get.deadline = request.deadline;
    get.withdrawable = request.withdrawable;
    process_->node.on_get(get, at, actions_);
  });
}

void Host::withdraw(const Request& request, const KeyPlan& key) {
  trace_.record(world_.now(), index_, Happening::withdrawn, request.ticket.value, request.key);
  turn([&](TimePoint now) {
    process_->node.on_withdraw(cache_id(plan_.caches[key.cache].name), request.ticket, now,
                               actions_);
  });
}

void Host::when_awake(World::Task task) {
  if (!alive()) return;
  if (paused_) {
    inbox_.push_back(std::move(task));
  } else {
    task();
  }
}

void Host::on_frame(NodeIndex from, const std::string& frame) {
  const auto bytes = std::as_bytes(std::span(frame));
  KITH_CHECK(bytes.size() >= peer::kHeaderBytes);
  const auto header = peer::decode_header(bytes);
  KITH_CHECK(header && header->body_bytes == bytes.size() - peer::kHeaderBytes);
  const Value body = Value::copy_of(std::string_view(frame).substr(peer::kHeaderBytes));
  const auto message = peer::decode(bytes.first(peer::kHeaderBytes), body);
  KITH_CHECK(message.has_value());
  trace_.record(world_.now(), index_, Happening::delivered, from, message->index(),
                trace_.readable() ? describe(*message) : std::string());
  turn([&](TimePoint now) {
    process_->node.on_messages(listener_.id_of(from), std::span(&*message, 1), now, actions_);
  });
}

void Host::on_link_up(NodeIndex to) {
  failed_dials_.resize(std::max(failed_dials_.size(), to + 1));
  failed_dials_[to] = 0;
  turn([&](TimePoint now) { process_->node.on_link_up(listener_.id_of(to), now, actions_); });
  close_unneeded();
}

void Host::on_link_down(NodeIndex to) {
  turn([&](TimePoint now) { process_->node.on_link_down(listener_.id_of(to), now, actions_); });
  redial_later(to);
}

void Host::on_caller_gone(NodeIndex from) {
  turn([&](TimePoint now) { process_->node.on_caller_gone(listener_.id_of(from), now, actions_); });
}

template <class Input>
void Host::turn(Input&& input) {
  KITH_CHECK(!in_turn_);
  in_turn_ = true;
  actions_.clear();
  input(world_.now());
  for (fetch::Action& action : actions_) execute(action);
  in_turn_ = false;
  arm();
}

void Host::execute(fetch::Action& action) {
  std::visit(
      Overloaded{
          [this](const fetch::Send& it) { send(it); },
          [this](const fetch::StartLoad& it) { load(it); },
          [this](const fetch::CancelLoad& it) { origin_.cancel(index_, it.load); },
          [this](const fetch::Complete& it) { listener_.on_completed(it.ticket, it.result); },
          [this](const fetch::DropLink& it) {
            const auto to = listener_.index_of(it.node);
            KITH_CHECK(to.has_value());
            trace_.record(world_.now(), index_, Happening::link_dropped, *to);
            network_.hang_up(index_, *to);
            redial_later(*to);
          },
          [this](const fetch::PeerChanged& it) {
            const auto to = listener_.index_of(it.node);
            trace_.record(world_.now(), index_,
                          it.reachable ? Happening::peer_reachable : Happening::peer_unreachable,
                          to.value_or(Trace::kNobody));
          },
      },
      action);
}

void Host::send(const fetch::Send& send) {
  const auto to = listener_.index_of(send.to);
  KITH_CHECK(to.has_value() && *to != index_);
  trace_.record(world_.now(), index_, Happening::sent, *to, send.message.index(),
                trace_.readable() ? describe(send.message) : std::string());
  std::string frame;
  const Value rest =
      peer::encode(send.message, frame, std::numeric_limits<std::size_t>::max(), true);
  frame.append(rest.view());
  if (is_request(send.message)) {
    network_.send_request(index_, *to, std::move(frame));
  } else {
    network_.send_reply(index_, *to, std::move(frame));
  }
}

void Host::load(const fetch::StartLoad& start) {
  const std::size_t key = listener_.key_index(start.cache, start.key.bytes.view());
  const std::uint64_t process = starts_;
  const fetch::LoadId id = start.load;
  origin_.start(index_, start, key, [this, process, id](fetch::LoadOutcome outcome) {
    if (!alive() || starts_ != process) return;
    when_awake([this, id, outcome = std::move(outcome)] {
      turn([&](TimePoint now) { process_->node.on_loaded(id, outcome, now, actions_); });
    });
  });
}

void Host::arm() {
  if (paused_) return;
  const auto next = process_->node.next_deadline();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = *next;
  TimePoint at = std::max(*next, world_.now());
  if (plan_.timer_slack > Duration::zero()) {
    at += Duration(rng_.between(0, plan_.timer_slack.count()));
  }
  const std::uint64_t timer = ++timers_;
  world_.at(at, [this, timer] {
    if (!alive() || paused_ || timers_ != timer) return;
    armed_.reset();
    on_timer();
  });
}

void Host::on_timer() {
  const auto next = process_->node.next_deadline();
  if (next && *next <= world_.now()) {
    if (spinning_since_ != world_.now()) {
      spinning_since_ = world_.now();
      spins_ = 0;
    }
    KITH_CHECK(++spins_ < kMostSpins);
    turn([&](TimePoint now) { process_->node.on_deadline(now, actions_); });
    close_unneeded();
    return;
  }
  arm();
}

void Host::redial_later(NodeIndex to) {
  failed_dials_.resize(std::max(failed_dials_.size(), to + 1));
  const int doublings = std::min(failed_dials_[to]++, kMostDoublings);
  const Duration base = kFirstRedial * (1 << doublings);
  const Duration wait = base + Duration(rng_.between(0, base.count() / 2));
  const std::uint64_t process = starts_;
  world_.after(wait, [this, to, process] {
    if (!alive() || starts_ != process) return;
    when_awake([this, to] {
      if (wanted_.contains(to)) network_.dial(index_, to);
    });
  });
}

void Host::close_unneeded() {
  for (NodeIndex other = 0; other < network_.nodes(); ++other) {
    if (other == index_ || wanted_.contains(other) || !network_.dialed(index_, other)) continue;
    if (process_->node.requests_to(listener_.id_of(other)) == 0) network_.hang_up(index_, other);
  }
}

std::string Host::describe(const peer::Message& message) const {
  std::string text(peer::name_of(message));
  std::visit(
      [&](const auto& it) {
        if constexpr (requires { it.request; }) text += " #" + std::to_string(it.request);
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, peer::Get>) {
          text += " key " + std::to_string(listener_.key_index(it.cache, it.key)) + " hops " +
                  std::to_string(it.hops) + " budget " + std::to_string(it.budget_us) + "us" +
                  (it.guest ? " guest" : "") + (it.no_load ? " no_load" : "");
        }
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, peer::NotOwner>) {
          const auto hint = listener_.index_of(it.hint);
          text += hint ? " hint n" + std::to_string(*hint) : " no hint";
          text += " reason " + std::to_string(static_cast<int>(it.reason));
        }
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, peer::Failure>) {
          text += " ";
          text += to_string(it.code);
        }
      },
      message);
  return text;
}

}  // namespace kith::sim
