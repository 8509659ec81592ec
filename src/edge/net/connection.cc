// SPDX-License-Identifier: Apache-2.0
#include "edge/net/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/memory_charge.h"
#include "edge/net/frame_reader.h"
#include "edge/net/frame_writer.h"
#include "edge/net/in_words.h"

namespace kith::edge {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Stretches of bytes per system call; Asio passes on no more.
constexpr std::size_t kPartsPerWrite = 64;

/// Messages decoded and handed on together.
constexpr std::size_t kMessagesPerBatch = 32;

/// Larger values keep at most eight times their size alive.
constexpr std::size_t kSmallValueBytes = FrameReader::kChunkBytes / 8;

// A peer whose machine has vanished says nothing; the system finds out after about a minute.
constexpr int kKeepaliveIdleSeconds = 30;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;

void set_option(int descriptor, int level, int name, int value) {
  // Best effort: a connection without the option works too.
  static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof(value)));
}

void configure(int descriptor) {
  static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

/// A small value shares its memory with the whole chunk that it was received in, and whoever keeps
/// it would keep that: it gets memory of its own.
void detach_small_value(wire::peer::Message& message) {
  auto* const reply = std::get_if<wire::peer::ValueReply>(&message);
  if (reply == nullptr || reply->value.empty() || reply->value.size() > kSmallValueBytes) return;
  reply->value = Value::copy_of(reply->value.view());
}

}  // namespace

/// Shared with the handlers under way, so that it outlives the Connection until the last of them
/// ran and found it closed.
struct Connection::Impl final : FlushQueue::Item, std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, std::unique_ptr<tls::Session> tls_, const Limits& limits_,
       Listener& listener_, FlushQueue& queue_)
      : socket(context),
        tls(std::move(tls_)),
        limits(limits_),
        listener(listener_),
        queue(queue_),
        reader(limits_.max_body_bytes) {}

  std::shared_ptr<Impl> self() { return shared_from_this(); }

  void receive();
  void on_received(const error_code& error, std::size_t bytes);
  void dispatch();
  bool next_messages();
  bool decrypt_some();
  bool decode_some();
  bool deliver();
  void enqueue();
  void flush() override;
  std::size_t unsent_bytes() const;
  void write_all();
  bool write_plain();
  bool write_tls();
  void wait_until_writable();
  void resume_receiving();
  void measure();
  void close();
  void fail(std::string_view why);
  void fail_tls(const Error& why);

  asio::ip::tcp::socket socket;
  /// Null: plaintext.
  std::unique_ptr<tls::Session> tls;
  const Limits limits;
  Listener& listener;
  FlushQueue& queue;
  /// Of the buffers. Nothing once it is closed: the queue may be gone then.
  MemoryCharge charge{queue.buffer_bytes()};
  FrameReader reader;
  /// Decoded messages, which borrow the reader's memory. From `delivered` on they are to be handed
  /// on.
  std::vector<wire::peer::Message> messages;
  std::size_t delivered = 0;
  /// Why nothing more can be decoded.
  std::string broken;
  /// Why nothing more can be decrypted.
  std::optional<Error> tls_broken;
  FrameWriter writer;
  bool closed = false;
  /// In the queue.
  bool queued = false;
  /// Waiting until the socket takes more.
  bool blocked = false;
  /// Not receiving, because too much is waiting to be sent.
  bool paused = false;
  /// What was received is dealt with. The next read waits until the answers are on their way: Asio
  /// begins it with an attempt that mostly finds nothing yet, and nobody should wait for that.
  bool receive_after_flush = false;
  /// Something had been received before the connection began.
  bool dispatch_in_flush = false;
  /// More was waiting to be sent than the limit allows.
  bool overflowed = false;
  std::vector<asio::const_buffer> buffers;
};

Connection::Connection(asio::io_context& context, Channel channel, const Limits& limits,
                       Listener& listener, FlushQueue& queue)
    : impl_(std::make_shared<Impl>(context, std::move(channel.tls), limits, listener, queue)) {
  SocketHandle& socket = channel.socket;
  error_code error;
  // Asio keeps the protocol for its own books; the family does not matter here. When it fails, the
  // descriptor is still ours to close, and receiving fails in its turn.
  impl_->socket.assign(asio::ip::tcp::v4(), socket.descriptor(), error);
  if (!error) configure(socket.release());
  if (!error) impl_->socket.non_blocking(true, error);
  if (impl_->tls != nullptr && impl_->tls->has_input()) {
    // It came with the end of the handshake.
    impl_->dispatch_in_flush = true;
    impl_->enqueue();
  } else {
    impl_->receive();
  }
  impl_->measure();
}

Connection::~Connection() { impl_->close(); }

void Connection::send(const wire::peer::Message& message) {
  Impl& impl = *impl_;
  if (impl.closed) return;
  if (impl.unsent_bytes() > impl.limits.max_unsent_bytes) {
    impl.overflowed = true;
  } else {
    impl.writer.add(message);
  }
  impl.enqueue();
}

std::size_t Connection::unsent_bytes() const { return impl_->closed ? 0 : impl_->unsent_bytes(); }

Channel Connection::detach() {
  Impl& impl = *impl_;
  if (impl.closed) return {};
  impl.closed = true;
  impl.charge.set(0);
  error_code error;
  const int descriptor = impl.socket.release(error);
  if (error) return {};
  Channel channel{SocketHandle(descriptor), std::move(impl.tls)};
  const bool sent_more = impl.delivered + 1 < impl.messages.size() || !impl.broken.empty() ||
                         impl.reader.has_partial_frame();
  return sent_more ? Channel() : std::move(channel);
}

void Connection::Impl::receive() {
  // One chunk each time, so that the loop's connections take turns.
  const std::span<std::byte> space = tls == nullptr ? reader.space() : tls->space();
  socket.async_read_some(
      asio::buffer(space.data(), space.size()),
      [self = self()](const error_code& error, std::size_t n) { self->on_received(error, n); });
}

void Connection::Impl::on_received(const error_code& error, std::size_t bytes) {
  if (closed) return;
  if (error) return fail(in_words(error));
  if (tls == nullptr) {
    reader.commit(bytes);
  } else {
    tls->commit(bytes);
  }
  dispatch();
}

void Connection::Impl::dispatch() {
  do {
    if (!deliver()) return;
  } while (next_messages());
  if (!broken.empty()) return fail(broken);
  if (tls_broken) return fail_tls(*tls_broken);
  receive_after_flush = true;
  enqueue();
}

/// False: there are no more among the bytes that have come.
bool Connection::Impl::next_messages() {
  if (decode_some()) return true;
  if (tls == nullptr) return false;
  while (broken.empty() && decrypt_some()) {
    if (decode_some()) return true;
  }
  return false;
}

/// Once no frame is left in the reader. False: more bytes have to come.
bool Connection::Impl::decrypt_some() {
  const Result<std::size_t> size = tls->read(reader.space());
  if (!size) {
    tls_broken = size.error();
    return false;
  }
  reader.commit(*size);
  return *size > 0;
}

/// Decodes the next messages of those received. False: there are none.
bool Connection::Impl::decode_some() {
  messages.clear();
  delivered = 0;
  FrameReader::Frame frame;
  while (broken.empty() && messages.size() < kMessagesPerBatch) {
    const Result<bool> complete = reader.next(frame);
    if (!complete) {
      broken = complete.error().message;
      break;
    }
    if (!*complete) break;
    const Result<void> read =
        wire::peer::decode_into(messages.emplace_back(), frame.header, frame.body, *frame.memory);
    if (read) {
      detach_small_value(messages.back());
      continue;
    }
    messages.pop_back();
    if (read.error().code != ErrorCode::unimplemented) broken = read.error().message;
  }
  return !messages.empty();
}

/// Hands on what was decoded. False: closed, or stopped because too much waits to be sent.
bool Connection::Impl::deliver() {
  while (delivered < messages.size()) {
    if (unsent_bytes() > limits.pause_bytes) {
      paused = true;
      enqueue();
      return false;
    }
    const auto rest = std::span<const wire::peer::Message>(messages).subspan(delivered);
    const std::size_t taken = listener.on_messages(rest);
    if (closed) return false;
    delivered += taken;
  }
  return true;
}

void Connection::Impl::enqueue() {
  if (queued) return;
  queued = true;
  queue.add(self());
}

void Connection::Impl::flush() {
  queued = false;
  if (closed) return;
  if (overflowed) {
    return fail("the peer does not read: " + std::to_string(unsent_bytes()) +
                " bytes wait to be sent");
  }
  if (std::exchange(dispatch_in_flush, false)) {
    dispatch();
    if (closed) return;
  }
  if (!blocked) write_all();
  if (receive_after_flush && !closed) {
    receive_after_flush = false;
    receive();
  }
  measure();
}

void Connection::Impl::measure() {
  if (closed) return;
  charge.set(reader.memory_bytes() + writer.memory_bytes() +
             messages.capacity() * sizeof(wire::peer::Message) +
             (tls == nullptr ? 0 : tls->memory_bytes()));
}

std::size_t Connection::Impl::unsent_bytes() const {
  return writer.unsent_bytes() + (tls == nullptr ? 0 : tls->output().size());
}

void Connection::Impl::write_all() {
  const bool open = tls == nullptr ? write_plain() : write_tls();
  if (open) resume_receiving();
}

/// Sends what the socket takes. False: it broke.
bool Connection::Impl::write_plain() {
  std::array<FrameWriter::Bytes, kPartsPerWrite> parts;
  while (writer.unsent_bytes() > 0) {
    const std::size_t count = writer.gather(parts);
    buffers.clear();
    std::size_t offered = 0;
    for (const FrameWriter::Bytes part : std::span(parts).first(count)) {
      buffers.emplace_back(part.data(), part.size());
      offered += part.size();
    }
    error_code error;
    const std::size_t sent = socket.write_some(buffers, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
      fail(in_words(error));
      return false;
    }
    writer.sent(sent);
    if (sent < offered) {
      wait_until_writable();
      break;
    }
  }
  return true;
}

/// As write_plain, encrypting no more at a time than one system call takes.
bool Connection::Impl::write_tls() {
  std::array<FrameWriter::Bytes, kPartsPerWrite> parts;
  while (unsent_bytes() > 0) {
    while (writer.unsent_bytes() > 0 && tls->output().size() < tls::Session::kLeastWritten) {
      const std::size_t count = writer.gather(parts);
      const Result<std::size_t> taken = tls->write(std::span(parts).first(count));
      if (!taken) {
        fail_tls(taken.error());
        return false;
      }
      writer.sent(*taken);
    }
    const tls::Session::Bytes output = tls->output();
    error_code error;
    const std::size_t sent = socket.write_some(asio::buffer(output.data(), output.size()), error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
      fail(in_words(error));
      return false;
    }
    const bool all = sent == output.size();
    tls->sent(sent);
    if (!all) {
      wait_until_writable();
      break;
    }
  }
  return true;
}

void Connection::Impl::wait_until_writable() {
  blocked = true;
  socket.async_wait(asio::socket_base::wait_write, [self = self()](const error_code& failed) {
    self->blocked = false;
    if (self->closed) return;
    if (failed) return self->fail(in_words(failed));
    self->write_all();
    self->measure();
  });
}

void Connection::Impl::resume_receiving() {
  if (!paused || unsent_bytes() > limits.pause_bytes / 2) return;
  paused = false;
  dispatch();
}

void Connection::Impl::close() {
  if (closed) return;
  closed = true;
  charge.set(0);
  error_code ignored;
  socket.close(ignored);
}

void Connection::Impl::fail(std::string_view why) {
  close();
  listener.on_closed(why);
}

void Connection::Impl::fail_tls(const Error& why) {
  // An alert, if there is one to send, tells the peer.
  if (const tls::Session::Bytes output = tls->output(); !blocked && !output.empty()) {
    error_code ignored;
    socket.write_some(asio::buffer(output.data(), output.size()), ignored);
  }
  close();
  if (why.code == ErrorCode::failed_precondition) return listener.on_rejected(why.message);
  listener.on_closed(why.message);
}

}  // namespace kith::edge
