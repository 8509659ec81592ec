// SPDX-License-Identifier: Apache-2.0
//
// See docs/discovery.md, "Kubernetes", for the requests.
#include <kith/discovery.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "edge/discovery/backoff.h"
#include "edge/discovery/http.h"
#include "edge/discovery/kubernetes_format.h"
#include "edge/discovery/source.h"
#include "edge/discovery/validate.h"

namespace kith::edge::discovery {

namespace {

/// A slice may have 1000 endpoints, and a page must not become too long an answer.
constexpr int kSlicesPerPage = 10;
/// Slices without endpoints are kept too.
constexpr std::size_t kMaxSlices = 16'384;
/// What a watch may take longer than it was asked to.
constexpr Duration kWatchSlack = std::chrono::seconds(15);
constexpr long kGoneStatus = 410;

/// By name. At most kMaxSlices, and kMaxSeeds seeds in all of them.
using Slices = std::map<std::string, Found>;

/// Adds or replaces a slice; what is too much is left out with a complaint.
void keep(EndpointSlice slice, Slices& slices) {
  slices.erase(slice.name);
  if (slices.size() == kMaxSlices) {
    slices.begin()->second.complain("the service has too many EndpointSlices");
    return;
  }
  std::size_t room = kMaxSeeds;
  for (const auto& [name, found] : slices) room -= found.seeds.size();
  if (slice.found.seeds.size() > room) {
    slice.found.complain("the service has more than " + std::to_string(kMaxSeeds) + " endpoints");
    slice.found.seeds.resize(room);
  }
  slices.emplace(std::move(slice.name), std::move(slice.found));
}

class KubernetesInquiry final : public Inquiry {
 public:
  explicit KubernetesInquiry(KubernetesOptions options)
      : options_(std::move(options)),
        port_{.name = options_.port_name, .number = options_.port},
        backoff_(random_seed()) {}

  void run(Report& report, const StopSignal& stop) override;

 private:
  enum class Next : std::uint8_t { list, watch };

  Result<HttpRequest> request(const std::string& query) const;
  Next list(Http& http, Report& report, const StopSignal& stop);
  Next watch(Http& http, Report& report, const StopSignal& stop);
  /// Takes in one line of a watch. False: list anew.
  Result<Next> apply(const std::string& line);
  void publish(Report& report) const;

  const KubernetesOptions options_;
  const PortChoice port_;
  Backoff backoff_;
  Slices slices_;
  /// Where the next watch begins.
  std::string version_;
};

void KubernetesInquiry::run(Report& report, const StopSignal& stop) {
  Http http({.ca_file = options_.ca_file, .insecure = options_.insecure_skip_tls_verification},
            stop);
  Next next = Next::list;
  while (!stop.raised()) {
    next = next == Next::list ? list(http, report, stop) : watch(http, report, stop);
  }
}

Result<HttpRequest> KubernetesInquiry::request(const std::string& query) const {
  HttpRequest request{.url = options_.api_server + "/apis/discovery.k8s.io/v1/namespaces/" +
                             escape(options_.in_namespace) + "/endpointslices?labelSelector=" +
                             escape("kubernetes.io/service-name=" + options_.service) + query,
                      .timeout = options_.timeout};
  if (options_.token_file.empty() || !options_.api_server.starts_with("https:")) return request;
  auto token = read_token(options_.token_file);
  if (!token) return tl::unexpected<Error>(std::move(token).error());
  request.headers.push_back("Authorization: Bearer " + *token);
  return request;
}

KubernetesInquiry::Next KubernetesInquiry::list(Http& http, Report& report,
                                                const StopSignal& stop) {
  Slices slices;
  std::string page;
  const auto again = [&](std::string_view why) {
    if (!stop.raised()) report.trouble(why);
    stop.sleep(backoff_.next());
    return Next::list;
  };
  do {
    const auto asked = request("&limit=" + std::to_string(kSlicesPerPage) +
                               (page.empty() ? "" : "&continue=" + escape(page)));
    if (!asked) return again(asked.error().message);
    const auto answer = http.fetch(*asked);
    if (!answer) return again(answer.error().message);
    if (answer->status == kGoneStatus && !page.empty()) {
      // The list grew too old between two pages.
      stop.sleep(backoff_.next());
      return Next::list;
    }
    if (answer->status != 200) return again(http_error(*answer).message);
    auto parsed = parse_slice_list(answer->body, port_);
    if (!parsed) return again(parsed.error().message);
    for (EndpointSlice& slice : parsed->slices) keep(std::move(slice), slices);
    version_ = std::move(parsed->version);
    // An empty page that has a next one would let a server keep us here.
    if (parsed->slices.empty() && !parsed->next_page.empty()) return again("an empty page");
    page = std::move(parsed->next_page);
  } while (!page.empty());
  slices_ = std::move(slices);
  publish(report);
  backoff_.reset();
  return Next::watch;
}

KubernetesInquiry::Next KubernetesInquiry::watch(Http& http, Report& report,
                                                 const StopSignal& stop) {
  const auto later = [&](Next next, std::string_view why) {
    if (!stop.raised() && !why.empty()) report.trouble(why);
    stop.sleep(backoff_.next());
    return next;
  };
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options_.watch_time).count();
  auto asked =
      request("&watch=1&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(seconds) +
              "&resourceVersion=" + escape(version_));
  if (!asked) return later(Next::watch, asked.error().message);
  asked->timeout = options_.watch_time + kWatchSlack;

  const auto began = Clock::now();
  HttpStream stream = http.stream(*asked);
  bool opened = false;
  std::string line;
  for (;;) {
    const auto until = opened ? began + asked->timeout : began + options_.timeout;
    switch (stream.next(line, until)) {
      case HttpStream::Event::opened:
        opened = true;
        publish(report);
        break;
      case HttpStream::Event::line: {
        const auto next = apply(line);
        if (!next) return later(Next::list, next.error().message);
        if (*next == Next::list) return later(Next::list, {});
        backoff_.reset();
        // Not for each of many that came together.
        if (!stream.has_line()) publish(report);
        break;
      }
      case HttpStream::Event::ended: {
        if (stream.status() == kGoneStatus) return later(Next::list, {});
        const auto outcome = stream.outcome();
        // One that was open is taken up again without a word; when that fails there will be one.
        if (!opened) {
          // What the server refuses it may refuse for the version's sake.
          return later(stream.status() == 0 ? Next::watch : Next::list,
                       outcome ? "the watch ends" : outcome.error().message);
        }
        if (Clock::now() - began < kShortestWatch) return later(Next::watch, {});
        return Next::watch;
      }
      case HttpStream::Event::deadline:
        return later(Next::watch, opened ? "" : "no answer to the watch in time");
      case HttpStream::Event::stopped:
        return Next::watch;
    }
  }
}

Result<KubernetesInquiry::Next> KubernetesInquiry::apply(const std::string& line) {
  auto event = parse_slice_event(line, port_);
  if (!event) return tl::unexpected<Error>(std::move(event).error());
  switch (event->kind) {
    case SliceEvent::Kind::changed:
      keep(std::move(event->slice), slices_);
      break;
    case SliceEvent::Kind::deleted:
      slices_.erase(event->slice.name);
      break;
    case SliceEvent::Kind::bookmark:
      break;
    case SliceEvent::Kind::gone:
      return Next::list;
    case SliceEvent::Kind::failed:
      return fail(ErrorCode::unavailable, std::move(event->message));
  }
  version_ = std::move(event->version);
  return Next::watch;
}

void KubernetesInquiry::publish(Report& report) const {
  Found all;
  for (const auto& [name, found] : slices_) {
    all.seeds.insert(all.seeds.end(), found.seeds.begin(), found.seeds.end());
    if (!found.complaint.empty()) all.complain(found.complaint);
  }
  report.answered(std::move(all));
}

/// Fills in what only a pod knows.
Result<void> take_defaults(KubernetesOptions& options) {
  if (options.api_server.empty()) {
    const char* const host = std::getenv("KUBERNETES_SERVICE_HOST");
    const char* const port = std::getenv("KUBERNETES_SERVICE_PORT");
    if (host == nullptr || port == nullptr) {
      return fail(ErrorCode::failed_precondition,
                  "api_server is empty, and KUBERNETES_SERVICE_HOST and _PORT are not set: this is "
                  "no pod");
    }
    const bool v6 = std::string_view(host).find(':') != std::string_view::npos;
    options.api_server =
        "https://" + (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
  }
  if (options.in_namespace.empty()) {
    auto name = read_token(options.namespace_file);
    if (!name) {
      return fail(ErrorCode::failed_precondition,
                  "in_namespace is empty, and " + name.error().message);
    }
    options.in_namespace = *std::move(name);
  }
  return {};
}

Result<void> validate(const KubernetesOptions& options) {
  return all_of({validate_name("service", options.service),
                 validate_name("in_namespace", options.in_namespace),
                 validate_text("port_name", options.port_name),
                 validate_url("api_server", options.api_server),
                 validate_between("watch_time", options.watch_time, std::chrono::seconds(1),
                                  std::chrono::hours(1)),
                 validate_timeout(options.timeout)});
}

}  // namespace

}  // namespace kith::edge::discovery

namespace kith {

Result<std::shared_ptr<Discovery>> kubernetes_seeds(KubernetesOptions options) {
  using namespace edge::discovery;  // NOLINT(google-build-using-namespace): all of it is above
  auto valid = take_defaults(options).and_then([&] { return validate(options); });
  if (!valid) return tl::unexpected<Error>(std::move(valid).error());
  const std::string name = "Kubernetes " + options.in_namespace + "/" + options.service;
  return make_source(name, std::make_unique<KubernetesInquiry>(std::move(options)));
}

}  // namespace kith
