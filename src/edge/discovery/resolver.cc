// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/resolver.h"

#include <ares.h>
#include <ares_nameser.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <new>
#include <utility>

namespace kith::edge::discovery {

namespace {

/// The first wait for a server; c-ares doubles it in each round over all servers.
constexpr int kTryMs = 1000;
constexpr int kTries = 4;
/// What fits into a packet on any path.
constexpr int kEdnsBytes = 1232;
/// Asked at a time.
constexpr std::size_t kMaxUnderWay = 64;

/// c-ares, from its start to its end.
class Channel {
 public:
  explicit Channel(const std::string& servers);
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Empty: it works.
  const std::string& broken() const { return broken_; }
  void ask(const DnsQuestion& question, Result<DnsAnswer>& answer);
  /// Moves the questions on until all are answered, `until`, or stop.
  void run(Clock::time_point until, const StopSignal& stop);

 private:
  struct Pending {
    Channel& channel;
    Result<DnsAnswer>& answer;
    std::string name;
  };

  static void on_answer(void* pending, int status, int timeouts, unsigned char* reply, int size);
  static void on_socket(void* self, ares_socket_t socket, int readable, int writable);
  void wait(Clock::time_point until, const StopSignal& stop);

  ares_channel channel_ = nullptr;
  std::string broken_;
  std::size_t under_way_ = 0;
  /// What c-ares waits for, by descriptor: events of poll.
  std::map<ares_socket_t, short> sockets_;
};

Channel::Channel(const std::string& servers) {
  // Does nothing but on Windows and Android.
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = kTryMs;
  options.tries = kTries;
  options.ednspsz = kEdnsBytes;
  options.flags = ARES_FLAG_EDNS;
  options.sock_state_cb = &Channel::on_socket;
  options.sock_state_cb_data = this;
  int status = ares_init_options(&channel_, &options,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                                     ARES_OPT_FLAGS | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) channel_ = nullptr;
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(channel_, servers.c_str());
  }
  if (status != ARES_SUCCESS) broken_ = ares_strerror(status);
}

void Channel::ask(const DnsQuestion& question, Result<DnsAnswer>& answer) {
  ++under_way_;
  auto pending = std::make_unique<Pending>(Pending{*this, answer, question.name});
  // Calls on_answer once, perhaps at once, whatever happens.
  ares_search(channel_, question.name.c_str(), ns_c_in, static_cast<int>(question.type),
              &Channel::on_answer, pending.release());
}

void Channel::on_answer(void* argument, int status, int /*timeouts*/, unsigned char* reply,
                        int size) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(argument));
  --pending->channel.under_way_;
  // No exception may pass through c-ares.
  try {
    if (status == ARES_SUCCESS && reply != nullptr && size > 0) {
      pending->answer = parse_dns_answer({reply, static_cast<std::size_t>(size)});
    } else if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
      pending->answer = DnsAnswer();
    } else if (status != ARES_ECANCELLED && status != ARES_EDESTRUCTION) {
      pending->answer = fail(ErrorCode::unavailable, pending->name + ": " + ares_strerror(status));
    }
  } catch (const std::bad_alloc&) {
    // It stays unanswered.
  }
}

void Channel::on_socket(void* self, ares_socket_t socket, int readable, int writable) {
  auto& sockets = static_cast<Channel*>(self)->sockets_;
  const int events = (readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0);
  if (events == 0) {
    sockets.erase(socket);
    return;
  }
  try {
    sockets[socket] = static_cast<short>(events);
  } catch (const std::bad_alloc&) {
    // It is not read; the question times out.
  }
}

void Channel::run(Clock::time_point until, const StopSignal& stop) {
  while (under_way_ > 0 && !stop.raised() && Clock::now() < until) wait(until, stop);
  // Whoever is left keeps the answer that it had before.
  ares_cancel(channel_);
}

void Channel::wait(Clock::time_point until, const StopSignal& stop) {
  timeval next{};
  if (const timeval* const due = ares_timeout(channel_, nullptr, &next); due != nullptr) {
    until = std::min(until, Clock::now() + std::chrono::seconds(due->tv_sec) +
                                std::chrono::microseconds(due->tv_usec));
  }
  std::vector<pollfd> entries{{stop.descriptor(), POLLIN, 0}};
  for (const auto& [socket, events] : sockets_) entries.push_back({socket, events, 0});
  poll(entries.data(), entries.size(), poll_timeout(until));
  for (const pollfd& entry : entries) {
    if (entry.fd == stop.descriptor() || entry.revents == 0) continue;
    // It may be gone, by what was done for another.
    if (!sockets_.contains(entry.fd)) continue;
    const bool writable = (entry.revents & POLLOUT) != 0;
    // Errors are found by reading.
    const bool readable = (entry.revents & ~POLLOUT) != 0;
    ares_process_fd(channel_, readable ? entry.fd : ARES_SOCKET_BAD,
                    writable ? entry.fd : ARES_SOCKET_BAD);
  }
  // Looks at the timeouts.
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

}  // namespace

Resolver::Resolver(const std::vector<std::string>& servers, Duration timeout) : timeout_(timeout) {
  for (const std::string& server : servers) servers_ += (servers_.empty() ? "" : ",") + server;
}

std::vector<Result<DnsAnswer>> Resolver::ask(std::span<const DnsQuestion> questions,
                                             const StopSignal& stop) const {
  const auto until = Clock::now() + timeout_;
  std::vector<Result<DnsAnswer>> answers;
  answers.reserve(questions.size());
  for (const DnsQuestion& question : questions) {
    answers.emplace_back(fail(ErrorCode::unavailable, question.name + ": no answer in time"));
  }
  for (std::size_t begin = 0; begin < questions.size(); begin += kMaxUnderWay) {
    if (stop.raised() || Clock::now() >= until) break;
    Channel channel(servers_);
    const std::size_t end = std::min(begin + kMaxUnderWay, questions.size());
    for (std::size_t i = begin; i < end; ++i) {
      if (channel.broken().empty()) {
        channel.ask(questions[i], answers[i]);
      } else {
        answers[i] = fail(ErrorCode::unavailable, "c-ares: " + channel.broken());
      }
    }
    if (channel.broken().empty()) channel.run(until, stop);
  }
  return answers;
}

}  // namespace kith::edge::discovery
