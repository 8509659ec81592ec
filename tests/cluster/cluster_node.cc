// SPDX-License-Identifier: Apache-2.0
//
// A node of a cluster as a process of its own: it opens a cache, asks for keys all the time, and
// says what happens to it, in lines of JSON with times of the monotonic clock, which all processes
// of a machine share. Ends by SIGTERM (it leaves), or by itself when its lifetime is over.
// tests/cluster/cluster_test.py starts it.
#include <kith/kith.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <deque>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kCache = "c";
/// How often the load is looked after, and how fine the times of links are.
constexpr milliseconds kTick{5};
/// A longer pause between two ticks means that the process did not run.
constexpr milliseconds kStall{100};
/// More gets than these under way are not begun.
constexpr std::size_t kMostPending = 10'000;
constexpr std::size_t kMostStalls = 1000;
/// Lines about single gets, of each kind.
constexpr int kMostDetails = 200;
/// After its lifetime and so many seconds more the process is ended whatever it does.
constexpr unsigned kLastWords = 15;

struct Settings {
  std::string name;
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;
  std::vector<std::string> seeds;
  std::string profile = "kith";
  int loops = 1;
  int rate = 50;
  int keys = 100;
  int deadline_ms = 2000;
  int grace_ms = 500;
  int load_ms = 2;
  int ttl_ms = 4000;
  unsigned lifetime = 100;
};

double seconds_of(TimePoint time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

double ms_of(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Writes the lines. Thread-safe.
class Teller {
 public:
  void tell(json event) {
    event["t"] = seconds_of(Clock::now());
    const std::string line = event.dump() + "\n";
    const std::lock_guard lock(mutex_);
    std::cout << line << std::flush;
  }

 private:
  std::mutex mutex_;
};

/// What the process did not run of the recent past: stopped, or without a processor. Gets are
/// judged by the time that the process ran. Watched by a thread that does nothing else, so that
/// calls of kith that block do not pass for it. Thread-safe.
class Stalls {
 public:
  explicit Stalls(Teller& teller) : teller_(teller) {}

  /// Up to when stalls are known.
  TimePoint known() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  Clock::duration within(TimePoint from, TimePoint to) const {
    const std::lock_guard lock(mutex_);
    Clock::duration sum{};
    for (const auto& [began, ended] : recent_) {
      sum += std::max(Clock::duration::zero(), std::min(to, ended) - std::max(from, began));
    }
    return sum;
  }

 private:
  void watch(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(kTick);
      if (const auto stall = tick(Clock::now()); stall >= kStall) {
        teller_.tell({{"ev", "stall"}, {"ms", ms_of(stall)}});
      }
    }
  }
  Clock::duration tick(TimePoint now) {
    const std::lock_guard lock(mutex_);
    const TimePoint last = std::exchange(last_, now);
    if (now - last < kStall) return now - last;
    recent_.push_back({last, now});
    if (recent_.size() > kMostStalls) recent_.pop_front();
    return now - last;
  }

  Teller& teller_;
  mutable std::mutex mutex_;
  TimePoint last_ = Clock::now();                       // Guarded by mutex_.
  std::deque<std::pair<TimePoint, TimePoint>> recent_;  // Guarded by mutex_.
  std::jthread thread_{[this](const std::stop_token& stop) { watch(stop); }};
};

/// The gets: begun at a steady rate whether or not earlier ones have ended. All but `ended` belongs
/// to one thread.
class Load {
 public:
  Load(const Settings& settings, const kith::Cache& cache, Teller& teller)
      : settings_(settings), cache_(cache), teller_(teller), stalls_(teller) {}

  void tick(TimePoint now) {
    judge_ended(stalls_.known());
    judge_pending(stalls_.known());
    // What was not begun in time is not made up for.
    next_ = std::max(next_, now - kStall);
    const Clock::duration pause = Clock::duration(seconds(1)) / settings_.rate;
    for (; next_ <= now && begin_; next_ += pause) begin(next_key());
    if (now >= report_) {
      report();
      report_ = now + seconds(1);
    }
  }
  void begin_no_more() { begin_ = false; }
  /// Says what came after the last second.
  void finish() {
    judge_ended(TimePoint::max());
    report();
  }

 private:
  struct Get {
    std::string key;
    TimePoint began;
    bool overdue = false;
  };
  struct Ended {
    std::uint64_t id;
    TimePoint at;
    kith::Result<kith::Answer> result;
  };

  std::string next_key() {
    // Coprime to any sensible number of keys, so that each has its turn.
    at_ = (at_ + 7919) % static_cast<std::uint64_t>(settings_.keys);
    return "key" + std::to_string(at_);
  }

  void begin(const std::string& key) {
    if (pending_.size() >= kMostPending) return;
    const std::uint64_t id = ++last_id_;
    pending_[id] = {key, Clock::now()};
    ++second_.begun;
    cache_.get_async(
        key, [this, id](kith::Result<kith::Answer> result) { ended(id, std::move(result)); },
        {.timeout = milliseconds(settings_.deadline_ms)});
  }

  /// On a thread of the node, or within get_async.
  void ended(std::uint64_t id, kith::Result<kith::Answer> result) {
    const TimePoint now = Clock::now();
    const std::lock_guard lock(mutex_);
    ended_.push_back({id, now, std::move(result)});
  }

  /// Of those that ended before `until`.
  void judge_ended(TimePoint until) {
    std::vector<Ended> ended;
    {
      const std::lock_guard lock(mutex_);
      const auto later = std::stable_partition(ended_.begin(), ended_.end(),
                                               [&](const Ended& one) { return one.at < until; });
      ended.assign(std::move_iterator(ended_.begin()), std::move_iterator(later));
      ended_.erase(ended_.begin(), later);
    }
    for (const Ended& one : ended) {
      const auto found = pending_.find(one.id);
      if (found == pending_.end()) {
        ++second_.twice;
        continue;
      }
      judge(found->second, one);
      pending_.erase(found);
    }
  }

  void judge(Get& get, const Ended& end) {
    const Clock::duration took = ran_between(get.began, end.at);
    second_.longest = std::max(second_.longest, took);
    if (took > patience()) tell_overdue(get, took, "ended");
    if (!end.result) {
      ++second_.failed[std::string(to_string(end.result.error().code))];
      if (failures_told_++ < kMostDetails) {
        teller_.tell({{"ev", "failure"},
                      {"key", get.key},
                      {"owner", cache_.owner_of(get.key)},
                      {"began", seconds_of(get.began)},
                      {"ms", ms_of(took)},
                      {"error", std::string(to_string(end.result.error().code)) + ": " +
                                    end.result.error().message}});
      }
      return;
    }
    ++second_.ok;
    ++second_.sources[std::string(to_string(end.result->source))];
    if (!end.result->value || end.result->value->view() != get.key + "!") ++second_.wrong;
  }

  void judge_pending(TimePoint now) {
    for (auto& [id, get] : pending_) {
      const Clock::duration took = ran_between(get.began, now);
      if (took > patience()) tell_overdue(get, took, "waits");
    }
  }

  void tell_overdue(Get& get, Clock::duration took, const char* how) {
    if (std::exchange(get.overdue, true)) return;
    ++second_.overdue;
    if (overdue_told_++ >= kMostDetails) return;
    teller_.tell({{"ev", "overdue"},
                  {"key", get.key},
                  {"owner", cache_.owner_of(get.key)},
                  {"began", seconds_of(get.began)},
                  {"ms", ms_of(took)},
                  {"how", how}});
  }

  Clock::duration ran_between(TimePoint from, TimePoint to) const {
    return to - from - stalls_.within(from, to);
  }

  Clock::duration patience() const {
    return milliseconds(settings_.deadline_ms + settings_.grace_ms);
  }

  void report() {
    const kith::CacheStats stats = cache_.stats();
    json line = {{"ev", "second"},
                 {"begun", second_.begun},
                 {"ok", second_.ok},
                 {"failed", second_.failed},
                 {"sources", second_.sources},
                 {"wrong", second_.wrong},
                 {"twice", second_.twice},
                 {"longest_ms", ms_of(second_.longest)},
                 {"overdue", second_.overdue},
                 {"pending", pending_.size()},
                 {"stand_ins", stats.stand_ins - stand_ins_},
                 {"guest_loads", stats.loads_guest - guest_loads_},
                 {"loads", stats.loads - loads_}};
    stand_ins_ = stats.stand_ins;
    guest_loads_ = stats.loads_guest;
    loads_ = stats.loads;
    second_ = {};
    teller_.tell(std::move(line));
  }

  /// What is counted for one line.
  struct Second {
    std::uint64_t begun = 0;
    std::uint64_t ok = 0;
    std::map<std::string, std::uint64_t> failed;
    std::map<std::string, std::uint64_t> sources;
    std::uint64_t wrong = 0;
    std::uint64_t twice = 0;
    std::uint64_t overdue = 0;
    Clock::duration longest{};
  };

  const Settings& settings_;
  const kith::Cache cache_;
  Teller& teller_;
  Stalls stalls_;
  bool begin_ = true;
  std::uint64_t at_ = 0;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Get> pending_;
  TimePoint next_ = Clock::now();
  TimePoint report_ = Clock::now() + seconds(1);
  Second second_;
  int failures_told_ = 0;
  int overdue_told_ = 0;
  std::uint64_t stand_ins_ = 0;
  std::uint64_t guest_loads_ = 0;
  std::uint64_t loads_ = 0;

  std::mutex mutex_;
  std::vector<Ended> ended_;  // Guarded by mutex_.
};

/// Tells when the state of a link has changed: the node's own evidence, before members agree.
class Links {
 public:
  Links(const kith::Node& node, Teller& teller) : node_(node), teller_(teller) {}

  void look() {
    std::map<std::string, std::string> states;
    for (const kith::PeerStatus& status : node_.peers()) {
      if (status.state == kith::PeerStatus::State::self) continue;
      states[status.name] = to_string(status.state);
    }
    for (const auto& [name, state] : states) {
      const auto before = states_.find(name);
      if (before != states_.end() && before->second == state) continue;
      teller_.tell({{"ev", "link"}, {"name", name}, {"state", state}});
    }
    for (const auto& [name, state] : states_) {
      if (!states.contains(name)) {
        teller_.tell({{"ev", "link"}, {"name", name}, {"state", "none"}});
      }
    }
    states_ = std::move(states);
  }

 private:
  const kith::Node& node_;
  Teller& teller_;
  std::map<std::string, std::string> states_;
};

kith::GossipOptions::Profile profile_of(const std::string& name) {
  using Profile = kith::GossipOptions::Profile;
  if (name == "lan") return Profile::lan;
  if (name == "wan") return Profile::wan;
  if (name == "local") return Profile::local;
  return Profile::kith;
}

kith::NodeOptions node_options(const Settings& settings, Teller& teller) {
  kith::NodeOptions options;
  options.name = settings.name;
  options.listen = settings.bind + ":0";
  options.loops = settings.loops;
  // Namespaces of the test's own have no other programs in them.
  options.insecure = true;
  options.gossip.emplace();
  options.gossip->listen = settings.bind + ":" + std::to_string(settings.port);
  options.gossip->seeds = settings.seeds;
  options.gossip->profile = profile_of(settings.profile);
  options.on_member_event = [&teller](const kith::MemberEvent& event) {
    if (event.kind == kith::MemberEvent::Kind::view_changed) {
      teller.tell({{"ev", "view"}, {"cache", event.cache}, {"owners", event.owners}});
      return;
    }
    teller.tell({{"ev", to_string(event.kind)},
                 {"name", event.member.name},
                 {"phase", to_string(event.member.phase)},
                 {"gossip", event.member.gossip_address},
                 {"address", event.member.address}});
  };
  // Not into a file: a loop that waits for the disk is late for everything.
  options.log = [&teller](kith::LogLevel level, std::string_view line) {
    constexpr const char* kLevels[] = {"debug", "info", "warning", "error"};
    teller.tell({{"ev", "log"}, {"level", kLevels[static_cast<int>(level)]}, {"line", line}});
  };
  return options;
}

/// Sleeps for a tick. True: SIGTERM came.
bool told_to_end(const sigset_t& term) {
  const timespec tick{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kTick).count()};
  return sigtimedwait(&term, nullptr, &tick) == SIGTERM;
}

int fail(const kith::Error& error) {
  std::cerr << error << '\n';
  return 1;
}

int run(const Settings& settings) {
  // All threads inherit that it waits for the loop below.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  alarm(settings.lifetime + kLastWords);
  const TimePoint end = Clock::now() + seconds(settings.lifetime);

  Teller teller;
  auto node = kith::Node::start(node_options(settings, teller));
  if (!node) return fail(node.error());
  const auto load = [pause = milliseconds(settings.load_ms)](const kith::LoadRequest& request) {
    std::this_thread::sleep_for(pause);
    return kith::LoadResult(request.key + "!");
  };
  kith::CacheOptions cache_options;
  cache_options.default_ttl = milliseconds(settings.ttl_ms);
  const auto cache = node->open(kCache, cache_options, load);
  if (!cache) return fail(cache.error());
  teller.tell({{"ev", "up"},
               {"name", settings.name},
               {"pid", getpid()},
               {"address", node->address()},
               {"gossip", node->gossip_address()}});

  Load gets(settings, *cache, teller);
  Links links(*node, teller);
  while (Clock::now() < end && !told_to_end(term)) {
    gets.tick(Clock::now());
    links.look();
  }
  gets.begin_no_more();
  const TimePoint began = Clock::now();
  node->stop();
  gets.finish();
  teller.tell({{"ev", "stopped"}, {"ms", ms_of(Clock::now() - began)}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("A node of a kith cluster that asks for keys all the time.");
  app.add_option("--name", settings.name)->required();
  app.add_option("--bind", settings.bind, "address of gossip and peer link");
  app.add_option("--port", settings.port, "of gossip");
  app.add_option("--seed", settings.seeds, "host:port of others, separated by commas")
      ->delimiter(',');
  app.add_option("--profile", settings.profile)
      ->check(CLI::IsMember({"kith", "lan", "wan", "local"}));
  app.add_option("--loops", settings.loops);
  app.add_option("--rate", settings.rate, "gets a second")->check(CLI::Range(1, 100'000));
  app.add_option("--keys", settings.keys, "that are asked for")->check(CLI::Range(1, 1'000'000));
  app.add_option("--deadline-ms", settings.deadline_ms, "of each get");
  app.add_option("--grace-ms", settings.grace_ms, "a get that takes so much longer is overdue");
  app.add_option("--load-ms", settings.load_ms, "that the origin takes");
  app.add_option("--ttl-ms", settings.ttl_ms, "of each value");
  app.add_option("--lifetime", settings.lifetime, "seconds after which the process ends");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
