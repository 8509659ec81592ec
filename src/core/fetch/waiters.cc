// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/waiters.h"

namespace kith::fetch {

Waiters::Handle Waiters::add(const Waiter& waiter) {
  const Handle handle = slab_.insert(waiter);
  deadlines_.push(waiter.deadline, handle);
  if (waiter.remote) {
    remote_[Remote(waiter.caller, waiter.request)] = handle;
  } else if (waiter.withdrawable) {
    withdrawable_[waiter.ticket] = handle;
  }
  return handle;
}

std::optional<Waiter> Waiters::take(Handle handle) {
  std::optional<Waiter> waiter = slab_.take(handle);
  if (!waiter) return std::nullopt;
  if (waiter->remote) {
    // A peer that repeats a request id made the index point to the newer one: leave that.
    const auto found = remote_.find(Remote(waiter->caller, waiter->request));
    if (found != remote_.end() && found->second == handle) remote_.erase(found);
  } else if (waiter->withdrawable) {
    withdrawable_.erase(waiter->ticket);
  }
  deadlines_.compact(slab_.size(), [this](Handle h) { return slab_.find(h) != nullptr; });
  slab_.release_if_idle();
  release_if_idle(withdrawable_);
  release_if_idle(remote_);
  return waiter;
}

std::optional<Waiters::Handle> Waiters::find_withdrawable(Ticket ticket) const {
  const auto found = withdrawable_.find(ticket);
  if (found == withdrawable_.end()) return std::nullopt;
  return found->second;
}

std::optional<Waiters::Handle> Waiters::find_remote(NodeId caller,
                                                    wire::peer::RequestId request) const {
  const auto found = remote_.find(Remote(caller, request));
  if (found == remote_.end()) return std::nullopt;
  return found->second;
}

std::optional<Waiters::Handle> Waiters::next_expired(TimePoint now) {
  while (const auto handle = deadlines_.pop_due(now)) {
    if (slab_.find(*handle) != nullptr) return handle;
  }
  return std::nullopt;
}

}  // namespace kith::fetch
