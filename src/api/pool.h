// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/membership.h>
#include <kith/options.h>
#include <kith/result.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "api/seed_book.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "core/membership/cluster/cluster.h"
#include "core/placement/view.h"
#include "edge/driver/driver.h"
#include "edge/driver/gossip.h"

namespace kith::api {

/// A node's part in the gossip pool. Three threads meet here: the gossip's own, which must not
/// wait, notes what the cluster tells; the pool's thread has the driver follow, which builds views
/// and waits for loops, and tells the user; users open and close caches. Thread-safe.
class Pool {
 public:
  struct Setup {
    std::string name;
    BootId boot;
    /// Where the peer link listens.
    std::uint16_t data_port = 0;
  };

  /// Listens and starts to look for others. `driver` must outlive it. Errors: those of
  /// GossipHost::open and SeedBook::start.
  static Result<std::unique_ptr<Pool>> start(const NodeOptions& options, const Setup& setup,
                                             edge::Driver& driver);
  ~Pool() { stop(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// This node takes part in the cache. Returns who owns its keys at present; links to them are
  /// under way. follow() must be called when the driver knows the cache. Errors:
  /// resource_exhausted, cancelled, failed_precondition (from the gossip's thread).
  Result<std::vector<placement::Member>> open_cache(CacheId cache, std::string_view name);
  /// Has the driver follow the cache's owners from now on.
  void follow(CacheId cache);
  void close_cache(CacheId cache);

  /// A peer's process is gone: see edge::DriverOptions. Does not wait.
  void on_peer_gone(const std::string& name, BootId boot);

  Result<std::vector<Member>> members() const;
  /// Whether this node takes its share of the keys, or has given it up.
  bool started() const;
  Result<void> drain();
  Result<void> add_key(std::string_view key);
  Result<void> use_key(std::string_view key);
  Result<void> remove_key(std::string_view key);
  std::string gossip_address() const;
  struct Linked {
    std::string name;
    Peer peer;
  };
  /// The others to which there are links, or shall be.
  std::vector<Linked> linked() const;

  /// Gives up the keys, tells the others that this node leaves, and waits until they were told, for
  /// up to `patience`. Goes on answering them.
  void leave(Duration patience);
  /// Ends everything at once. Idempotent. Not from a callback.
  void stop();

 private:
  using Gossip = edge::GossipDriver<membership::Cluster, membership::ClusterActions>;
  /// What is known of a member that has a peer link.
  struct Link {
    std::string address;
    std::uint32_t weight = 1;
    std::string zone;
    /// It is no member any more; kept while views have it.
    bool gone = false;
  };
  struct OpenCache {
    std::string name;
    std::vector<placement::Member> owners;
    /// The driver knows it.
    bool followed = false;
    /// The driver has other owners.
    bool changed = false;
  };

  Pool(const NodeOptions& options, Setup setup, edge::Driver& driver);
  Result<void> with_key(std::string_view text,
                        Result<void> (Gossip::*change)(const wire::gossip::Key&));
  Result<void> start_gossip(const GossipOptions& gossip);
  Result<void> start_seeds(const GossipOptions& gossip);

  // On the gossip's thread.
  void note(const membership::ClusterAction& action);
  void note(const membership::PeerEvent& event);
  void note(const membership::Participants& participants);

  // On the pool's.
  void run();
  void take_share();
  void tell(const std::vector<MemberEvent>& events);
  /// Has the driver do what was noted. Any thread that may wait.
  void apply();
  std::vector<edge::PeerAddress> wanted_links_locked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void forget_links_locked(const std::vector<edge::PeerAddress>& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void queue_locked(MemberEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Setup setup_;
  edge::Driver& driver_;
  const LogSink log_;
  const MemberListener listener_;
  const std::uint32_t weight_;
  const std::string zone_;
  std::unique_ptr<Gossip> gossip_;
  std::unique_ptr<SeedBook> seeds_;

  /// Held while the driver is told, so that it hears of things in their order. Before mutex_.
  Mutex applying_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Link, std::less<>> links_ ABSL_GUARDED_BY(mutex_);
  std::map<CacheId, OpenCache> caches_ ABSL_GUARDED_BY(mutex_);
  std::deque<MemberEvent> events_ ABSL_GUARDED_BY(mutex_);
  bool lost_events_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> unreachable_ ABSL_GUARDED_BY(mutex_);
  bool news_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  /// The node is to be ready now, or at that time. Empty: it is.
  std::optional<std::chrono::steady_clock::time_point> ready_at_ ABSL_GUARDED_BY(mutex_);
  /// Another kith node, before that time.
  bool found_ ABSL_GUARDED_BY(mutex_) = false;
  /// What the driver was told last.
  std::vector<edge::PeerAddress> told_links_ ABSL_GUARDED_BY(applying_);
  std::thread thread_;
};

}  // namespace kith::api
