// SPDX-License-Identifier: Apache-2.0
// For tests of programs that use kith. Not part of <kith/kith.h>.
#pragma once

#include <kith/node.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::testing {

/// Several nodes in this process that talk to each other over loopback, as they would between
/// machines.
///
///     auto cluster = kith::testing::LocalCluster::start(3);
///     auto users = cluster->open_everywhere("users", {}, load_user);
///     EXPECT_EQ(users->at(0).get("ada"), users->at(2).get("ada"));
///
/// Not thread-safe; its nodes and caches are.
class LocalCluster {
 public:
  /// Starts `size` nodes on free ports and waits until all of them reach each other. All start with
  /// `options`, except for `listen`, `advertise` and `peers`, which are the cluster's. Errors:
  /// those of Node::start, and timed_out when the nodes do not meet within `timeout`.
  static Result<LocalCluster> start(std::size_t size, NodeOptions options = {},
                                    Duration timeout = std::chrono::seconds(10)) {
    options.listen = "127.0.0.1:0";
    options.advertise.clear();
    options.peers.clear();
    LocalCluster cluster;
    for (std::size_t i = 0; i < size; ++i) {
      Result<Node> node = Node::start(options);
      if (!node) return tl::unexpected<Error>(std::move(node).error());
      cluster.nodes_.push_back(*std::move(node));
    }
    for (Node& node : cluster.nodes_) {
      std::vector<Peer> others;
      for (const Node& other : cluster.nodes_) {
        if (&other != &node) others.emplace_back(other.address(), options.weight, options.zone);
      }
      if (Result<void> done = node.set_peers(std::move(others)); !done) {
        return tl::unexpected<Error>(std::move(done).error());
      }
    }
    for (const Node& node : cluster.nodes_) {
      if (Result<void> done = node.wait_connected(timeout); !done) {
        return tl::unexpected<Error>(std::move(done).error());
      }
    }
    return cluster;
  }

  std::size_t size() const { return nodes_.size(); }
  /// Requires i < size().
  Node& node(std::size_t i) { return nodes_.at(i); }

  /// Opens the cache on every node; the handles stand in the order of the nodes. All nodes share
  /// one loader: to learn which of them loaded, pass a function of the node's number that makes its
  /// loader. Errors: those of Node::open.
  Result<std::vector<Cache>> open_everywhere(std::string_view name,
                                             const CacheOptions& options = {}, Loader loader = {}) {
    return open_everywhere(name, options, [&](std::size_t) { return loader; });
  }
  template <class MakeLoader>
    requires std::convertible_to<std::invoke_result_t<MakeLoader&, std::size_t>, Loader>
        Result<std::vector<Cache>> open_everywhere(std::string_view name,
                                                   const CacheOptions& options,
                                                   MakeLoader make_loader) {
      std::vector<Cache> caches;
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        Result<Cache> cache = nodes_[i].open(name, options, make_loader(i));
        if (!cache) return tl::unexpected<Error>(std::move(cache).error());
        caches.push_back(*std::move(cache));
      }
      return caches;
    }

  /// Stops a node for good. The others find out by themselves, as after a crash. Requires
  /// i < size(); the numbers of the others stay.
  void stop(std::size_t i) { nodes_.at(i).stop(); }

 private:
  LocalCluster() = default;

  std::vector<Node> nodes_;
};

}  // namespace kith::testing
