// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/child_process.h"
#include "bench/sample.h"

namespace kith::bench {

/// A memcached server of one worker thread on a free port of the loopback, with default settings.
class MemcachedServer {
 public:
  /// `program`: its path. Not running() afterwards when it could not be started.
  MemcachedServer(const std::string& program, int processor);

  bool running() { return child_->running(); }
  pid_t pid() const { return child_->pid(); }
  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

/// The best case for memcached: one connection, nothing between the program and the socket, all
/// requests that replies of one read made due go out in one write.
class MemcachedClient final : public System {
 public:
  enum class Protocol : std::uint8_t {
    text,  ///< get KEY
    meta,  ///< mg KEY v
  };

  /// Connects, waiting for the server to be up.
  MemcachedClient(Protocol protocol, MemcachedServer& server, const Workload& workload);
  ~MemcachedClient() override;
  MemcachedClient(const MemcachedClient&) = delete;
  MemcachedClient& operator=(const MemcachedClient&) = delete;

  const char* name() const override {
    return protocol_ == Protocol::text ? "memcached text" : "memcached meta";
  }
  /// Stores every key of the workload. An empty string, or what went wrong.
  std::string store_all();
  std::string run(const Load& load, std::uint64_t gets, Sample& sample) override;

 private:
  void append_request(std::string_view key);
  /// The reply at the front of `received_`: its length and value; 0 while it is incomplete.
  std::size_t parse(std::string_view bytes, std::string_view& value) const;
  bool send_pending();
  /// Appends what the socket has; false when the connection is gone.
  bool receive(bool blocking);

  const Protocol protocol_;
  const pid_t server_;
  const Workload& workload_;
  int socket_ = -1;
  int poll_ = -1;
  std::string pending_;
  /// Bytes from `parsed_` up to `filled_` are received and not parsed yet.
  std::vector<char> received_;
  std::size_t parsed_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace kith::bench
