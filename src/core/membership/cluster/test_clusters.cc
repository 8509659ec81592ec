// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/test_clusters.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/membership/broadcasts.h"
#include "core/membership/encoded_size.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

Address address_of_host(std::size_t host) {
  return {std::string{10, 1, static_cast<char>(host / 200), static_cast<char>(host % 200 + 1)},
          7946};
}

std::string joined(const std::vector<placement::Member>& members) {
  std::string names;
  for (const auto& member : members) names += (names.empty() ? "" : " ") + member.name;
  return names;
}

}  // namespace

TestClusters::TestClusters(std::uint64_t seed, const Profile& profile)
    : rng_(seed), profile_(profile) {}
TestClusters::~TestClusters() = default;

std::size_t TestClusters::add(const std::function<void(ClusterOptions&)>& change) {
  const std::size_t host = hosts_.size();
  hosts_.emplace_back();
  hosts_[host].name = "n" + std::to_string(host);
  hosts_[host].address = address_of_host(host);
  start(host, change);
  return host;
}

std::size_t TestClusters::add_plain() {
  const std::size_t index = hosts_.size();
  Host& host = hosts_.emplace_back();
  host.name = "p" + std::to_string(index);
  host.address = address_of_host(index);
  by_address_[host.address] = index;
  Options options;
  options.name = host.name;
  options.address = host.address;
  options.profile = profile_;
  options.seed = rng_.next();
  host.plain = std::make_unique<Membership>(options, now_);
  host.up = true;
  schedule(index);
  return index;
}

void TestClusters::start(std::size_t index, const std::function<void(ClusterOptions&)>& change) {
  Host& host = hosts_[index];
  ClusterOptions options;
  options.membership.name = host.name;
  options.membership.address = host.address;
  options.membership.profile = profile_;
  options.membership.seed = rng_.next();
  options.boot = BootId{++last_boot_};
  options.data_port = 7400;
  options.phase = Phase::ready;
  if (change) change(options);
  host.name = options.membership.name;
  host.address = options.membership.address;
  host.boot = options.boot;
  by_address_[host.address] = index;
  host.cluster = std::make_unique<Cluster>(options, now_);
  host.up = true;
  host.machine = true;
  host.paused = false;
  host.wake = {};
  ++host.process;
  host.waiting.clear();
  host.last.reset();
  give(index, [&](Cluster& node, ClusterActions& out) {
    static_cast<void>(node.open_cache(kCache, now_, out));
  });
}

void TestClusters::add_seeded(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) seed(add(), std::vector<std::size_t>{0});
}

void TestClusters::seed(std::size_t host, const std::vector<std::size_t>& seeds) {
  std::vector<Address> addresses;
  for (const std::size_t one : seeds) addresses.push_back(hosts_[one].address);
  seed(host, addresses);
}

void TestClusters::seed(std::size_t host, const std::vector<Address>& seeds) {
  give(host, Input{[&](Cluster& node, ClusterActions& out) { node.on_seeds(seeds, now_, out); },
                   [&](Membership& node, Actions& out) { node.join(seeds, now_, out); }});
}

void TestClusters::vanish(std::size_t host) {
  kill(host);
  hosts_[host].machine = false;
}

void TestClusters::kill(std::size_t host) {
  hosts_[host].up = false;
  ++hosts_[host].process;
}

void TestClusters::restart(std::size_t host, const Address& address) {
  kill(host);
  const auto entry = by_address_.find(hosts_[host].address);
  if (entry != by_address_.end() && entry->second == host) by_address_.erase(entry);
  hosts_[host].address = address;
  start(host, {});
}

void TestClusters::pause(std::size_t host) { hosts_[host].paused = true; }

void TestClusters::resume(std::size_t index) {
  Host& host = hosts_[index];
  host.paused = false;
  const auto waiting = std::exchange(host.waiting, {});
  for (const auto& input : waiting) input();
  host.wake = {};
  schedule(index);
}

// ---- Time

void TestClusters::after(Duration wait, std::function<void()> task) {
  tasks_.push_back({now_ + wait, ++order_, std::move(task)});
  std::ranges::push_heap(tasks_, [](const Task& a, const Task& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  });
}

void TestClusters::run_for(Duration span) {
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

bool TestClusters::run_until(const std::function<bool()>& condition, Duration most) {
  const TimePoint end = now_ + most;
  while (!condition()) {
    if (now_ >= end) return false;
    run_for(10ms);
  }
  return true;
}

void TestClusters::schedule(std::size_t index) {
  Host& host = hosts_[index];
  const TimePoint next = host.cluster ? host.cluster->next_deadline() : host.plain->next_deadline();
  const TimePoint due = std::max(now_, next);
  if (host.paused || (host.wake > now_ && host.wake <= due)) return;
  host.wake = due;
  after(due - now_, [this, index, due, process = host.process] {
    Host& woken = hosts_[index];
    if (woken.process != process || woken.wake != due || woken.paused) return;
    woken.wake = {};
    give(index, Input{[&](Cluster& node, ClusterActions& out) { node.on_deadline(now_, out); },
                      [&](Membership& node, Actions& out) { node.on_deadline(now_, out); }});
  });
}

// ---- Inputs and actions

void TestClusters::input(std::size_t index, std::uint64_t process, Input what) {
  Host& host = hosts_[index];
  if (!host.up || host.process != process) return;
  if (!host.paused) return give(index, what);
  host.waiting.push_back([this, index, process, what = std::move(what)] {
    if (hosts_[index].process == process) give(index, what);
  });
}

void TestClusters::give(std::size_t host,
                        const std::function<void(Cluster&, ClusterActions&)>& how) {
  give(host, Input{how, {}});
}

void TestClusters::give(std::size_t index, const Input& what) {
  Host& host = hosts_[index];
  if (host.cluster) {
    ClusterActions actions;
    what.cluster(*host.cluster, actions);
    for (const auto& action : actions) {
      std::visit([&](const auto& one) { execute(index, one); }, action);
    }
  } else {
    Actions actions;
    what.plain(*host.plain, actions);
    for (const auto& action : actions) {
      std::visit([&](const auto& one) { execute(index, one); }, action);
    }
  }
  schedule(index);
}

std::optional<std::size_t> TestClusters::host_at(const Address& address) const {
  const auto entry = by_address_.find(address);
  if (entry == by_address_.end()) return std::nullopt;
  return entry->second;
}

Duration TestClusters::latency() { return std::chrono::microseconds(rng_.between(200, 1000)); }

void TestClusters::execute(std::size_t from, const SendPacket& send) {
  ++packets_;
  std::size_t size = 2;
  for (const Message& message : send.messages) {
    size += encoded_size(message) + Broadcasts::kPartOverhead;
  }
  largest_packet_ = std::max(largest_packet_, size);
  const Duration wait = latency();
  const bool lost = rng_.chance(loss_);
  const auto to = host_at(send.to);
  if (!to || lost || blocked(from, *to)) return;
  if (packets_blocked_ && packets_blocked_(from, *to)) return;
  after(wait, [this, to = *to, process = hosts_[*to].process, source = hosts_[from].address,
               messages = send.messages] {
    input(to, process,
          Input{[this, source, messages](Cluster& node, ClusterActions& out) {
                  node.on_packet(source, messages, now_, out);
                },
                [this, source, messages](Membership& node, Actions& out) {
                  node.on_packet(source, messages, now_, out);
                }});
  });
}

void TestClusters::fail_stream(const Caller& caller, Duration wait) {
  after(wait, [this, caller] {
    input(caller.host, caller.process,
          Input{[this, caller](Cluster& node, ClusterActions& out) {
                  node.on_stream_failed(caller.stream, now_, out);
                },
                [caller](Membership& node, Actions& out) {
                  node.on_stream_failed(caller.stream, out);
                }});
  });
}

void TestClusters::execute(std::size_t from, const OpenStream& open) {
  ++streams_;
  const auto to = host_at(open.to);
  const Caller caller{from, hosts_[from].process, open.stream};
  const bool silent = !to || blocked(from, *to) || !hosts_[*to].machine;
  if (!silent && !hosts_[*to].up) return fail_stream(caller, latency());
  fail_stream(caller, open.deadline - now_);
  if (silent) return;
  const CallerId id{++last_caller_};
  callers_[id] = caller;
  after(3 * latency(), [this, to = *to, server = hosts_[*to].process, id, request = open.request] {
    input(to, server,
          Input{[this, id, request](Cluster& node, ClusterActions& out) {
                  node.on_caller(id, request, now_, out);
                },
                [this, id, request](Membership& node, Actions& out) {
                  node.on_caller(id, request, now_, out);
                }});
  });
}

void TestClusters::execute(std::size_t from, const ReplyToCaller& reply) {
  const auto entry = callers_.find(reply.caller);
  if (entry == callers_.end()) return;
  const Caller caller = entry->second;
  callers_.erase(entry);
  if (blocked(from, caller.host)) return;
  after(latency(), [this, caller, answer = reply.reply] {
    input(caller.host, caller.process,
          Input{[this, caller, answer](Cluster& node, ClusterActions& out) {
                  node.on_stream_reply(caller.stream, answer, now_, out);
                },
                [this, caller, answer](Membership& node, Actions& out) {
                  node.on_stream_reply(caller.stream, answer, now_, out);
                }});
  });
}

void TestClusters::execute(std::size_t, const RefuseCaller& refuse) {
  const auto entry = callers_.find(refuse.caller);
  if (entry == callers_.end()) return;
  fail_stream(entry->second, latency());
  callers_.erase(entry);
}

void TestClusters::execute(std::size_t from, const PeerEvent& event) {
  happenings_.push_back({now_, from, event});
}

void TestClusters::execute(std::size_t from, const Participants& participants) {
  if (participants.cache == kCache) hosts_[from].last = participants;
  said_.push_back({now_, from, participants});
}

void TestClusters::execute(std::size_t from, const Warning& warning) {
  warnings_.push_back({now_, from, warning});
}

// ---- What is believed

std::string TestClusters::view(std::size_t host) const {
  return hosts_[host].last ? joined(hosts_[host].last->members) : "";
}

std::string TestClusters::names(std::size_t host, CacheId cache) const {
  return joined(hosts_[host].cluster->participants(cache));
}

std::size_t TestClusters::membership_size(std::size_t host) const {
  std::size_t living = 0;
  hosts_[host].members().for_each([&](const Member& member) { living += !member.gone(); });
  return living;
}

bool TestClusters::one_view() const {
  std::vector<std::string> living;
  for (const Host& host : hosts_) {
    if (host.up && host.cluster && !host.cluster->membership().leaving() &&
        host.cluster->own_data().phase == Phase::ready) {
      living.push_back(host.name);
    }
  }
  std::ranges::sort(living);
  std::string all;
  for (const std::string& one : living) all += (all.empty() ? "" : " ") + one;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].up && hosts_[i].cluster && view(i) != all) return false;
  }
  return true;
}

bool TestClusters::agreed() const {
  for (const Host& observer : hosts_) {
    if (!observer.up) continue;
    const Members& members = observer.members();
    std::size_t living = 0;
    for (const Host& subject : hosts_) {
      if (!subject.up) continue;
      ++living;
      const Member* member = members.find(subject.name);
      if (member == nullptr || member->state != State::alive || member->address != subject.address)
        return false;
    }
    std::size_t believed = 0;
    members.for_each([&](const Member& member) { believed += member.state == State::alive; });
    if (believed != living) return false;
  }
  return true;
}

std::size_t TestClusters::count(PeerEvent::Kind kind, const std::string& name) const {
  return static_cast<std::size_t>(std::ranges::count_if(happenings_, [&](const Happening& one) {
    return one.event.kind == kind && (name.empty() || one.event.name == name);
  }));
}

std::size_t TestClusters::count(Warning::Kind kind) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      warnings_, [&](const Warned& one) { return one.warning.kind == kind; }));
}

void TestClusters::forget() {
  happenings_.clear();
  said_.clear();
  warnings_.clear();
}

}  // namespace kith::membership
