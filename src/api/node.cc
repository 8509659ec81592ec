// SPDX-License-Identifier: Apache-2.0
#include <kith/node.h>

#include <utility>

#include "api/node_impl.h"

namespace kith {

std::string_view to_string(PeerStatus::State state) {
  switch (state) {
    case PeerStatus::State::self:
      return "self";
    case PeerStatus::State::connecting:
      return "connecting";
    case PeerStatus::State::reachable:
      return "reachable";
    case PeerStatus::State::unreachable:
      return "unreachable";
  }
  return "unknown";
}

Result<Node> Node::start(NodeOptions options) {
  auto impl = api::NodeImpl::start(std::move(options));
  if (!impl) return tl::unexpected<Error>(std::move(impl).error());
  return Node(*std::move(impl));
}

Node::Node(std::shared_ptr<api::NodeImpl> impl) : impl_(std::move(impl)) {}
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

Result<Cache> Node::open(std::string_view name, const CacheOptions& options, Loader loader) {
  auto impl = impl_->open(name, options, std::move(loader));
  if (!impl) return tl::unexpected<Error>(std::move(impl).error());
  return Cache(*std::move(impl));
}

Result<void> Node::close(std::string_view name) { return impl_->close(name); }
Result<void> Node::resize(std::string_view name, std::uint64_t memory_bytes) {
  return impl_->resize(name, memory_bytes);
}

Result<void> Node::set_peers(std::vector<Peer> peers) { return impl_->set_peers(std::move(peers)); }
Result<void> Node::add_peer(Peer peer) { return impl_->add_peer(std::move(peer)); }
Result<void> Node::remove_peer(std::string_view address) { return impl_->remove_peer(address); }
std::vector<PeerStatus> Node::peers() const { return impl_->peers(); }
Result<std::vector<Member>> Node::members() const { return impl_->members(); }
Result<void> Node::drain() { return impl_->drain(); }
Result<void> Node::add_gossip_key(std::string_view key) { return impl_->add_gossip_key(key); }
Result<void> Node::use_gossip_key(std::string_view key) { return impl_->use_gossip_key(key); }
Result<void> Node::remove_gossip_key(std::string_view key) { return impl_->remove_gossip_key(key); }
std::string Node::gossip_address() const { return impl_->gossip_address(); }
Result<void> Node::reload_certificates() { return impl_->reload_certificates(); }
Result<void> Node::wait_connected(Duration timeout) const { return impl_->wait_connected(timeout); }
NodeMemory Node::memory() const { return impl_->memory(); }
const std::string& Node::name() const { return impl_->name(); }
const std::string& Node::address() const { return impl_->address(); }
void Node::stop() { impl_->stop(); }

}  // namespace kith
