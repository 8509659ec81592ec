// SPDX-License-Identifier: Apache-2.0
//
// See docs/discovery.md, "etcd", for the requests.
#include <kith/discovery.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "edge/discovery/backoff.h"
#include "edge/discovery/etcd_format.h"
#include "edge/discovery/http.h"
#include "edge/discovery/source.h"
#include "edge/discovery/validate.h"

namespace kith::edge::discovery {

namespace {

constexpr std::size_t kMaxUrls = 32;
/// How long one watch runs before it is taken up again where it ended.
constexpr Duration kWatchTime = std::chrono::minutes(10);
/// How long the last words may take in all, when the source stops.
constexpr Duration kFarewell = std::chrono::milliseconds(500);
constexpr long kUnauthorized = 401;

/// Asks one member of the cluster, until its user turns away from it, and logs in when it must.
class EtcdClient {
 public:
  EtcdClient(const EtcdOptions& options, const StopSignal& stop)
      : options_(options),
        http_({.ca_file = options.ca_file,
               .certificate_file = options.certificate_file,
               .key_file = options.key_file,
               .insecure = options.insecure_skip_tls_verification},
              stop) {}

  Result<std::string> ask(std::string_view path, std::string body);
  /// Begins a watch.
  Result<HttpStream> watch(std::string body);
  /// One attempt, although the source is stopping.
  void say_last(std::string_view path, std::string body);
  /// What is asked next goes to the next member, with a login of its own.
  void turn_away() {
    url_ = (url_ + 1) % options_.urls.size();
    token_.clear();
  }

 private:
  Result<HttpRequest> request(std::string_view path, std::string body);
  Result<std::string> log_in();

  const EtcdOptions& options_;
  Http http_;
  std::size_t url_ = 0;
  /// Empty: log in first, if there is a user.
  std::string token_;
};

Result<std::string> EtcdClient::log_in() {
  const auto answer = http_.fetch({.url = options_.urls[url_] + "/v3/auth/authenticate",
                                   .body = etcd_login_request(options_.user, options_.password),
                                   .timeout = options_.timeout});
  if (!answer) return tl::unexpected<Error>(answer.error());
  if (answer->status != 200) return tl::unexpected<Error>(http_error(*answer));
  return parse_etcd_login(answer->body);
}

Result<HttpRequest> EtcdClient::request(std::string_view path, std::string body) {
  if (token_.empty() && !options_.user.empty()) {
    auto token = log_in();
    if (!token) return tl::unexpected<Error>(std::move(token).error());
    token_ = *std::move(token);
  }
  HttpRequest request{.url = options_.urls[url_] + std::string(path),
                      .body = std::move(body),
                      .timeout = options_.timeout};
  if (!token_.empty()) request.headers.push_back("Authorization: " + token_);
  return request;
}

Result<std::string> EtcdClient::ask(std::string_view path, std::string body) {
  for (bool logged_in_anew = false;; logged_in_anew = true) {
    const bool had_token = !token_.empty();
    const auto asked = request(path, body);
    if (!asked) return tl::unexpected<Error>(asked.error());
    auto answer = http_.fetch(*asked);
    if (answer && answer->status == 200) return std::move(answer->body);
    // Logins end by themselves.
    if (answer && answer->status == kUnauthorized && had_token && !logged_in_anew) {
      token_.clear();
      continue;
    }
    return tl::unexpected<Error>(answer ? http_error(*answer) : answer.error());
  }
}

Result<HttpStream> EtcdClient::watch(std::string body) {
  auto asked = request("/v3/watch", std::move(body));
  if (!asked) return tl::unexpected<Error>(std::move(asked).error());
  asked->timeout = kWatchTime;
  return http_.stream(*asked);
}

void EtcdClient::say_last(std::string_view path, std::string body) {
  HttpRequest request{.url = options_.urls[url_] + std::string(path),
                      .body = std::move(body),
                      .timeout = kFarewell,
                      .although_stopped = true};
  if (!token_.empty()) request.headers.push_back("Authorization: " + token_);
  // Whatever comes of it: the lease runs out anyway.
  static_cast<void>(http_.fetch(request));
}

/// Keeps this node's key alive: a lease, the key, and a word every third of the lease. The caller
/// calls tend when it is due, and not before.
class Registration {
 public:
  Registration(const EtcdOptions& options, EtcdClient& client)
      : options_(options), client_(client), backoff_(random_seed(), options.lease / 3) {}

  Clock::time_point due() const { return due_; }
  /// Why this node is not registered; empty: it is.
  Result<void> tend();
  void withdraw();

 private:
  Result<void> enter();
  Result<void> stay();

  const EtcdOptions& options_;
  EtcdClient& client_;
  Backoff backoff_;
  Clock::time_point due_ = Clock::now();
  /// 0: none.
  std::uint64_t lease_ = 0;
};

Result<void> Registration::tend() {
  if (options_.register_address.empty()) {
    due_ = Clock::time_point::max();
    return {};
  }
  Result<void> outcome = lease_ == 0 ? enter() : stay();
  if (outcome && lease_ != 0) {
    backoff_.reset();
    due_ = Clock::now() + options_.lease / 3;
  } else {
    due_ = Clock::now() + backoff_.next();
  }
  if (!outcome) client_.turn_away();
  return outcome;
}

Result<void> Registration::enter() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.lease).count();
  const auto lease =
      client_.ask("/v3/lease/grant", etcd_grant_request(static_cast<std::uint64_t>(seconds)))
          .and_then([](const std::string& body) { return parse_etcd_grant(body); });
  if (!lease) return tl::unexpected<Error>(lease.error());
  const auto put =
      client_.ask("/v3/kv/put", etcd_put_request(options_.prefix + options_.register_address,
                                                 options_.register_address, *lease));
  // A lease without a key runs out by itself.
  if (!put) return tl::unexpected<Error>(put.error());
  lease_ = *lease;
  return {};
}

Result<void> Registration::stay() {
  const auto alive =
      client_.ask("/v3/lease/keepalive", etcd_lease_request(lease_))
          .and_then([](const std::string& line) { return parse_etcd_keepalive(line); });
  if (!alive) return tl::unexpected<Error>(alive.error());
  // It ran out while nobody answered: enter anew.
  if (!*alive) lease_ = 0;
  return {};
}

void Registration::withdraw() {
  if (lease_ != 0) client_.say_last("/v3/lease/revoke", etcd_lease_request(lease_));
}

/// What a source does from its start to its end.
class EtcdSession {
 public:
  EtcdSession(const EtcdOptions& options, Report& report, const StopSignal& stop)
      : options_(options),
        report_(report),
        stop_(stop),
        client_(options, stop),
        registration_(options, client_),
        backoff_(random_seed()) {}

  void run();

 private:
  void tend_registration();
  /// Reads the range, if it must, and begins the watch behind it.
  Result<void> look();
  /// Takes in what the watch says until the registration is due.
  Result<void> follow();
  Result<void> apply(const std::string& line);
  void enter(std::string key, std::string_view value);
  /// What etcd said last is what it says now.
  void publish();

  const EtcdOptions& options_;
  Report& report_;
  const StopSignal& stop_;
  EtcdClient client_;
  Registration registration_;
  Backoff backoff_;
  Clock::time_point next_look_ = Clock::now();
  /// The watch, from `began_`; opened_ once its answer has begun.
  std::optional<HttpStream> stream_;
  Clock::time_point began_ = Clock::now();
  bool opened_ = false;
  /// By key, kMaxSeeds at most: what its value says, or what is wrong with it.
  std::map<std::string, Result<Seed>> entries_;
  bool too_many_ = false;
  /// Up to which entries_ is right. 0: read the range anew.
  std::uint64_t revision_ = 0;
  /// Whose revision.
  std::string cluster_;
  /// Why this node is not registered; empty: it is, or is not to be.
  std::string unregistered_;
};

void EtcdSession::run() {
  while (!stop_.raised()) {
    if (Clock::now() >= registration_.due()) tend_registration();
    if (!stream_ && Clock::now() < next_look_) {
      stop_.sleep_until(std::min(next_look_, registration_.due()));
      continue;
    }
    Result<void> outcome;
    if (!stream_) outcome = look();
    if (outcome) outcome = follow();
    if (stop_.raised()) break;
    if (!outcome) {
      report_.trouble(outcome.error().message);
      stream_.reset();
      client_.turn_away();
    } else if (opened_) {
      publish();
      backoff_.reset();
    }
    if (!stream_) {
      opened_ = false;
      next_look_ = std::max(Clock::now() + backoff_.next(), began_ + kShortestWatch);
    }
  }
  stream_.reset();
  registration_.withdraw();
}

void EtcdSession::tend_registration() {
  const auto registered = registration_.tend();
  if (stop_.raised()) return;
  unregistered_ = registered ? "" : "not registered: " + registered.error().message;
  if (!registered) report_.trouble(unregistered_);
  if (opened_) publish();
}

Result<void> EtcdSession::look() {
  began_ = Clock::now();
  if (revision_ == 0) {
    auto range = client_.ask("/v3/kv/range", etcd_range_request(options_.prefix, kMaxSeeds))
                     .and_then([](const std::string& body) { return parse_etcd_range(body); });
    if (!range) return tl::unexpected<Error>(std::move(range).error());
    entries_.clear();
    too_many_ = range->more;
    for (EtcdEntry& entry : range->entries) enter(std::move(entry.key), entry.value);
    cluster_ = std::move(range->cluster);
    revision_ = range->revision;
  }
  auto stream = client_.watch(etcd_watch_request(options_.prefix, revision_ + 1));
  if (!stream) return tl::unexpected<Error>(std::move(stream).error());
  stream_.emplace(*std::move(stream));
  return {};
}

Result<void> EtcdSession::follow() {
  const Clock::time_point open_by = began_ + 2 * options_.timeout;
  const Clock::time_point until =
      opened_ ? registration_.due() : std::min(registration_.due(), open_by);
  std::string line;
  // As far as lines are here, so that many that came together are one change.
  do {
    switch (stream_->next(line, until)) {
      case HttpStream::Event::opened:
        opened_ = true;
        break;
      case HttpStream::Event::line:
        if (auto applied = apply(line); !applied) return applied;
        break;
      case HttpStream::Event::ended: {
        auto outcome = stream_->outcome();
        stream_.reset();
        // One that was open is taken up again without a word; when that fails there will be one.
        if (!opened_ && !outcome) return outcome;
        return {};
      }
      case HttpStream::Event::deadline:
        if (opened_ || Clock::now() < open_by) return {};
        return fail(ErrorCode::unavailable, "no answer to the watch in time");
      case HttpStream::Event::stopped:
        return {};
    }
  } while (stream_ && stream_->has_line());
  return {};
}

Result<void> EtcdSession::apply(const std::string& line) {
  auto answer = parse_etcd_watch(line);
  if (!answer) {
    // Perhaps a change was in it.
    revision_ = 0;
    return tl::unexpected<Error>(std::move(answer).error());
  }
  // Of another etcd, or one that was restored from a backup, the revisions mean something else, and
  // a watch for one that is yet to come would stay silent.
  const bool other =
      answer->cluster != cluster_ || (answer->created && answer->revision < revision_);
  if (answer->compacted || other) {
    revision_ = 0;
    stream_.reset();
    return {};
  }
  for (EtcdChange& change : answer->changes) {
    if (change.value) {
      enter(std::move(change.key), *change.value);
    } else {
      entries_.erase(change.key);
    }
  }
  if (!answer->created) revision_ = std::max(revision_, answer->revision);
  return {};
}

void EtcdSession::enter(std::string key, std::string_view value) {
  if (!key.starts_with(options_.prefix)) return;
  entries_.erase(key);
  if (entries_.size() == kMaxSeeds) {
    too_many_ = true;
    return;
  }
  entries_.emplace(std::move(key), parse_etcd_seed(value));
}

void EtcdSession::publish() {
  Found found{.seeds = {}, .complaint = unregistered_};
  if (too_many_) found.complain("more than " + std::to_string(kMaxSeeds) + " keys");
  for (const auto& [key, seed] : entries_) {
    if (seed) {
      found.seeds.push_back(*seed);
    } else {
      found.complain("key " + key + ": " + seed.error().message);
    }
  }
  report_.answered(std::move(found));
}

class EtcdInquiry final : public Inquiry {
 public:
  explicit EtcdInquiry(EtcdOptions options) : options_(std::move(options)) {}

  void run(Report& report, const StopSignal& stop) override {
    EtcdSession(options_, report, stop).run();
  }

 private:
  const EtcdOptions options_;
};

Result<void> validate(const EtcdOptions& options) {
  if (options.prefix.empty()) return bad("prefix", "empty", "the beginning of the keys");
  if (options.urls.empty() || options.urls.size() > kMaxUrls) {
    return bad("urls", std::to_string(options.urls.size()) + " URLs", "1 to 32");
  }
  for (const std::string& url : options.urls) {
    if (auto valid = validate_url("urls", url); !valid) return valid;
  }
  if (!options.register_address.empty() && !parse_seed(options.register_address)) {
    return bad("register_address", '"' + options.register_address + '"', "\"host:port\", or empty");
  }
  if (options.lease % std::chrono::seconds(1) != Duration::zero()) {
    return bad("lease", std::to_string(options.lease.count()) + " ns", "whole seconds");
  }
  if (options.user.empty() != options.password.empty()) {
    return fail(ErrorCode::invalid_argument, "user and password must both be given, or neither");
  }
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return fail(ErrorCode::invalid_argument,
                "certificate_file and key_file must both be given, or neither");
  }
  return all_of(
      {validate_text("prefix", options.prefix),
       validate_between("lease", options.lease, std::chrono::seconds(2), std::chrono::hours(1)),
       validate_timeout(options.timeout)});
}

}  // namespace

}  // namespace kith::edge::discovery

namespace kith {

Result<std::shared_ptr<Discovery>> etcd_seeds(EtcdOptions options) {
  using namespace edge::discovery;  // NOLINT(google-build-using-namespace): all of it is above
  if (auto valid = validate(options); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  const std::string name = "etcd " + options.prefix;
  return make_source(name, std::make_unique<EtcdInquiry>(std::move(options)));
}

}  // namespace kith
