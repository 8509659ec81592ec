// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/discovery/stop_signal.h"

namespace kith::edge::discovery {

/// Whom to trust, and who we are. Files are read anew for each connection.
struct TlsOptions {
  /// PEM. Empty: the system's authorities.
  std::string ca_file = {};
  /// This side's certificate and key; empty: none.
  std::string certificate_file = {};
  std::string key_file = {};
  /// Accepts any certificate.
  bool insecure = false;
};

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers = {};
  /// With a body it is a POST of JSON.
  std::optional<std::string> body = {};
  /// From the first packet to the last byte.
  Duration timeout = std::chrono::seconds(10);
  /// The answer's header to keep; empty: none.
  std::string wanted_header = {};
  /// For a last word: goes on although stop was raised.
  bool although_stopped = false;
};

struct HttpAnswer {
  /// Any status, also of an error: those below are in `body` what the server says about it.
  long status = 0;
  std::string body;
  /// The wanted header, if it was there.
  std::string header;
};

/// Bounds on what a server may send: a whole answer, and one line of a stream.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxLineBytes = std::size_t{4} << 20;

class HttpStream;

/// Asks over HTTP/1.1, without proxies and redirects. Several answers may be under way, on the one
/// thread that uses it; waiting for any of them moves all. Calls end early when `stop` is raised.
class Http {
 public:
  Http(TlsOptions tls, const StopSignal& stop);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// Waits for the whole answer. Errors: unavailable (in words), cancelled (stopped).
  Result<HttpAnswer> fetch(const HttpRequest& request);
  /// Begins an answer that is read line by line. Must not outlive this object.
  HttpStream stream(const HttpRequest& request);

 private:
  friend class HttpStream;
  class Transfer;

  /// Moves the transfers on until `done` is finished or has news, `until`, or stop.
  void drive(const Transfer& transfer, Clock::time_point until);

  const TlsOptions tls_;
  const StopSignal& stop_;
  /// A CURLM.
  void* multi_;
};

/// An answer that goes on and on, as lines.
class HttpStream {
 public:
  enum class Event {
    opened,    ///< The status is 200 and the lines begin. Told once, first.
    line,      ///< A line, without its end.
    ended,     ///< By the server or by an error: see outcome(). Told again and again.
    deadline,  ///< Nothing until then.
    stopped,   ///< Stop was raised.
  };

  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) noexcept;
  ~HttpStream();

  /// The next of it. `line` is set for Event::line.
  Event next(std::string& line, Clock::time_point until);
  /// Whether a line is here already.
  bool has_line() const;
  /// After it ended. Errors: unavailable.
  Result<void> outcome() const;
  /// 0 before there is any.
  long status() const;

 private:
  friend class Http;
  HttpStream(Http& http, std::unique_ptr<Http::Transfer> transfer);

  Http* http_;
  std::unique_ptr<Http::Transfer> transfer_;
};

/// For an answer with a status that is none of success: "HTTP 403: ..." with what the server says.
Error http_error(const HttpAnswer& answer);
/// For a part of a URL: everything but letters, digits and -._~ as %XX.
std::string escape(std::string_view text);
/// A token from a file of at most 64 KiB, without the space around it. Errors: unavailable.
Result<std::string> read_token(const std::string& path);

}  // namespace kith::edge::discovery
