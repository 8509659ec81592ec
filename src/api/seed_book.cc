// SPDX-License-Identifier: Apache-2.0
#include "api/seed_book.h"

#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "edge/driver/gossip_messages.h"
#include "edge/driver/quiet_thread.h"
#include "edge/gossip/socket_address.h"

namespace kith::api {

namespace {

/// How often names are resolved anew.
constexpr auto kResolvePeriod = std::chrono::seconds(30);

/// Into `addresses`. Returns what went wrong; empty: nothing.
std::string resolve(const Seed& seed, std::set<membership::Address>& addresses) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(seed.host.c_str(), nullptr, &hints, &found);
  if (error != 0) return "cannot resolve seed " + seed.to_string() + ": " + gai_strerror(error);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    edge::gossip::SocketAddress address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    edge::gossip::Endpoint endpoint = edge::gossip::from_socket(address);
    endpoint.port = seed.port;
    addresses.insert(edge::from_wire(endpoint));
  }
  ::freeaddrinfo(found);
  return {};
}

}  // namespace

struct SeedBook::State {
  explicit State(std::size_t sources) : of_source(sources) {}

  static void run(const std::shared_ptr<State>& state);

  Mutex mutex;
  CondVar changed;
  /// Held while the sink is called. After mutex.
  Mutex calling;
  std::vector<std::vector<Seed>> of_source ABSL_GUARDED_BY(mutex);
  bool news ABSL_GUARDED_BY(mutex) = false;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  Sink sink ABSL_GUARDED_BY(calling);
  Say say ABSL_GUARDED_BY(calling);
};

void SeedBook::State::run(const std::shared_ptr<State>& state) {
  std::set<membership::Address> told;
  std::set<std::string> problems;
  for (;;) {
    std::set<Seed> seeds;
    {
      MutexLock lock(&state->mutex);
      const auto next = std::chrono::steady_clock::now() + kResolvePeriod;
      while (!state->news && !state->stopping) {
        if (!state->changed.wait_until(&state->mutex, next)) break;
      }
      if (state->stopping) return;
      state->news = false;
      for (const auto& list : state->of_source) seeds.insert(list.begin(), list.end());
    }
    std::set<membership::Address> addresses;
    std::set<std::string> present;
    for (const Seed& seed : seeds) {
      if (std::string problem = resolve(seed, addresses); !problem.empty()) {
        present.insert(std::move(problem));
      }
    }
    MutexLock calling(&state->calling);
    if (!state->sink) return;
    for (const std::string& problem : present) {
      if (!problems.contains(problem)) state->say(LogLevel::warning, problem);
    }
    problems = std::move(present);
    // What could be resolved before is better than nothing.
    if (addresses == told || (addresses.empty() && !problems.empty())) continue;
    told = addresses;
    state->sink({addresses.begin(), addresses.end()});
  }
}

SeedBook::SeedBook(std::vector<std::shared_ptr<Discovery>> sources)
    : sources_(std::move(sources)), state_(std::make_shared<State>(sources_.size())) {}

Result<void> SeedBook::start(Sink sink, Say say) {
  {
    MutexLock calling(&state_->calling);
    state_->sink = std::move(sink);
    state_->say = std::move(say);
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto tell = [state = state_, name = sources_[i]->name()](LogLevel level,
                                                                   std::string_view what) {
      MutexLock calling(&state->calling);
      // Sources of kith's own name themselves.
      const std::string prefix = what.starts_with(name) ? "" : name + ": ";
      if (state->say) state->say(level, prefix + std::string(what));
    };
    Discovery::Listener listener;
    listener.on_seeds = [state = state_, i](const std::vector<Seed>& seeds) {
      MutexLock lock(&state->mutex);
      state->of_source[i] = seeds;
      state->news = true;
      state->changed.notify_all();
    };
    listener.on_trouble = [tell](std::string_view what) { tell(LogLevel::warning, what); };
    listener.on_recovery = [tell] { tell(LogLevel::info, "works again"); };
    if (auto started = sources_[i]->start(std::move(listener)); !started) return started;
  }
  if (sources_.empty()) return {};
  try {
    edge::quiet_thread("kith-seeds", [state = state_] { State::run(state); }).detach();
  } catch (const std::system_error& error) {
    return fail(ErrorCode::resource_exhausted,
                std::string("no thread for the seeds: ") + error.what());
  }
  return {};
}

void SeedBook::stop() {
  {
    MutexLock lock(&state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  for (const auto& source : sources_) source->stop();
  MutexLock calling(&state_->calling);
  state_->sink = nullptr;
  state_->say = nullptr;
}

}  // namespace kith::api
