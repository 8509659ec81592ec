// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/value.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiles {

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Written to the socket from where it lies, so a value of a cache is sent without being copied.
  kith::Value body = {};
};

/// A small asynchronous HTTP/1.1 server: GET only, keep-alive, one thread. Any page may read its
/// answers (CORS), and no browser keeps them.
class HttpServer {
 public:
  /// To be called once, from any thread, while the server lives.
  using Respond = std::function<void(HttpReply)>;
  /// Called on the server's thread for each GET; must not block.
  using Handler = std::function<void(std::string_view target, Respond respond)>;

  /// Listens on `address`, "1.2.3.4:port". Connections over kMaxConnections are closed at once.
  /// Errors: invalid_argument, unavailable.
  static kith::Result<HttpServer> listen(const std::string& address, Handler handler);

  HttpServer(HttpServer&&) noexcept;
  ~HttpServer();

  /// Serves until the process is sent SIGINT or SIGTERM.
  void run_until_signal();
  /// After that: serves on, for `time` or until the next such signal.
  void run_on(std::chrono::milliseconds time);

  static constexpr int kMaxConnections = 512;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tiles
