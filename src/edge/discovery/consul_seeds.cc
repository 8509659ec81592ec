// SPDX-License-Identifier: Apache-2.0
//
// See docs/discovery.md, "Consul", for the requests.
#include <kith/discovery.h>

#include <charconv>
#include <utility>

#include "edge/discovery/backoff.h"
#include "edge/discovery/consul_format.h"
#include "edge/discovery/http.h"
#include "edge/discovery/source.h"
#include "edge/discovery/validate.h"

namespace kith::edge::discovery {

namespace {

/// Between the beginnings of two queries, however soon Consul answers.
constexpr Duration kBetweenQueries = std::chrono::milliseconds(500);
/// The same when it does not say what its answer is about, and so cannot hold the next query.
constexpr Duration kBetweenPolls = std::chrono::seconds(10);

class ConsulInquiry final : public Inquiry {
 public:
  explicit ConsulInquiry(ConsulOptions options)
      : options_(std::move(options)), backoff_(random_seed()) {}

  void run(Report& report, const StopSignal& stop) override;

 private:
  Result<Found> ask(Http& http);
  Result<HttpRequest> request() const;
  void follow(const std::string& index);

  const ConsulOptions options_;
  Backoff backoff_;
  /// What the last answer was about: Consul holds the next query until there is something newer. 0:
  /// it is to answer at once.
  std::uint64_t index_ = 0;
  bool polls_ = false;
};

void ConsulInquiry::run(Report& report, const StopSignal& stop) {
  Http http({.ca_file = options_.ca_file, .insecure = options_.insecure_skip_tls_verification},
            stop);
  while (!stop.raised()) {
    const auto began = Clock::now();
    auto found = ask(http);
    if (stop.raised()) return;
    if (found) {
      backoff_.reset();
      report.answered(*std::move(found));
      stop.sleep_until(began + (polls_ ? kBetweenPolls : kBetweenQueries));
    } else {
      report.trouble(found.error().message);
      // Whatever happened to it, the next answer should come at once.
      index_ = 0;
      stop.sleep(backoff_.next());
    }
  }
}

Result<HttpRequest> ConsulInquiry::request() const {
  std::string url = options_.url;
  url += options_.only_passing ? "/v1/health/service/" : "/v1/catalog/service/";
  url += escape(options_.service);
  url += "?wait=" + std::to_string(std::chrono::ceil<std::chrono::seconds>(options_.wait).count());
  url += "s&index=" + std::to_string(index_);
  if (options_.only_passing) url += "&passing=1";
  if (!options_.tag.empty()) url += "&tag=" + escape(options_.tag);
  if (!options_.datacenter.empty()) url += "&dc=" + escape(options_.datacenter);
  // Consul adds up to a sixteenth to the wait.
  HttpRequest request{.url = std::move(url),
                      .timeout = options_.timeout + options_.wait + options_.wait / 16,
                      .wanted_header = "X-Consul-Index"};
  if (index_ == 0) request.timeout = options_.timeout;
  std::string token = options_.token;
  if (!options_.token_file.empty()) {
    auto read = read_token(options_.token_file);
    if (!read) return tl::unexpected<Error>(std::move(read).error());
    token = *std::move(read);
  }
  if (!token.empty()) request.headers.push_back("X-Consul-Token: " + token);
  return request;
}

Result<Found> ConsulInquiry::ask(Http& http) {
  const auto asked = request();
  if (!asked) return tl::unexpected<Error>(asked.error());
  const auto answer = http.fetch(*asked);
  if (!answer) return tl::unexpected<Error>(answer.error());
  if (answer->status != 200) return tl::unexpected<Error>(http_error(*answer));
  auto found = parse_consul_instances(answer->body);
  if (found) follow(answer->header);
  return found;
}

void ConsulInquiry::follow(const std::string& index) {
  std::uint64_t next = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), next);
  const bool valid = error == std::errc() && end == index.data() + index.size() && next > 0;
  polls_ = !valid;
  // An index that went back (a restored snapshot) means nothing any more.
  index_ = valid && next >= index_ ? next : 0;
}

Result<void> validate(const ConsulOptions& options) {
  if (options.service.empty()) return bad("service", "empty", "the name of a service");
  if (!options.token.empty() && !options.token_file.empty()) {
    return bad("token_file", '"' + options.token_file + '"', "empty, because token is given");
  }
  return all_of(
      {validate_text("service", options.service), validate_url("url", options.url),
       validate_text("tag", options.tag), validate_text("datacenter", options.datacenter),
       validate_text("token", options.token),
       validate_between("wait", options.wait, std::chrono::seconds(1), std::chrono::minutes(10)),
       validate_timeout(options.timeout)});
}

}  // namespace

}  // namespace kith::edge::discovery

namespace kith {

Result<std::shared_ptr<Discovery>> consul_seeds(ConsulOptions options) {
  using namespace edge::discovery;  // NOLINT(google-build-using-namespace): all of it is above
  if (auto valid = validate(options); !valid) {
    return tl::unexpected<Error>(std::move(valid).error());
  }
  const std::string name = "Consul " + options.service;
  return make_source(name, std::make_unique<ConsulInquiry>(std::move(options)));
}

}  // namespace kith
