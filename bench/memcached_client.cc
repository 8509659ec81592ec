// SPDX-License-Identifier: Apache-2.0
#include "bench/memcached_client.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <string>

namespace kith::bench {

namespace {

constexpr std::size_t kReceiveBytes = 256 * 1024;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A port that was free a moment ago.
std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  // When it fails the port is 0, at which nobody can be reached.
  const bool bound = ::bind(probe, generic, size) == 0 && ::getsockname(probe, generic, &size) == 0;
  ::close(probe);
  return bound ? ntohs(address.sin_port) : std::uint16_t{0};
}

int connect_to(MemcachedServer& server) {
  constexpr int kAttempts = 200;
  for (int attempt = 0; attempt < kAttempts && server.running(); ++attempt) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(server.port());
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return socket;
    }
    ::close(socket);
    ::usleep(10'000);
  }
  return -1;
}

}  // namespace

MemcachedServer::MemcachedServer(const std::string& program, int processor) : port_(free_port()) {
  std::vector<std::string> command = {
      program, "-t", "1", "-U", "0", "-m", "64", "-l", "127.0.0.1", "-p", std::to_string(port_)};
  if (::getuid() == 0) command.insert(command.end(), {"-u", "nobody"});
  child_ = std::make_unique<ChildProcess>(command, processor);
}

MemcachedClient::MemcachedClient(Protocol protocol, MemcachedServer& server,
                                 const Workload& workload)
    : protocol_(protocol),
      server_(server.pid()),
      workload_(workload),
      socket_(connect_to(server)),
      poll_(::epoll_create1(EPOLL_CLOEXEC)),
      received_(kReceiveBytes) {
  epoll_event interest{};
  interest.events = EPOLLIN;
  ::epoll_ctl(poll_, EPOLL_CTL_ADD, socket_, &interest);
}

MemcachedClient::~MemcachedClient() {
  if (socket_ >= 0) ::close(socket_);
  ::close(poll_);
}

std::string MemcachedClient::store_all() {
  if (socket_ < 0) return "memcached is not there";
  for (const BenchKey& key : workload_.keys) {
    pending_.append("set ").append(key.view()).append(" 0 0 ");
    pending_.append(std::to_string(Workload::kValueBytes)).append(" noreply\r\n");
    pending_.append(Workload::value_of(key.view())).append("\r\n");
    if (pending_.size() > kReceiveBytes / 2 && !send_pending()) return "memcached hung up";
  }
  return send_pending() ? "" : "memcached hung up";
}

std::string MemcachedClient::run(const Load& load, std::uint64_t gets, Sample& sample) {
  struct Asked {
    std::int64_t at;
    std::uint64_t key;
  };
  std::deque<Asked> asked;
  std::uint64_t issued = 0;
  std::uint64_t answered = 0;
  const auto issue = [&](std::int64_t now) {
    append_request(workload_.key(issued).view());
    asked.push_back({now, issued++});
  };

  Stopwatch stopwatch(server_, gets);
  stopwatch.begin();
  while (issued < gets && issued < static_cast<std::uint64_t>(load.in_flight)) issue(clock_ns());
  if (!send_pending()) return "memcached hung up";
  while (answered < gets) {
    if (!receive(load.blocking)) return "memcached hung up";
    std::string_view value;
    while (const std::size_t size = parse({received_.data() + parsed_, filled_ - parsed_}, value)) {
      const std::int64_t now = clock_ns();
      if (!Workload::right(workload_.key(asked.front().key).view(), value)) {
        return "memcached answered something else";
      }
      stopwatch.add(now - asked.front().at);
      asked.pop_front();
      parsed_ += size;
      ++answered;
      if (issued < gets) issue(now);
    }
    if (!send_pending()) return "memcached hung up";
  }
  sample = stopwatch.end();
  return "";
}

void MemcachedClient::append_request(std::string_view key) {
  if (protocol_ == Protocol::text) {
    pending_.append("get ").append(key).append("\r\n");
  } else {
    pending_.append("mg ").append(key).append(" v\r\n");
  }
}

// text: VALUE <key> <flags> <size>\r\n<data>\r\nEND\r\n    meta: VA <size>\r\n<data>\r\n
std::size_t MemcachedClient::parse(std::string_view bytes, std::string_view& value) const {
  const std::string_view trailer = protocol_ == Protocol::text ? "\r\nEND\r\n" : "\r\n";
  const std::size_t line_end = bytes.find('\n');
  if (line_end == std::string_view::npos) return 0;
  const std::string_view line = bytes.substr(0, line_end - 1);
  if (!line.starts_with("VA")) {  // A miss or an error: an empty value, which is never right.
    value = {};
    return line_end + 1;
  }
  std::size_t size = 0;
  const std::size_t last_word = line.rfind(' ') + 1;
  std::from_chars(line.data() + last_word, line.data() + line.size(), size);
  const std::size_t total = line_end + 1 + size + trailer.size();
  if (bytes.size() < total) return 0;
  value = bytes.substr(line_end + 1, size);
  return total;
}

bool MemcachedClient::send_pending() {
  for (std::size_t sent = 0; sent < pending_.size();) {
    const ssize_t n = ::send(socket_, pending_.data() + sent, pending_.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  pending_.clear();
  return true;
}

bool MemcachedClient::receive(bool blocking) {
  std::memmove(received_.data(), received_.data() + parsed_, filled_ - parsed_);
  filled_ -= parsed_;
  parsed_ = 0;
  if (!blocking) {
    epoll_event ready{};
    if (::epoll_wait(poll_, &ready, 1, -1) < 0) return errno == EINTR;
  }
  const ssize_t n = ::recv(socket_, received_.data() + filled_, received_.size() - filled_,
                           blocking ? 0 : MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  filled_ += static_cast<std::size_t>(n);
  return n > 0;
}

}  // namespace kith::bench
