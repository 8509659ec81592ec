// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/packet_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "edge/gossip/socket_address.h"

namespace kith::edge::gossip {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

/// The largest datagram there is.
constexpr std::size_t kMaxDatagram = 65'536;
/// Datagrams read by one system call; system calls before others get their turn, and in one go for
/// who wants all. The latter is about what the buffer below holds.
constexpr std::size_t kBatch = 16;
constexpr int kBatches = 16;
constexpr int kAllBatches = 256;
/// What memberlist asks for, so that a burst is not lost while the loop is busy.
constexpr int kReceiveBuffer = 2 << 20;

}  // namespace

/// Shared with the wait under way.
class PacketSocket::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(asio::io_context& context)
      : socket_(context), memory_(std::make_unique_for_overwrite<char[]>(kBatch * kMaxDatagram)) {}

  Result<void> open(const Endpoint& listen);
  std::uint16_t port() const { return port_; }
  void start(Listener& listener) {
    listener_ = &listener;
    wait();
  }
  void close() {
    listener_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
  }
  bool send(const Endpoint& to, std::string_view datagram);
  void receive(int batches);

 private:
  void wait();
  std::size_t receive_batch();

  udp::socket socket_;
  int family_ = AF_UNSPEC;
  std::uint16_t port_ = 0;
  Listener* listener_ = nullptr;
  /// kBatch places of kMaxDatagram bytes. The pages that no datagram reaches are never touched.
  const std::unique_ptr<char[]> memory_;
};

PacketSocket::PacketSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

PacketSocket::~PacketSocket() { impl_->close(); }

Result<std::unique_ptr<PacketSocket>> PacketSocket::open(asio::io_context& context,
                                                         const Endpoint& listen) {
  auto impl = std::make_shared<Impl>(context);
  if (const Result<void> opened = impl->open(listen); !opened) {
    return tl::unexpected(opened.error());
  }
  return std::unique_ptr<PacketSocket>(new PacketSocket(std::move(impl)));
}

std::uint16_t PacketSocket::port() const { return impl_->port(); }
void PacketSocket::start(Listener& listener) { impl_->start(listener); }
bool PacketSocket::send(const Endpoint& to, std::string_view datagram) {
  return impl_->send(to, datagram);
}
void PacketSocket::receive_all() {
  // The listener may destroy the socket.
  const auto impl = impl_;
  impl->receive(kAllBatches);
}

Result<void> PacketSocket::Impl::open(const Endpoint& listen) {
  const auto failed = [&](const std::string& why) {
    return fail(ErrorCode::unavailable,
                "cannot receive packets at " + listen.to_string() + ": " + why);
  };
  family_ = family_of(listen);
  const auto address = to_socket(listen, family_);
  if (!address) return failed("it is no address");
  error_code error;
  socket_.open(family_ == AF_INET ? udp::v4() : udp::v6(), error);
  if (error) return failed(error.message());
  static_cast<void>(::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC));
  error_code ignored;
  socket_.set_option(udp::socket::receive_buffer_size(kReceiveBuffer), ignored);
  socket_.non_blocking(true, error);
  if (error) return failed(error.message());
  const int both = 0;
  if (family_ == AF_INET6) {
    ::setsockopt(socket_.native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
  }
  if (::bind(socket_.native_handle(), address->get(), address->size) != 0) {
    return failed(error_code(errno, boost::system::system_category()).message());
  }
  port_ = socket_.local_endpoint(error).port();
  if (error) return failed(error.message());
  return {};
}

void PacketSocket::Impl::wait() {
  socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const error_code& error) {
    if (error || self->listener_ == nullptr) return;
    self->receive(kBatches);
    if (self->listener_ != nullptr) self->wait();
  });
}

void PacketSocket::Impl::receive(int batches) {
  for (int left = batches; left > 0 && listener_ != nullptr; --left) {
    if (receive_batch() < kBatch) return;
  }
}

std::size_t PacketSocket::Impl::receive_batch() {
  std::array<SocketAddress, kBatch> sources;
  std::array<iovec, kBatch> places;
  std::array<mmsghdr, kBatch> headers{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    places[i] = {memory_.get() + i * kMaxDatagram, kMaxDatagram};
    headers[i].msg_hdr.msg_name = sources[i].get();
    headers[i].msg_hdr.msg_namelen = sizeof(sources[i].storage);
    headers[i].msg_hdr.msg_iov = &places[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int got =
      ::recvmmsg(socket_.native_handle(), headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (got <= 0) return 0;
  const auto count = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < count && listener_ != nullptr; ++i) {
    sources[i].size = headers[i].msg_hdr.msg_namelen;
    listener_->on_datagram(from_socket(sources[i]),
                           {memory_.get() + i * kMaxDatagram, headers[i].msg_len});
  }
  return count;
}

bool PacketSocket::Impl::send(const Endpoint& to, std::string_view datagram) {
  const auto address = to_socket(to, family_);
  if (!address) return false;
  // A full buffer and an unreachable network lose it alike.
  static_cast<void>(::sendto(socket_.native_handle(), datagram.data(), datagram.size(),
                             MSG_DONTWAIT | MSG_NOSIGNAL, address->get(), address->size));
  return true;
}

}  // namespace kith::edge::gossip
