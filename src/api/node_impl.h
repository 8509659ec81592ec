// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/node.h>

#include <absl/base/thread_annotations.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/cache_impl.h"
#include "api/engine.h"
#include "api/memory_shares.h"
#include "api/pool.h"
#include "base/mutex.h"
#include "edge/tls/credentials.h"

namespace kith::api {

/// Implements Node: checks what users pass, keeps the list of peers and the open caches.
/// Thread-safe.
class NodeImpl {
 public:
  static Result<std::shared_ptr<NodeImpl>> start(NodeOptions options);
  ~NodeImpl() { stop(); }

  Result<std::shared_ptr<CacheImpl>> open(std::string_view name, const CacheOptions& options,
                                          Loader loader);
  Result<void> close(std::string_view name);
  Result<void> resize(std::string_view name, std::uint64_t memory_bytes);
  NodeMemory memory() const;
  Result<void> set_peers(std::vector<Peer> peers);
  Result<void> add_peer(Peer peer);
  Result<void> remove_peer(std::string_view address);
  std::vector<PeerStatus> peers() const;
  Result<void> reload_certificates();
  Result<std::vector<Member>> members() const;
  Result<void> drain();
  Result<void> add_gossip_key(std::string_view key);
  Result<void> use_gossip_key(std::string_view key);
  Result<void> remove_gossip_key(std::string_view key);
  std::string gossip_address() const;
  Result<void> wait_connected(Duration timeout) const;
  const std::string& name() const { return engine_->driver->name(); }
  const std::string& address() const { return engine_->driver->address(); }
  void stop();

 private:
  struct Open {
    std::shared_ptr<CacheImpl> cache;
    MemoryShare share;
    /// CacheStats::returns when it was last looked at.
    std::uint64_t returns_before = 0;
  };

  explicit NodeImpl(NodeOptions options) : options_(std::move(options)) {}

  Result<void> start_pool(BootId boot);
  /// The peers are the user's to say.
  Result<void> without_gossip() const;
  /// The pool, for what is only with gossip.
  Result<Pool*> with_gossip() const;
  /// What blocks until all loops have acted would wait for itself on one of them.
  Result<void> not_on_loop_thread() const;
  /// NodeMemory::fixed_bytes. `table_bytes`: the driver's.
  std::uint64_t fixed_bytes(std::uint64_t table_bytes) const;
  /// Of the node's memory, among its caches. What it has for other things is not theirs.
  void divide();
  void divide_locked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// What is done about the files of certificates every TlsOptions::reload_interval.
  void look_at_certificates();
  void look_at_caches_locked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<void> install_locked(std::vector<Peer> peers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// This node and its peers.
  std::vector<placement::Member> members_locked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  NodeOptions options_;
  std::shared_ptr<Engine> engine_;
  /// Null: no gossip. Set before there are links.
  std::unique_ptr<Pool> pool_;
  /// Null: no TLS.
  std::shared_ptr<edge::tls::Credentials> credentials_;
  /// What was last logged of the files, so that it is said once. The housekeeper's thread only.
  std::string last_problem_;

  /// Held by stop() to its end, so that the second to call it waits for the first. Before mutex_.
  Mutex stop_mutex_;

  /// Held while peers or caches change; never on a read's path.
  mutable Mutex mutex_;
  std::vector<Peer> peers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Open, std::less<>> caches_ ABSL_GUARDED_BY(mutex_);
  /// Caches, in the node's life.
  std::size_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
  /// Promised to no cache.
  std::uint64_t memory_left_ ABSL_GUARDED_BY(mutex_) = 0;
  /// When the caches are looked at again, for what they need.
  std::chrono::steady_clock::time_point next_look_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace kith::api
