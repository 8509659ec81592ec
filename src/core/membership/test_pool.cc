// SPDX-License-Identifier: Apache-2.0
#include "core/membership/test_pool.h"

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "core/membership/encoded_size.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

Address address_of_host(std::size_t host) {
  return {std::string{10, 1, static_cast<char>(host / 200), static_cast<char>(host % 200 + 1)},
          7946};
}

}  // namespace

TestPool::TestPool(std::uint64_t seed, const Profile& profile) : rng_(seed), profile_(profile) {}
TestPool::~TestPool() = default;

std::size_t TestPool::add(const std::function<void(Options&)>& change) {
  const std::size_t host = hosts_.size();
  hosts_.emplace_back();
  hosts_[host].name = "n" + std::to_string(host);
  hosts_[host].address = address_of_host(host);
  start(host, change);
  return host;
}

void TestPool::start(std::size_t index, const std::function<void(Options&)>& change) {
  Host& host = hosts_[index];
  Options options;
  options.name = host.name;
  options.address = host.address;
  options.profile = profile_;
  options.seed = rng_.next();
  if (change) change(options);
  host.name = options.name;
  host.address = options.address;
  host.node = std::make_unique<Membership>(options, now_);
  host.up = true;
  host.paused = false;
  host.wake = {};
  ++host.process;
  host.waiting.clear();
  schedule(index);
}

void TestPool::add_joined(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t host = add();
    if (host != 0) join(host, 0);
  }
}

void TestPool::join(std::size_t host, const Address& seed) {
  give(host, [&](Membership& node, Actions& out) { node.join(std::span(&seed, 1), now_, out); });
}

void TestPool::leave(std::size_t host) {
  give(host, [&](Membership& node, Actions& out) { node.leave(now_, 5s, out); });
}

void TestPool::crash(std::size_t host) {
  hosts_[host].up = false;
  ++hosts_[host].process;
}

void TestPool::restart(std::size_t host, const Address& address) {
  crash(host);
  hosts_[host].address = address;
  start(host, {});
}

void TestPool::pause(std::size_t host) { hosts_[host].paused = true; }

void TestPool::resume(std::size_t index) {
  Host& host = hosts_[index];
  host.paused = false;
  const auto waiting = std::exchange(host.waiting, {});
  for (const auto& input : waiting) input();
  host.wake = {};
  schedule(index);
}

// ---- Time

void TestPool::after(Duration wait, std::function<void()> task) {
  tasks_.push_back({now_ + wait, ++order_, std::move(task)});
  std::ranges::push_heap(tasks_, [](const Task& a, const Task& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  });
}

void TestPool::run_for(Duration span) {
  const TimePoint end = now_ + span;
  while (!tasks_.empty() && tasks_.front().at <= end) {
    std::ranges::pop_heap(tasks_, [](const Task& a, const Task& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    });
    const Task task = std::move(tasks_.back());
    tasks_.pop_back();
    now_ = task.at;
    task.run();
  }
  now_ = end;
}

bool TestPool::run_until(const std::function<bool()>& condition, Duration most) {
  const TimePoint end = now_ + most;
  while (!condition()) {
    if (now_ >= end) return false;
    run_for(10ms);
  }
  return true;
}

void TestPool::schedule(std::size_t index) {
  Host& host = hosts_[index];
  const TimePoint due = std::max(now_, host.node->next_deadline());
  if (host.paused || (host.wake > now_ && host.wake <= due)) return;
  host.wake = due;
  after(due - now_, [this, index, due, process = host.process] {
    Host& woken = hosts_[index];
    if (woken.process != process || woken.wake != due || woken.paused) return;
    woken.wake = {};
    give(index, [&](Membership& node, Actions& out) { node.on_deadline(now_, out); });
  });
}

// ---- Inputs and actions

void TestPool::input(std::size_t index, std::uint64_t process,
                     std::function<void(Membership&, Actions&)> how) {
  Host& host = hosts_[index];
  if (!host.up || host.process != process) return;
  if (!host.paused) return give(index, how);
  host.waiting.push_back([this, index, process, how = std::move(how)] {
    if (hosts_[index].process == process) give(index, how);
  });
}

void TestPool::give(std::size_t index, const std::function<void(Membership&, Actions&)>& how) {
  Actions actions;
  how(*hosts_[index].node, actions);
  for (const auto& action : actions) {
    std::visit([&](const auto& one) { execute(index, one); }, action);
  }
  schedule(index);
}

std::optional<std::size_t> TestPool::host_at(const Address& address) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].up && hosts_[i].address == address) return i;
  }
  return std::nullopt;
}

Duration TestPool::latency() { return std::chrono::microseconds(rng_.between(200, 1000)); }

void TestPool::record(std::uint64_t what) {
  const auto at = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  trace_ = mix64(mix64(trace_ ^ at) ^ what);
}

void TestPool::execute(std::size_t from, const SendPacket& send) {
  ++packets_;
  const Duration wait = latency();
  const bool lost = rng_.chance(loss_);
  const auto to = host_at(send.to);
  record(send.messages.size() << 32 | from << 16 | to.value_or(0xffff));
  for (const Message& message : send.messages)
    record(message.index() << 32 | encoded_size(message));
  if (!to || lost || blocked(from, *to)) return;
  if (packets_blocked_ && packets_blocked_(from, *to)) return;
  after(wait, [this, to = *to, process = hosts_[*to].process, source = hosts_[from].address,
               messages = send.messages] {
    input(to, process, [this, source, messages](Membership& node, Actions& out) {
      node.on_packet(source, messages, now_, out);
    });
  });
}

void TestPool::execute(std::size_t from, const OpenStream& open) {
  const auto to = host_at(open.to);
  record(std::uint64_t{1} << 63 | from << 16 | to.value_or(0xffff));
  const std::uint64_t process = hosts_[from].process;
  after(open.deadline - now_, [this, from, process, stream = open.stream] {
    input(from, process,
          [stream](Membership& node, Actions& out) { node.on_stream_failed(stream, out); });
  });
  if (!to || blocked(from, *to)) return;
  const CallerId caller{++last_caller_};
  callers_[caller] = {from, process, open.stream};
  after(3 * latency(),
        [this, to = *to, server = hosts_[*to].process, caller, request = open.request] {
          input(to, server, [this, caller, request](Membership& node, Actions& out) {
            node.on_caller(caller, request, now_, out);
          });
        });
}

void TestPool::execute(std::size_t from, const ReplyToCaller& reply) {
  const auto entry = callers_.find(reply.caller);
  if (entry == callers_.end()) return;
  const Caller caller = entry->second;
  callers_.erase(entry);
  if (blocked(from, caller.host)) return;
  after(latency(), [this, caller, answer = reply.reply] {
    input(caller.host, caller.process, [this, caller, answer](Membership& node, Actions& out) {
      node.on_stream_reply(caller.stream, answer, now_, out);
    });
  });
}

void TestPool::execute(std::size_t, const RefuseCaller& refuse) { callers_.erase(refuse.caller); }

void TestPool::execute(std::size_t from, const MemberEvent& event) {
  record(static_cast<std::uint64_t>(event.kind) << 48 | from << 32 | event.incarnation);
  happenings_.push_back({now_, from, event});
}

void TestPool::execute(std::size_t from, const NameConflict& conflict) {
  conflicts_.push_back({from, conflict});
}

void TestPool::execute(std::size_t, const JoinEnded& ended) {
  if (ended.reached == 0) ++joins_failed_;
}

void TestPool::execute(std::size_t, const LeaveEnded&) { ++left_; }

// ---- What is believed

std::optional<State> TestPool::seen(std::size_t observer, std::size_t subject) const {
  const Member* member = hosts_[observer].node->members().find(hosts_[subject].name);
  if (member == nullptr) return std::nullopt;
  return member->state;
}

std::size_t TestPool::disagreements() const {
  const auto takes_part = [](const Host& host) { return host.up && !host.node->leaving(); };
  const auto living = std::ranges::count_if(hosts_, takes_part);
  std::size_t found = 0;
  for (const Host& observer : hosts_) {
    if (!takes_part(observer)) continue;
    const Members& members = observer.node->members();
    for (const Host& subject : hosts_) {
      if (!takes_part(subject)) continue;
      const Member* member = members.find(subject.name);
      const bool right =
          member != nullptr && member->state == State::alive && member->address == subject.address;
      if (!right) ++found;
    }
    std::ptrdiff_t believed = 0;
    members.for_each([&](const Member& member) { believed += member.state == State::alive; });
    if (believed > living) ++found;
  }
  return found;
}

std::size_t TestPool::count(MemberEvent::Kind kind) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      happenings_, [&](const Happening& happening) { return happening.event.kind == kind; }));
}

}  // namespace kith::membership
