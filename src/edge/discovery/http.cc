// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <new>
#include <utility>

#include "absl/strings/ascii.h"
#include "edge/net/in_words.h"

namespace kith::edge::discovery {

namespace {

/// Of what a server says about an error.
constexpr std::size_t kMaxErrorBytes = 4096;
/// What may wait to be read of a stream: a longest line and what came with it.
constexpr std::size_t kMaxUnreadBytes = kMaxLineBytes + (std::size_t{4} << 20);
constexpr std::size_t kMaxTokenBytes = 64 * 1024;
constexpr long kConnectTimeoutMs = 5000;

/// libcurl must be told once in a process, before anything else.
bool initialized() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

bool is_success(long status) { return status >= 200 && status < 300; }

Error unavailable(std::string message) { return {ErrorCode::unavailable, std::move(message)}; }

}  // namespace

/// One request and what has come of its answer. At one address while libcurl works on it.
class Http::Transfer {
 public:
  Transfer(CURLM* multi, const TlsOptions& tls, const HttpRequest& request, bool streaming);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void on_done(CURLcode code);
  bool done() const { return done_; }
  /// Whether a stream's reader has something to look at.
  bool has_news() const { return done_ || has_line() || (streaming_ && opened_ && !told_opened_); }
  bool has_line() const { return line_end_ != std::string::npos; }
  bool take_opened() { return opened_ && !std::exchange(told_opened_, true); }
  std::string take_line();
  long status() const { return status_; }
  /// Of a transfer that is done.
  Result<HttpAnswer> answer();
  Result<void> stream_outcome() const;

 private:
  static std::size_t on_header(const char* bytes, std::size_t one, std::size_t size, void* self);
  static std::size_t on_body(const char* bytes, std::size_t one, std::size_t size, void* self);
  bool append(std::string_view bytes);
  void set_options(const TlsOptions& tls, const HttpRequest& request);
  template <class Value>
  void set(CURLoption option, Value value);

  CURLM* const multi_;
  CURL* const easy_;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> words_{};
  const std::string url_;
  const std::string wanted_header_;
  const bool streaming_;

  /// The body, or of a stream what was not read.
  std::string body_;
  std::size_t read_ = 0;
  /// Where in body_ the next line ends.
  std::size_t line_end_ = std::string::npos;
  long status_ = 0;
  bool opened_ = false;
  bool told_opened_ = false;
  bool done_ = false;
  /// Why we refused to read on, or could not begin.
  std::string refused_;
  CURLcode code_ = CURLE_OK;
};

Http::Transfer::Transfer(CURLM* multi, const TlsOptions& tls, const HttpRequest& request,
                         bool streaming)
    : multi_(multi),
      easy_(curl_easy_init()),
      url_(request.url),
      wanted_header_(request.wanted_header),
      streaming_(streaming) {
  if (easy_ == nullptr || multi_ == nullptr) {
    refused_ = "libcurl does not start";
    done_ = true;
    return;
  }
  set_options(tls, request);
  if (refused_.empty() && curl_multi_add_handle(multi_, easy_) != CURLM_OK) {
    refused_ = "libcurl does not take the request";
  }
  done_ = !refused_.empty();
}

Http::Transfer::~Transfer() {
  if (easy_ != nullptr) {
    if (multi_ != nullptr) curl_multi_remove_handle(multi_, easy_);
    curl_easy_cleanup(easy_);
  }
  curl_slist_free_all(headers_);
}

template <class Value>
void Http::Transfer::set(CURLoption option, Value value) {
  if (curl_easy_setopt(easy_, option, value) != CURLE_OK && refused_.empty()) {
    refused_ = "libcurl refuses option " + std::to_string(option);
  }
}

void Http::Transfer::set_options(const TlsOptions& tls, const HttpRequest& request) {
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_URL, url_.c_str());
  set(CURLOPT_ERRORBUFFER, words_.data());
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  // Neither the environment nor files of the user decide where a token goes.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(CURLOPT_NOSIGNAL, 1L);
  // Stopping does not wait for libcurl's own look-up of a name.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 30L);
  set(CURLOPT_TCP_KEEPINTVL, 10L);
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(request.timeout).count();
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS, std::min(static_cast<long>(timeout), kConnectTimeoutMs));

  set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set(CURLOPT_SSL_VERIFYPEER, tls.insecure ? 0L : 1L);
  set(CURLOPT_SSL_VERIFYHOST, tls.insecure ? 0L : 2L);
  // Authorities change while the process runs.
  set(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  if (!tls.ca_file.empty()) {
    set(CURLOPT_CAINFO, tls.ca_file.c_str());
    // Otherwise the system's authorities count besides.
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!tls.certificate_file.empty()) {
    set(CURLOPT_SSLCERT, tls.certificate_file.c_str());
    set(CURLOPT_SSLKEY, tls.key_file.c_str());
  }

  const auto add_header = [this](const std::string& header) {
    curl_slist* const longer = curl_slist_append(headers_, header.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
  };
  add_header("Accept: application/json");
  add_header("User-Agent: kith");
  if (request.body) {
    add_header("Content-Type: application/json");
    add_header("Expect:");
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set(CURLOPT_COPYPOSTFIELDS, request.body->data());
  }
  for (const std::string& header : request.headers) add_header(header);
  set(CURLOPT_HTTPHEADER, headers_);

  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
}

std::size_t Http::Transfer::on_header(const char* bytes, std::size_t /*one*/, std::size_t size,
                                      void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  curl_easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &transfer.status_);
  const std::string_view line(bytes, size);
  const bool last = line == "\r\n" || line == "\n";
  if (last && is_success(transfer.status_)) transfer.opened_ = true;
  return size;
}

std::size_t Http::Transfer::on_body(const char* bytes, std::size_t /*one*/, std::size_t size,
                                    void* self) {
  // No exception may pass through libcurl.
  try {
    return static_cast<Transfer*>(self)->append({bytes, size}) ? size : CURL_WRITEFUNC_ERROR;
  } catch (const std::bad_alloc&) {
    return CURL_WRITEFUNC_ERROR;
  }
}

bool Http::Transfer::append(std::string_view bytes) {
  if (!is_success(status_)) {
    body_.append(bytes.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, body_.size())));
    return true;
  }
  const std::size_t most = streaming_ ? kMaxUnreadBytes : kMaxAnswerBytes;
  if (body_.size() - read_ + bytes.size() > most) {
    refused_ = "the answer is longer than " + std::to_string(most) + " bytes";
    return false;
  }
  if (streaming_ && read_ > 0) {
    body_.erase(0, read_);
    if (has_line()) line_end_ -= read_;
    read_ = 0;
  }
  const std::size_t before = body_.size();
  body_.append(bytes);
  if (!streaming_) return true;
  if (!has_line()) line_end_ = body_.find('\n', before);
  if (!has_line() && body_.size() > kMaxLineBytes) {
    refused_ = "a line is longer than " + std::to_string(kMaxLineBytes) + " bytes";
    return false;
  }
  return true;
}

std::string Http::Transfer::take_line() {
  std::string line = body_.substr(read_, line_end_ - read_);
  read_ = line_end_ + 1;
  line_end_ = body_.find('\n', read_);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void Http::Transfer::on_done(CURLcode code) {
  done_ = true;
  code_ = code;
}

Result<HttpAnswer> Http::Transfer::answer() {
  if (auto outcome = stream_outcome(); !outcome && !(code_ == CURLE_OK && refused_.empty())) {
    return tl::unexpected<Error>(std::move(outcome).error());
  }
  HttpAnswer answer{.status = status_, .body = std::move(body_), .header = {}};
  curl_header* header = nullptr;
  if (!wanted_header_.empty() &&
      curl_easy_header(easy_, wanted_header_.c_str(), 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    answer.header = header->value;
  }
  return answer;
}

Result<void> Http::Transfer::stream_outcome() const {
  if (!refused_.empty()) return tl::unexpected<Error>(unavailable(url_ + ": " + refused_));
  if (code_ != CURLE_OK) {
    const std::string words = words_[0] != '\0' ? words_.data() : curl_easy_strerror(code_);
    return tl::unexpected<Error>(unavailable(url_ + ": " + words));
  }
  if (!is_success(status_)) {
    return tl::unexpected<Error>(http_error({.status = status_, .body = body_, .header = {}}));
  }
  return {};
}

Http::Http(TlsOptions tls, const StopSignal& stop)
    : tls_(std::move(tls)), stop_(stop), multi_(initialized() ? curl_multi_init() : nullptr) {}

Http::~Http() {
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

Result<HttpAnswer> Http::fetch(const HttpRequest& request) {
  Transfer transfer(multi_, tls_, request, false);
  // libcurl keeps the request's own time; this is for the case that it does not.
  const auto until = Clock::now() + request.timeout + std::chrono::seconds(1);
  while (!transfer.done() && Clock::now() < until) {
    if (stop_.raised() && !request.although_stopped) {
      return fail(ErrorCode::cancelled, "stopped");
    }
    drive(transfer, until);
  }
  if (!transfer.done()) {
    return fail(ErrorCode::unavailable, request.url + ": no answer in time");
  }
  return transfer.answer();
}

HttpStream Http::stream(const HttpRequest& request) {
  return HttpStream(*this, std::make_unique<Transfer>(multi_, tls_, request, true));
}

void Http::drive(const Transfer& transfer, Clock::time_point until) {
  int running = 0;
  bool broken = curl_multi_perform(multi_, &running) != CURLM_OK;
  int more = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &more)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    static_cast<Transfer*>(owner)->on_done(message->data.result);
  }
  if (transfer.has_news()) return;
  if (!broken) {
    // Once raised it is readable for good, and a last word would spin.
    curl_waitfd stop{stop_.descriptor(), CURL_WAIT_POLLIN, 0};
    const unsigned watched = stop_.raised() ? 0 : 1;
    broken = curl_multi_poll(multi_, &stop, watched, poll_timeout(until), nullptr) != CURLM_OK;
  }
  if (broken) stop_.sleep(std::chrono::milliseconds(100));
}

HttpStream::HttpStream(Http& http, std::unique_ptr<Http::Transfer> transfer)
    : http_(&http), transfer_(std::move(transfer)) {}
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&&) noexcept = default;
HttpStream::~HttpStream() = default;

HttpStream::Event HttpStream::next(std::string& line, Clock::time_point until) {
  for (bool driven = false;; driven = true) {
    if (http_->stop_.raised()) return Event::stopped;
    if (transfer_->take_opened()) return Event::opened;
    if (transfer_->has_line()) {
      line = transfer_->take_line();
      return Event::line;
    }
    if (transfer_->done()) return Event::ended;
    if (driven && Clock::now() >= until) return Event::deadline;
    http_->drive(*transfer_, until);
  }
}

bool HttpStream::has_line() const { return transfer_->has_line(); }
Result<void> HttpStream::outcome() const { return transfer_->stream_outcome(); }
long HttpStream::status() const { return transfer_->status(); }

Error http_error(const HttpAnswer& answer) {
  return unavailable("HTTP " + std::to_string(answer.status) + ": " + printable(answer.body));
}

std::string escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return escaped;
}

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxTokenBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::unavailable, "the file " + path + " " + std::string(why));
  };
  if (file.bad() || (!file.eof() && text.empty())) return bad("cannot be read");
  if (text.size() > kMaxTokenBytes) return bad("is longer than a token");
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  if (text.empty()) return bad("is empty");
  // It becomes a header.
  if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return bad("holds no token");
  }
  return text;
}

}  // namespace kith::edge::discovery
