// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "base/ids.h"
#include "base/key.h"
#include "base/mark.h"
#include "base/memory_charge.h"
#include "base/mutex.h"
#include "base/slab.h"
#include "core/fetch/actions.h"
#include "core/membership/liveness.h"
#include "core/node/node.h"
#include "core/placement/view.h"
#include "edge/driver/driver.h"
#include "edge/driver/inbox.h"
#include "edge/driver/log.h"
#include "edge/driver/peer_links.h"
#include "edge/loop/loop.h"
#include "edge/net/acceptor.h"
#include "edge/net/flush_queue.h"

namespace kith::edge {

/// Who wants to hear when a loop's requests and connections have taken so much more memory.
struct MemoryWatch {
  std::size_t step = static_cast<std::size_t>(-1);
  std::function<void()> on_taken;
};

/// Hears that a peer's process is gone: see DriverOptions::on_peer_gone. On the loop's thread.
using PeerWatch = std::function<void(const std::string& name, BootId boot)>;

/// One loop of the driver: a core::Node for one slice of the slots, its connections, and what
/// executes its actions. Where nothing else is said: loop thread only.
class Worker final : private Loop::Owner, private PeerLinks::Listener {
 public:
  /// The references must outlive it.
  Worker(std::unique_ptr<Loop> loop, const Identity& self, std::uint8_t slice, std::uint64_t seed,
         LoadRunner& runner, Log& log, MemoryWatch watch, PeerWatch peer_watch);
  ~Worker() override;

  /// Thread-safe, as far as the loop is.
  Loop& loop() { return *loop_; }
  std::uint8_t slice() const { return static_cast<std::uint8_t>(home_.slice); }
  /// The body of the loop's thread, until finish() is done.
  void run() { loop_->run(*this); }

  // From any thread.
  /// Hands requests in, at least one. After finish() they end with `cancelled`, on the calling
  /// thread.
  void get(const Inbox::Batch& calls);
  void withdraw(std::shared_ptr<Call> call);
  void refresh(CacheId cache, Key key);
  void loaded(fetch::LoadId load, fetch::LoadOutcome outcome);
  membership::Reachability reachability(NodeId node) const;
  /// Of memory: requests under way, as of the last turn, with what loaders answered.
  std::size_t request_bytes() const {
    return request_bytes_.load(std::memory_order_relaxed) +
           loaded_bytes_.load(std::memory_order_relaxed);
  }
  /// Of memory: the connections'.
  std::size_t buffer_bytes() const {
    return flush_queue_.buffer_bytes().load(std::memory_order_relaxed);
  }

  // On the loop's thread, or before or after it runs.
  std::shared_ptr<const fetch::Statistics> open_cache(const std::string& name,
                                                      const fetch::Options& options,
                                                      store::Store& store, const Tenure& tenure,
                                                      std::shared_ptr<const placement::View> view);
  void close_cache(CacheId cache);
  void install(CacheId cache, std::shared_ptr<const placement::View> view);
  /// Makes links to these peers, and lets go of others when they owe nothing any more.
  void set_peers(std::span<const PeerAddress> peers);
  void on_rumour(NodeId node);
  /// Takes over a connection that was accepted for this slice.
  void adopt(Acceptor::Accepted accepted);
  /// Of the loop, for what else lives on it.
  FlushQueue& flush_queue() { return flush_queue_; }

  /// Refuses the requests of others from now on, and calls `idle`, once, when nothing is under way.
  void drain(absl::AnyInvocable<void()> idle);
  /// Cancels what is under way and ends run(), as soon as the answers are sent and at `latest`.
  void finish(TimePoint latest);

 private:
  class Caller;
  using CallerId = Slab<std::unique_ptr<Caller>>::Handle;

  struct Withdrawal {
    std::shared_ptr<Call> call;
  };
  struct Refresh {
    CacheId cache;
    Key key;
  };
  struct Loaded {
    fetch::LoadId load;
    fetch::LoadOutcome outcome;
    /// For the time that it waits for the loop.
    MemoryCharge charge;
  };
  using Task = std::variant<Withdrawal, Refresh, Loaded>;

  // The turn.
  void end_of_turn() override;
  bool take_in();
  void add_task(Task task);
  void begin(Call& call);
  void perform(Withdrawal& withdrawal);
  void perform(Refresh& refresh);
  void perform(Loaded& loaded);
  void meet_deadline();
  void give_up_overflowed();
  void let_go_of_leavers();
  void publish_reachability();
  void publish_memory();
  void end_if_done();

  /// Gives the core an input, as a call of input(core, now, actions), and executes what it answers.
  /// Never from within itself: what the actions cause comes back in a later turn or step.
  template <class Input>
  void feed(Input&& input);
  void execute(fetch::Send& send);
  void execute(fetch::StartLoad& load);
  void execute(fetch::CancelLoad& load);
  void execute(fetch::Complete& complete);
  void execute(fetch::DropLink& drop);
  void execute(fetch::PeerChanged& change);

  void on_peer_up(NodeId node) override;
  void on_peer_down(NodeId node) override;
  void on_peer_trouble(const std::string& name, const Link::Down& down) override;
  void on_peer_message(NodeId node, const wire::peer::Message& message) override;
  void on_caller_messages(CallerId caller, std::span<const wire::peer::Message> messages);
  void on_caller_closed(CallerId caller, std::string_view why);
  void on_peer_gone(const std::string& name, BootId boot) override;
  std::string name_of(NodeId node) const;
  bool is_leaving(NodeId node) const;

  const Identity& self_;
  LoadRunner& runner_;
  Log& log_;
  const MemoryWatch memory_watch_;
  const PeerWatch peer_watch_;

  // From other threads.
  Inbox inbox_;
  std::atomic<std::size_t> request_bytes_{0};
  MemoryCharge::Total loaded_bytes_{0};
  Mutex tasks_mutex_;
  /// There are tasks; changed under the lock. Relaxed: whoever adds one wakes the loop, and that
  /// orders it, or is the loop.
  std::atomic<bool> tasks_waiting_{false};
  std::vector<Task> tasks_ ABSL_GUARDED_BY(tasks_mutex_);
  bool tasks_closed_ ABSL_GUARDED_BY(tasks_mutex_) = false;
  mutable Mutex reachability_mutex_;
  std::map<NodeId, membership::Reachability> reachability_ ABSL_GUARDED_BY(reachability_mutex_);

  // The loop's own. The order matters: connections go before the loop that they live on.
  const std::unique_ptr<Loop> loop_;
  FlushQueue flush_queue_;
  Marks marks_;
  core::Node core_;
  const PeerLinks::Home home_;
  Rng rng_;
  fetch::Actions actions_;
  std::vector<Task> taken_;
  absl::flat_hash_map<NodeId, std::unique_ptr<PeerLinks>> peers_;
  /// Those of the peers that are none any more, kept while they owe answers.
  std::vector<NodeId> leaving_;
  /// Peers for whose first connection too much is waiting.
  std::vector<NodeId> overflowed_;
  /// To the core each connection by which requests come is a node of its own, with the connection's
  /// handle for its id, so that answers go back the way the request came.
  Slab<std::unique_ptr<Caller>> callers_;
  bool reachability_changed_ = false;
  bool loads_changed_ = false;
  absl::AnyInvocable<void()> when_idle_;
  std::optional<TimePoint> finish_by_;
  /// What memory_watch_ knows of.
  std::size_t bytes_known_ = 0;
};

}  // namespace kith::edge
