// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/gossip_host.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "edge/driver/gossip_messages.h"
#include "edge/driver/quiet_thread.h"
#include "edge/loop/clock.h"
#include "edge/net/address.h"
#include "edge/net/in_words.h"

namespace kith::edge {

namespace {

Result<gossip::Endpoint> endpoint_of(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) return tl::unexpected(address.error());
  return gossip::Endpoint::from_digits(address->host, address->port);
}

// ---- What operators read

constexpr std::string_view kIncompatible =
    "another node's list of members is not taken over: somebody in it speaks a version that others "
    "do not understand";

std::string who(const std::string& name, const membership::Address& address) {
  const std::string where = to_wire(address).to_string();
  return name.empty() ? "the node at " + where : printable(name) + " at " + where;
}

std::string name_conflict(const std::string& name, const membership::Address& known,
                          const membership::Address& claimed) {
  return "two nodes call themselves " + printable(name) + ", one at " + to_wire(known).to_string() +
         " and one at " + to_wire(claimed).to_string() + ": the second is not taken in";
}

std::string packets_blocked(const std::string& name, const membership::Address& address) {
  return who(name, address) + " answers on streams and not to packets: is UDP blocked on the way?";
}

std::string in_words(const membership::Warning& warning) {
  using Kind = membership::Warning::Kind;
  switch (warning.kind) {
    case Kind::name_conflict:
      return name_conflict(warning.name, warning.address, warning.other);
    case Kind::foreign_cluster:
      return who(warning.name, warning.address) + " belongs to " +
             (warning.detail.empty() ? "another cluster"
                                     : "the cluster " + printable(warning.detail)) +
             " and is refused";
    case Kind::packets_blocked:
      return packets_blocked(warning.name, warning.address);
    case Kind::all_packets_blocked:
      return "most members answer on streams and not to packets: is UDP blocked here?";
    case Kind::incompatible:
      return std::string(kIncompatible);
    case Kind::member_flaps:
      return printable(warning.name) +
             " failed and came back too often, and owns no keys for a while";
  }
  return "unknown";
}

}  // namespace

Result<std::unique_ptr<GossipHost>> GossipHost::open(Options options) {
  std::unique_ptr<GossipHost> host(new GossipHost(std::move(options)));
  if (const Result<void> opened = host->open(); !opened) return tl::unexpected(opened.error());
  return host;
}

GossipHost::GossipHost(Options options) : options_(std::move(options)), log_(options_.log) {}

GossipHost::~GossipHost() { stop(); }

Result<void> GossipHost::open() {
  const auto listen = endpoint_of(options_.listen);
  if (!listen) return tl::unexpected(listen.error());
  auto advertise = *listen;
  if (!options_.advertise.empty()) {
    auto told = endpoint_of(options_.advertise);
    if (!told) return tl::unexpected(told.error());
    advertise = *std::move(told);
  }
  if (advertise.is_wildcard()) {
    return fail(ErrorCode::invalid_argument,
                "gossip at " + options_.listen +
                    " is on every address of this machine: say which one to advertise");
  }
  auto transport = gossip::Transport::open(loop_.context(),
                                           {.listen = *listen,
                                            .pool = options_.pool,
                                            .compress = options_.compress,
                                            .incoming = {.patience = options_.stream_patience},
                                            .outgoing = {}},
                                           *this);
  if (!transport) return tl::unexpected(transport.error());
  transport_ = *std::move(transport);
  if (options_.advertise.empty() || advertise.port == 0) advertise.port = transport_->local().port;
  address_ = from_wire(advertise);
  packet_overhead_ = wire::gossip::packet_overhead(options_.pool);
  return {};
}

TimePoint GossipHost::now() { return clock_now(); }

// ---- Life

void GossipHost::start(Guest& guest) {
  MutexLock lock(&control_);
  KITH_CHECK(guest_ == nullptr);
  guest_ = &guest;
  running_ = true;
  thread_ = quiet_thread("kith-gossip", [this] {
    transport_->start();
    loop_.wake();
    loop_.run(*this);
  });
}

void GossipHost::stop() {
  KITH_CHECK(!on_loop_thread());
  {
    MutexLock lock(&control_);
    if (!std::exchange(running_, false)) return;
    // Behind what was posted before.
    loop_.post([this] {
      transport_.reset();
      loop_.stop();
    });
  }
  thread_.join();
}

bool GossipHost::post(absl::AnyInvocable<void(TimePoint now)> fn) {
  MutexLock lock(&control_);
  if (!running_) return false;
  loop_.post([this, moved = std::move(fn)]() mutable { moved(loop_.now()); });
  return true;
}

void GossipHost::end_of_turn() {
  if (transport_ == nullptr) return;
  if (guest_->next_deadline() <= loop_.now()) {
    // What has arrived comes first: an answer that is here is not late.
    transport_->receive_all();
    guest_->on_deadline(loop_.now());
  }
  loop_.wake_at(guest_->next_deadline());
}

// ---- Actions

void GossipHost::execute(const membership::SendPacket& send) {
  std::vector<wire::gossip::DatagramMessage> messages;
  messages.reserve(send.messages.size());
  for (const membership::Message& message : send.messages) messages.push_back(to_wire(message));
  transport_->send(to_wire(send.to), messages, send.checksum);
}

void GossipHost::execute(const membership::OpenStream& open) {
  const gossip::Endpoint to = to_wire(open.to);
  const Duration patience = std::max(open.deadline - loop_.now(), Duration::zero());
  streams_.emplace(transport_->open_stream(to, to_wire(open.request), patience),
                   Stream{to, open.stream});
}

void GossipHost::execute(const membership::ReplyToCaller& reply) {
  transport_->reply(reply.caller.value, to_wire(reply.reply));
}

void GossipHost::execute(const membership::RefuseCaller& refuse) {
  transport_->refuse(refuse.caller.value);
}

void GossipHost::send_on_stream(const membership::Address& to, std::string payload,
                                Duration patience) {
  const gossip::Endpoint where = to_wire(to);
  const auto stream =
      transport_->open_stream(where, wire::gossip::UserMessage{std::move(payload)}, patience);
  streams_.emplace(stream, Stream{where, std::nullopt});
}

void GossipHost::report(const membership::NameConflict& conflict) {
  warn(name_conflict(conflict.name, conflict.known, conflict.claimed));
}

void GossipHost::report(const membership::PacketsUnanswered& silent) {
  warn(packets_blocked(silent.name, silent.address));
}

void GossipHost::report(const membership::Incompatible&) { warn(std::string(kIncompatible)); }

void GossipHost::report(const membership::Warning& warning) { warn(in_words(warning)); }

void GossipHost::warn(std::string line) {
  log_.write_rarely(Severity::warning, "gossip: " + std::move(line), loop_.now());
}

// ---- What arrives

void GossipHost::on_packet(const gossip::Endpoint& source,
                           std::span<const wire::gossip::DatagramMessage> messages) {
  std::vector<membership::Message> translated;
  translated.reserve(messages.size());
  for (const auto& message : messages) translated.push_back(from_wire(message));
  guest_->on_packet(from_wire(source), translated, loop_.now());
}

void GossipHost::on_request(gossip::Transport::CallerId caller, const gossip::Endpoint& source,
                            wire::gossip::StreamMessage request) {
  const auto translated = from_wire(std::move(request));
  if (!translated) {
    transport_->refuse(caller);
    return on_refused(source, {ErrorCode::invalid_argument, "gossip stream without a request"});
  }
  guest_->on_caller(membership::CallerId{caller}, *translated, loop_.now());
}

void GossipHost::on_stream_ended(gossip::Transport::StreamId id,
                                 Result<std::optional<wire::gossip::StreamMessage>> reply) {
  const auto found = streams_.find(id);
  const Stream stream = std::move(found->second);
  streams_.erase(found);
  if (!reply) {
    log_.write_rarely(Severity::info,
                      "gossip: no exchange with " + stream.to.to_string() + ": " +
                          printable(reply.error().message),
                      loop_.now());
  }
  if (!stream.id) return;
  const auto answer = reply && *reply ? from_wire(**std::move(reply)) : std::nullopt;
  if (answer) return guest_->on_stream_reply(*stream.id, *answer, loop_.now());
  guest_->on_stream_failed(*stream.id, loop_.now());
}

void GossipHost::on_refused(const gossip::Endpoint& source, const Error& why) {
  if (const auto line = refusals_.note(source, why, loop_.now())) {
    log_.write(Severity::warning, "gossip: " + printable(*line));
  }
}

}  // namespace kith::edge
