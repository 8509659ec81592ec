// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "base/mutex.h"
#include "core/membership/actions.h"
#include "core/membership/cluster/cluster_actions.h"
#include "core/membership/messages.h"
#include "edge/driver/driver.h"
#include "edge/driver/log.h"
#include "edge/gossip/refusals.h"
#include "edge/gossip/transport.h"
#include "edge/loop/loop.h"
#include "wire/gossip/pool.h"

namespace kith::edge {

/// A thread with a loop and the sockets of one member of a gossip pool: what a machine of the
/// membership's shape lives in. A thread of its own, so that pings are answered while the loops of
/// the data are busy: who answers late is taken for dead. Loop thread only, but where said.
class GossipHost final : private Loop::Owner, private gossip::Transport::Listener {
 public:
  struct Options {
    /// "host:port", the host in digits. Port 0: any that is free for packets and streams.
    std::string listen = {};
    /// Where others reach this node, if that is not `listen`. A port of 0 is the one listened on.
    /// Needed when listening on all addresses of the machine.
    std::string advertise = {};
    wire::gossip::PoolSettings pool = {};
    /// Whether this node compresses; it reads what others compress in any case.
    bool compress = false;
    /// How long another node's stream may take to say its request, and to take the reply.
    Duration stream_patience = std::chrono::seconds(10);
    std::function<void(Severity, std::string_view)> log = {};
  };

  /// What is hosted. Called on the loop's thread.
  class Guest {
   public:
    virtual ~Guest() = default;
    virtual void on_packet(const membership::Address& source,
                           std::span<const membership::Message> messages, TimePoint now) = 0;
    virtual void on_caller(membership::CallerId caller, const membership::StreamMessage& request,
                           TimePoint now) = 0;
    virtual void on_stream_reply(membership::StreamId stream,
                                 const membership::StreamMessage& reply, TimePoint now) = 0;
    virtual void on_stream_failed(membership::StreamId stream, TimePoint now) = 0;
    virtual void on_deadline(TimePoint now) = 0;
    virtual TimePoint next_deadline() const = 0;
  };

  /// Takes the address. Any thread. Errors: invalid_argument (an address that does not parse, or
  /// that nobody can be told), unavailable (it cannot be listened on).
  static Result<std::unique_ptr<GossipHost>> open(Options options);
  ~GossipHost() override;
  GossipHost(const GossipHost&) = delete;
  GossipHost& operator=(const GossipHost&) = delete;

  /// What others are told. Thread-safe.
  const membership::Address& address() const { return address_; }
  /// What label and encryption take of each packet. Thread-safe.
  std::size_t packet_overhead() const { return packet_overhead_; }
  /// The moment that start() gives the guest its first input. Thread-safe.
  static TimePoint now();

  /// Starts the thread. `guest` must outlive it, or stop(). Once, on any thread.
  void start(Guest& guest);
  /// Closes everything and joins the thread. Idempotent. Not from the loop's thread.
  void stop();
  /// Runs `fn` on the loop with its time. False: it stops or stopped, and `fn` is not run.
  /// Thread-safe.
  bool post(absl::AnyInvocable<void(TimePoint now)> fn);
  /// Thread-safe.
  bool on_loop_thread() const { return loop_.on_this_thread(); }

  // The machine's actions.
  void execute(const membership::SendPacket& send);
  void execute(const membership::OpenStream& open);
  void execute(const membership::ReplyToCaller& reply);
  void execute(const membership::RefuseCaller& refuse);
  /// Bytes of the layer above to one node, over a stream.
  void send_on_stream(const membership::Address& to, std::string payload, Duration patience);
  // What operators should know of.
  void report(const membership::NameConflict& conflict);
  void report(const membership::PacketsUnanswered& silent);
  void report(const membership::Incompatible& incompatible);
  void report(const membership::Warning& warning);

  gossip::Transport& transport() { return *transport_; }

 private:
  /// A stream of this node.
  struct Stream {
    gossip::Endpoint to;
    /// Empty: of bytes that have no answer.
    std::optional<membership::StreamId> id;
  };

  explicit GossipHost(Options options);
  Result<void> open();

  void end_of_turn() override;
  void on_packet(const gossip::Endpoint& source,
                 std::span<const wire::gossip::DatagramMessage> messages) override;
  void on_request(gossip::Transport::CallerId caller, const gossip::Endpoint& source,
                  wire::gossip::StreamMessage request) override;
  void on_stream_ended(gossip::Transport::StreamId stream,
                       Result<std::optional<wire::gossip::StreamMessage>> reply) override;
  void on_refused(const gossip::Endpoint& source, const Error& why) override;
  void warn(std::string line);

  const Options options_;
  Log log_;
  membership::Address address_;
  std::size_t packet_overhead_ = 0;

  // The order matters: sockets go before the loop that they live on.
  Loop loop_;
  std::unique_ptr<gossip::Transport> transport_;
  Guest* guest_ = nullptr;
  gossip::Refusals refusals_;
  std::map<gossip::Transport::StreamId, Stream> streams_;

  Mutex control_;
  bool running_ ABSL_GUARDED_BY(control_) = false;
  std::thread thread_;
};

}  // namespace kith::edge
