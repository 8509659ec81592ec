// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/pool.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/hash.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;
using membership::Address;
using membership::CallerId;

constexpr std::uint16_t kPort = 7946;
/// Packets that a socket's buffer of 2 MiB keeps for a process that does not read.
constexpr std::size_t kMostWaiting = 2700;

Address address_of(std::size_t number, char network) {
  const auto byte = [&](int shift) { return static_cast<char>(number >> shift & 0xff); };
  return {std::string{10, network, byte(8), byte(0)}, kPort};
}

std::string key_of(const Address& address) {
  return address.ip + static_cast<char>(address.port >> 8) + static_cast<char>(address.port & 0xff);
}

/// Which stream a caller stands for.
CallerId caller_id(std::uint32_t index, std::uint64_t stamp) {
  return CallerId{stamp << 32 | index};
}

}  // namespace

Address spare_address(std::size_t number) { return address_of(number, 77); }

Pool::Pool(const PoolOptions& options)
    : options_(options), rng_(mix64(options.seed)), network_(rng_.next()) {}

Pool::~Pool() = default;

template <class How>
void Pool::give(HostIndex index, const How& how) {
  current_ = index;
  Host& host = hosts_[index];
  how(*host.machine, local(host));
  schedule(index);
}

// ---- Hosts

HostIndex Pool::add() {
  const HostIndex index = hosts_.size();
  hosts_.emplace_back();
  Host& host = hosts_[index];
  char name[32];
  std::snprintf(name, sizeof name, "node-%04zu", index);
  host.name = name;
  host.address = address_of(index, 1);
  host.addresses = {host.address};
  by_name_.emplace(host.name, index);
  beliefs_.add();
  return index;
}

void Pool::create(HostIndex index) {
  Host& host = hosts_[index];
  KITH_CHECK(host.machine == nullptr);
  host.boot = BootId{++boots_};
  host.machine = make_machine(options_.variant,
                              {host.name, host.address, host.boot, rng_.next(), options_.own_keys},
                              options_.lifeguard, local(host));
  host.kernel = true;
  host.paused = host.leaving = false;
  host.wake.reset();
  ++host.process;
  by_address_[key_of(host.address)] = index;
  const auto place = std::ranges::find(host.addresses, host.address) - host.addresses.begin();
  beliefs_.started(index, static_cast<std::uint8_t>(place));
  fate(index, Fate::started);
}

void Pool::start(HostIndex host, std::span<const HostIndex> seeds) {
  create(host);
  schedule(host);
  join(host, seeds);
}

void Pool::start_at(HostIndex index, const Address& address, std::span<const HostIndex> seeds) {
  Host& host = hosts_[index];
  host.address = address;
  if (std::ranges::find(host.addresses, address) == host.addresses.end()) {
    host.addresses.push_back(address);
  }
  start(index, seeds);
}

void Pool::start_known(std::size_t count) {
  std::vector<membership::NodeState> pool;
  for (std::size_t i = 0; i < count; ++i) {
    const HostIndex host = add();
    create(host);
    const membership::Member& self = hosts_[host].machine->members().self();
    pool.push_back({self.name, self.address.ip, self.address.port, self.meta, self.incarnation,
                    self.state, self.versions});
  }
  for (HostIndex host = hosts_.size() - count; host < hosts_.size(); ++host) {
    give(host, [&](Machine& machine, TimePoint at) { machine.recall(pool, at, *this); });
  }
}

void Pool::join(HostIndex host, std::span<const HostIndex> seeds) {
  if (seeds.empty()) return;
  std::vector<Address> addresses;
  for (const HostIndex seed : seeds) addresses.push_back(hosts_[seed].address);
  give(host, [&](Machine& machine, TimePoint at) { machine.seeds(addresses, at, *this); });
}

void Pool::change_meta(HostIndex host) {
  give(host, [&](Machine& machine, TimePoint at) { machine.change_meta(at, *this); });
}

void Pool::end_process(HostIndex index) {
  Host& host = hosts_[index];
  KITH_CHECK(host.machine != nullptr);
  note_incarnation(host);
  host.machine.reset();
  host.paused = false;
  ++host.process;
  beliefs_.gone(index);
  // Finds no process, and ends there.
  for (const Record& record : std::exchange(host.waiting, {})) step(record);
}

void Pool::kill(HostIndex host) {
  end_process(host);
  reset_links(host);
  fate(host, Fate::killed);
}

void Pool::vanish(HostIndex host) {
  end_process(host);
  hosts_[host].kernel = false;
  fate(host, Fate::vanished);
}

void Pool::leave(HostIndex index) {
  hosts_[index].leaving = true;
  beliefs_.gone(index);
  fate(index, Fate::leaving);
  give(index, [&](Machine& machine, TimePoint at) { machine.leave(at, 5s, *this); });
}

void Pool::pause(HostIndex host) {
  hosts_[host].paused = true;
  fate(host, Fate::paused);
}

void Pool::resume(HostIndex index) {
  Host& host = hosts_[index];
  if (!host.paused) return;
  host.paused = false;
  fate(index, Fate::resumed);
  // kith's driver reads all there is and looks at the clock then. Go's scheduler runs the timers
  // that are due before it looks at the network.
  if (options_.variant == Variant::memberlist && host.machine->next_deadline() <= local(host)) {
    give(index, [&](Machine& machine, TimePoint at) { machine.on_deadline(at, *this); });
  }
  for (const Record& record : std::exchange(host.waiting, {})) step(record);
  if (hosts_[index].machine != nullptr) schedule(index);
}

void Pool::jump_clock(HostIndex index, Duration by) {
  Host& host = hosts_[index];
  host.clock_ahead += by;
  host.wake.reset();
  ++host.wake_stamp;
  fate(index, Fate::clock_jumped);
  schedule(index);
}

void Pool::fate(HostIndex host, Fate what) {
  mix(static_cast<std::uint64_t>(what) << 48 | host);
  for (Checker* checker : checkers_) checker->on_fate(host, what, now());
}

void Pool::reset_links(HostIndex index) {
  const Host& host = hosts_[index];
  for (HostIndex peer = 0; peer < hosts_.size(); ++peer) {
    if (peer == index || !up(peer) || (linked_ && !linked_(peer, index))) continue;
    // The reset, then a new connection that is refused.
    const auto reset = network_.connect(index, peer);
    const auto refused = network_.connect(peer, index);
    if (!reset || !refused) continue;
    input_after(*reset / 2 + *refused, peer,
                [this, peer, name = host.name, boot = host.boot](Machine& machine) {
                  machine.process_gone(name, boot, local(hosts_[peer]), *this);
                });
  }
}

std::optional<HostIndex> Pool::host_at(const Address& address) const {
  const auto entry = by_address_.find(key_of(address));
  if (entry == by_address_.end() || hosts_[entry->second].address != address) return std::nullopt;
  return entry->second;
}

// ---- Time

void Pool::run_for(Duration span) {
  const TimePoint end = now() + span;
  while (const auto record = timeline_.next(end)) step(*record);
}

bool Pool::run_until(const std::function<bool()>& condition, Duration most) {
  const TimePoint end = now() + most;
  while (!condition()) {
    const auto record = timeline_.next(end);
    if (!record) return condition();
    step(*record);
  }
  return true;
}

void Pool::after(Duration wait, std::function<void()> act) {
  const auto [index, stamp] = acts_.put(std::move(act));
  timeline_.at(now() + wait, {Kind::act, index, stamp});
}

void Pool::step(const Record& record) {
  ++steps_;
  switch (record.kind) {
    case Kind::wake:
      return on_wake(record.index, record.stamp);
    case Kind::packet:
      return on_packet(record);
    case Kind::caller:
      return on_caller(record);
    case Kind::answer:
      return on_answer(record);
    case Kind::failed:
    case Kind::deadline:
      return on_stream_over(record);
    case Kind::input:
      return on_input(record);
    case Kind::act:
      return acts_.take(record.index)();
  }
}

bool Pool::hold(HostIndex host, const Record& record) {
  if (!hosts_[host].paused) return false;
  hosts_[host].waiting.push_back(record);
  return true;
}

void Pool::on_wake(HostIndex index, std::uint64_t stamp) {
  Host& host = hosts_[index];
  if (host.wake_stamp != stamp || host.machine == nullptr) return;
  host.wake.reset();
  if (host.paused) return;
  if (host.machine->next_deadline() > local(host)) return schedule(index);
  give(index, [&](Machine& machine, TimePoint at) { machine.on_deadline(at, *this); });
}

void Pool::on_packet(const Record& record) {
  const HostIndex to = packets_.find(record.index, record.stamp)->to;
  if (hosts_[to].paused && hosts_[to].waiting.size() < kMostWaiting) {
    hold(to, record);
    return;
  }
  const Packet packet = packets_.take(record.index);
  const Host& host = hosts_[to];
  if (host.machine == nullptr || host.process != packet.process || host.paused) return;
  give(to, [&](Machine& machine, TimePoint at) {
    machine.on_packet(packet.source, packet.messages, at, *this);
  });
}

void Pool::on_caller(const Record& record) {
  Stream* stream = streams_.find(record.index, record.stamp);
  if (stream == nullptr) return;  // The caller gave up.
  const Host& server = hosts_[stream->server];
  if (server.machine == nullptr || server.process != stream->server_process) return;
  if (hold(stream->server, record)) return;
  give(stream->server, [&, request = std::move(stream->message)](Machine& machine, TimePoint at) {
    machine.on_caller(caller_id(record.index, record.stamp), request, at, *this);
  });
}

void Pool::on_answer(const Record& record) {
  const Stream* found = streams_.find(record.index, record.stamp);
  if (found == nullptr || hold(found->caller, record)) return;
  const Stream stream = streams_.take(record.index);
  const Host& caller = hosts_[stream.caller];
  if (caller.machine == nullptr || caller.process != stream.caller_process) return;
  give(stream.caller, [&](Machine& machine, TimePoint at) {
    machine.on_stream_reply(stream.id, stream.message, at, *this);
  });
}

void Pool::on_stream_over(const Record& record) {
  const Stream* found = streams_.find(record.index, record.stamp);
  if (found == nullptr || hold(found->caller, record)) return;
  const Stream stream = streams_.take(record.index);
  const Host& caller = hosts_[stream.caller];
  if (caller.machine == nullptr || caller.process != stream.caller_process) return;
  give(stream.caller,
       [&](Machine& machine, TimePoint at) { machine.on_stream_failed(stream.id, at, *this); });
}

void Pool::on_input(const Record& record) {
  const HostIndex to = inputs_.find(record.index, record.stamp)->host;
  if (hold(to, record)) return;
  const Input input = inputs_.take(record.index);
  const Host& host = hosts_[to];
  if (host.machine == nullptr || host.process != input.process) return;
  give(to, [&](Machine& machine, TimePoint) { input.give(machine); });
}

void Pool::input_after(Duration wait, HostIndex host, std::function<void(Machine&)> input) {
  const auto [index, stamp] = inputs_.put({host, hosts_[host].process, std::move(input)});
  timeline_.at(now() + wait, {Kind::input, index, stamp});
}

void Pool::schedule(HostIndex index) {
  Host& host = hosts_[index];
  if (host.paused) return;
  const TimePoint due = std::max(now(), host.machine->next_deadline() - host.clock_ahead);
  if (host.wake && *host.wake <= due) return;
  host.wake = due;
  timeline_.at(due, {Kind::wake, static_cast<std::uint32_t>(index), ++host.wake_stamp});
}

// ---- What machines ask for

void Pool::send(membership::SendPacket& packet) {
  const std::size_t bytes = datagram_bytes(packet);
  for (Traffic* traffic : {&traffic_, &hosts_[current_].traffic}) {
    ++traffic->packets;
    traffic->packet_bytes += bytes;
  }
  const auto to = host_at(packet.to);
  mix(bytes << 32 | current_ << 16 | to.value_or(0xffff));
  if (!to || hosts_[*to].machine == nullptr) return;
  const auto wait = network_.packet(current_, *to);
  if (!wait) return;
  const auto [index, stamp] = packets_.put(
      {*to, hosts_[*to].process, hosts_[current_].address, std::move(packet.messages)});
  timeline_.at(now() + *wait, {Kind::packet, index, stamp});
}

void Pool::count_stream(HostIndex host, std::size_t message_bytes, bool begun) {
  const std::size_t bytes = stream_side_bytes(message_bytes);
  for (Traffic* traffic : {&traffic_, &hosts_[host].traffic}) {
    if (begun) ++traffic->streams;
    traffic->stream_bytes += bytes;
  }
}

void Pool::open(membership::OpenStream& open) {
  const Host& caller = hosts_[current_];
  const std::size_t bytes = membership::encoded_size_on_stream(open.request);
  const auto to = host_at(open.to);
  mix(std::uint64_t{1} << 63 | bytes << 32 | current_ << 16 | to.value_or(0xffff));
  const HostIndex server = to.value_or(current_);
  const auto [index, stamp] = streams_.put({current_, caller.process, open.stream, server,
                                            hosts_[server].process, std::move(open.request)});
  const TimePoint deadline = std::max(now(), open.deadline - caller.clock_ahead);
  timeline_.at(deadline, {Kind::deadline, index, stamp});
  if (!to || !hosts_[*to].kernel) return;
  const auto connected = network_.connect(current_, *to);
  if (!connected) return;
  if (hosts_[*to].machine == nullptr) {
    timeline_.at(now() + *connected, {Kind::failed, index, stamp});
    return;
  }
  count_stream(current_, bytes, true);
  const auto sent = network_.transfer(current_, *to, bytes);
  if (sent) timeline_.at(now() + *connected + *sent, {Kind::caller, index, stamp});
}

void Pool::reply(membership::ReplyToCaller& reply) {
  const auto index = static_cast<std::uint32_t>(reply.caller.value & 0xffffffff);
  const std::uint64_t stamp = reply.caller.value >> 32;
  Stream* stream = streams_.find(index, stamp);
  if (stream == nullptr) return;
  const std::size_t bytes = membership::encoded_size_on_stream(reply.reply);
  count_stream(current_, bytes, false);
  stream->message = std::move(reply.reply);
  const auto sent = network_.transfer(current_, stream->caller, bytes);
  if (sent) timeline_.at(now() + *sent, {Kind::answer, index, stamp});
}

void Pool::refuse(const membership::RefuseCaller& refuse) {
  const auto index = static_cast<std::uint32_t>(refuse.caller.value & 0xffffffff);
  const std::uint64_t stamp = refuse.caller.value >> 32;
  const Stream* stream = streams_.find(index, stamp);
  if (stream == nullptr) return;
  const auto sent = network_.transfer(current_, stream->caller, 0);
  if (sent) timeline_.at(now() + *sent, {Kind::failed, index, stamp});
}

// ---- What machines tell

void Pool::tell(const Told& told) {
  const auto entry = by_name_.find(told.name);
  KITH_CHECK(entry != by_name_.end());
  const HostIndex subject = entry->second;
  Host& host = hosts_[subject];
  const auto place = std::ranges::find(host.addresses, told.address) - host.addresses.begin();
  beliefs_.told(current_, subject, told.kind, static_cast<std::uint8_t>(place));
  mix(static_cast<std::uint64_t>(told.kind) << 48 | current_ << 24 | subject);
  if (checkers_.empty()) return;
  note_incarnation(host);
  const membership::Member* member = hosts_[current_].machine->members().find(told.name);
  const Report report{now(),
                      current_,
                      subject,
                      told.kind,
                      member == nullptr ? 0 : member->incarnation,
                      host.highest_incarnation};
  for (Checker* checker : checkers_) checker->on_report(report);
}

void Pool::note_incarnation(Host& host) {
  if (host.machine == nullptr) return;
  host.highest_incarnation =
      std::max(host.highest_incarnation, host.machine->members().self().incarnation);
}

void Pool::conflict(const membership::NameConflict&) { ++conflicts_; }

void Pool::owners_changed(std::size_t owners) {
  ++hosts_[current_].views;
  mix(std::uint64_t{3} << 62 | owners << 24 | current_);
}

void Pool::leave_ended() {
  // Not from within the machine.
  after(Duration::zero(), [this, host = current_, process = hosts_[current_].process] {
    if (hosts_[host].process == process && up(host)) end_process(host);
  });
}

void Pool::mix(std::uint64_t what) {
  const auto at = static_cast<std::uint64_t>(now().time_since_epoch().count());
  trace_ = mix64(mix64(trace_ ^ at) ^ what);
}

}  // namespace kith::sim::pool
