// SPDX-License-Identifier: Apache-2.0
#include "bench/kith_pair.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/countdown.h"
#include "edge/tls/authority.h"

namespace kith::bench {

namespace {

constexpr std::string_view kCacheName = "peer-bench";

LoadResult load_value(const LoadRequest& request) {
  return Value::copy_of(Workload::value_of(request.key));
}

std::optional<TlsOptions> tls_of(const std::string& certificates) {
  if (certificates.empty()) return std::nullopt;
  return TlsOptions{.certificate_file = certificates + "/node.pem",
                    .key_file = certificates + "/node.key",
                    .ca_file = certificates + "/ca.pem",
                    .peer_names = {"kith://bench/*"}};
}

std::string in_words(const Error& error) {
  return std::string(to_string(error.code)) + ": " + error.message;
}

/// Empty when the answer is the key's value out of the other node's memory.
std::string_view check(std::string_view key, const Result<Answer>& answer) {
  if (!answer) return "a get failed";
  if (answer->source != Source::peer) return "an answer did not come from the other node's memory";
  if (!answer->value || !Workload::right(key, answer->value->view())) {
    return "kith answered something else";
  }
  return {};
}

}  // namespace

std::string make_certificates(const std::string& folder) {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const edge::tls::Validity validity{now - std::chrono::hours(1), now + std::chrono::hours(24)};
  const auto ca = edge::tls::Authority::make("bench", validity);
  if (!ca) return ca.error().message;
  const auto authority = edge::tls::Authority::read(*ca);
  if (!authority) return authority.error().message;
  const auto node = authority->issue("node", {.uris = {"kith://bench/node"}}, validity);
  if (!node) return node.error().message;
  std::ofstream(folder + "/ca.pem") << ca->certificate;
  std::ofstream(folder + "/node.pem") << node->certificate;
  std::ofstream(folder + "/node.key") << node->key;
  return "";
}

int serve_kith(const std::string& peer, const std::string& certificates) {
  auto node = Node::start({.peers = {peer}, .loader_threads = 1, .tls = tls_of(certificates)});
  if (!node) {
    std::fprintf(stderr, "peer_bench: %s\n", in_words(node.error()).c_str());
    return 1;
  }
  const auto cache = node->open(kCacheName, {}, load_value);
  if (!cache) {
    std::fprintf(stderr, "peer_bench: %s\n", in_words(cache.error()).c_str());
    return 1;
  }
  std::printf("%s\n", node->address().c_str());
  std::fflush(stdout);
  while (std::fgetc(stdin) != EOF) {
  }
  return 0;
}

Result<std::unique_ptr<KithPair>> KithPair::start(const std::string& self, int processor,
                                                  const std::string& certificates) {
  auto node = Node::start({.loader_threads = 1, .tls = tls_of(certificates)});
  if (!node) return tl::unexpected<Error>(std::move(node).error());
  auto cache = node->open(kCacheName, {}, load_value);
  if (!cache) return tl::unexpected<Error>(std::move(cache).error());
  std::vector<std::string> command{self, "--server", node->address()};
  if (!certificates.empty()) command.insert(command.end(), {"--tls", certificates});
  auto server = std::make_unique<ChildProcess>(command, processor);
  std::string address = server->read_line();
  if (address.empty()) return fail(ErrorCode::unavailable, "the other process did not start");
  if (auto set = node->set_peers({address}); !set) {
    return tl::unexpected<Error>(std::move(set).error());
  }
  if (auto connected = node->wait_connected(std::chrono::seconds(5)); !connected) {
    return tl::unexpected<Error>(std::move(connected).error());
  }
  return std::unique_ptr<KithPair>(new KithPair(*std::move(node), *std::move(cache),
                                                std::move(server), std::move(address),
                                                !certificates.empty()));
}

KithPair::KithPair(Node node, Cache cache, std::unique_ptr<ChildProcess> server,
                   std::string server_address, bool tls)
    : node_(std::move(node)),
      cache_(std::move(cache)),
      server_(std::move(server)),
      server_address_(std::move(server_address)),
      tls_(tls) {}

Workload KithPair::workload(std::size_t count) const {
  Workload workload;
  for (std::uint64_t n = 0; workload.keys.size() < count; ++n) {
    const BenchKey key = BenchKey::nth(n);
    if (cache_.owner_of(key.view()) == server_address_) workload.keys.push_back(key);
  }
  return workload;
}

std::string KithPair::load_all(const Workload& workload) {
  workload_ = &workload;
  std::vector<std::string> keys;
  for (const BenchKey& key : workload.keys) keys.emplace_back(key.view());
  for (const auto& result : cache_.get_many(keys)) {
    if (!result) return in_words(result.error());
  }
  return "";
}

/// A run with callbacks. All of it happens on the node's one loop thread, where the callbacks are
/// called, but for go(); nothing touches it after ended_.
class KithPair::Run {
 public:
  Run(const KithPair& pair, int in_flight, std::uint64_t gets)
      : pair_(pair),
        gets_(gets),
        slots_(static_cast<std::size_t>(in_flight)),
        stopwatch_(pair.server_->pid(), gets) {}

  /// Runs to the end. Empty, or what went wrong.
  std::string go(Sample& sample) {
    // A first get, not timed, so that even the first ones of the run are asked for on the loop.
    pair_.cache_.get_async(pair_.workload_->key(0).view(), [this](Result<Answer>) { begin(); });
    ended_.wait();
    sample = sample_;
    return std::string(wrong_);
  }

 private:
  struct Slot {
    std::int64_t asked_at = 0;
    std::uint64_t key = 0;
  };

  void begin() {
    stopwatch_.begin();
    ++under_way_;  // For this function itself, so that the run does not end in the middle of it.
    for (Slot& slot : slots_) {
      if (issued_ < gets_) issue(slot, clock_ns());
    }
    one_less();
  }

  void issue(Slot& slot, std::int64_t now) {
    slot.asked_at = now;
    slot.key = issued_++;
    ++under_way_;
    // Two words, which a std::function holds in place.
    pair_.cache_.get_async(
        pair_.workload_->key(slot.key).view(),
        [this, &slot](const Result<Answer>& answer) { on_answer(slot, answer); }, options_);
  }

  void on_answer(Slot& slot, const Result<Answer>& answer) {
    if (wrong_.empty()) wrong_ = check(pair_.workload_->key(slot.key).view(), answer);
    const std::int64_t now = clock_ns();
    stopwatch_.add(now - slot.asked_at);
    if (wrong_.empty() && issued_ < gets_) issue(slot, now);
    one_less();
  }

  void one_less() {
    if (--under_way_ > 0) return;
    sample_ = stopwatch_.end();
    ended_.count_down();
  }

  const KithPair& pair_;
  const GetOptions options_;
  const std::uint64_t gets_;
  std::vector<Slot> slots_;
  std::uint64_t issued_ = 0;
  std::uint64_t under_way_ = 0;
  std::string_view wrong_;
  Stopwatch stopwatch_;
  Sample sample_;
  Countdown ended_{1};
};

std::string KithPair::run(const Load& load, std::uint64_t gets, Sample& sample) {
  if (load.blocking) return run_blocking(gets, sample);
  return Run(*this, load.in_flight, gets).go(sample);
}

std::string KithPair::run_blocking(std::uint64_t gets, Sample& sample) {
  Stopwatch stopwatch(server_->pid(), gets);
  stopwatch.begin();
  std::int64_t asked_at = clock_ns();
  for (std::uint64_t n = 0; n < gets; ++n) {
    const std::string_view key = workload_->key(n).view();
    const Result<Answer> answer = cache_.fetch(key);
    if (const std::string_view wrong = check(key, answer); !wrong.empty())
      return std::string(wrong);
    const std::int64_t now = clock_ns();
    stopwatch.add(now - asked_at);
    asked_at = now;
  }
  sample = stopwatch.end();
  return "";
}

}  // namespace kith::bench
