// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// Three others that are there, to join.
std::vector<HostIndex> some_seeds(Pool& pool, HostIndex but) {
  std::vector<HostIndex> seeds;
  while (seeds.size() < 3) {
    const HostIndex host = pool.rng().below(pool.size());
    if (host != but && pool.up(host)) seeds.push_back(host);
  }
  return seeds;
}

struct Watch {
  explicit Watch(Pool& pool)
      : pool_(pool),
        wrongly([&pool](HostIndex host) { return pool.up(host); },
                [this](HostIndex, HostIndex subject) { return touched.contains(subject); }),
        view([&pool] { return pool.beliefs().wrong(); }) {
    pool.watch(raises);
    pool.watch(wrongly);
  }
  /// After something was done at `start` that took `waited`: how long until all agree.
  void finish(Outcome& outcome, TimePoint start) {
    const bool agreed = pool_.run_until([&] { return pool_.beliefs().agree(); }, 120s);
    outcome.number("agreed_s", agreed ? seconds(pool_.now() - start) : kNever);
    // What is left of old news must not undo it.
    pool_.run_for(40s);
    view.demand(pool_.now());
    outcome.number("conflicts", static_cast<double>(pool_.conflicts()));
    outcome.promised(view);
    outcome.promised(wrongly);
    outcome.always(raises);
    outcome.finish(pool_);
  }

  Pool& pool_;
  /// Whose old life may be declared dead when the new one has begun.
  std::set<HostIndex> touched;
  OnlyTheSubjectRaises raises;
  NobodyDiesWrongly wrongly;
  OneView view;
};

}  // namespace

Outcome new_address(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Watch watch(pool);
  pool.run_for(some(pool, 3s, 5s));
  const HostIndex host = pool.rng().below(setting.nodes);
  watch.touched.insert(host);
  pool.kill(host);
  pool.run_for(100ms);
  const TimePoint start = pool.now();
  pool.start_at(host, spare_address(host), some_seeds(pool, host));
  watch.finish(outcome, start);
  return outcome;
}

Outcome swapped_addresses(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Watch watch(pool);
  pool.run_for(some(pool, 3s, 5s));
  const HostIndex a = pool.rng().below(setting.nodes);
  const HostIndex b = (a + 1) % setting.nodes;
  watch.touched = {a, b};
  pool.kill(a);
  pool.kill(b);
  pool.run_for(100ms);
  const auto of_a = pool.address(a);
  const auto of_b = pool.address(b);
  const auto seeds = some_seeds(pool, a);
  const TimePoint start = pool.now();
  pool.start_at(a, of_b, seeds);
  pool.start_at(b, of_a, seeds);
  watch.finish(outcome, start);
  return outcome;
}

Outcome renamed_fifth(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Watch watch(pool);
  pool.run_for(some(pool, 3s, 5s));
  const std::size_t count = setting.nodes / 5;
  for (HostIndex host = 0; host < count; ++host) pool.kill(host);
  pool.run_for(100ms);
  const TimePoint start = pool.now();
  std::vector<HostIndex> renamed;
  for (HostIndex host = 0; host < count; ++host) {
    renamed.push_back(pool.add());
    pool.start_at(renamed.back(), pool.address(host), some_seeds(pool, renamed.back()));
  }
  const auto known = [&] {
    return std::ranges::all_of(renamed, [&](HostIndex host) {
      return pool.beliefs().believers(host) + 1 == pool.beliefs().present();
    });
  };
  outcome.number("new_names_known_s", seconds_until(pool, known, 120s));
  watch.finish(outcome, start);
  return outcome;
}

Outcome rolling_restart(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Watch watch(pool);
  pool.run_for(some(pool, 3s, 5s));
  double worst = 0;
  for (HostIndex host = 0; host < setting.nodes; ++host) {
    watch.touched.insert(host);
    pool.after(8s, [&watch, host] { watch.touched.erase(host); });
    pool.kill(host);
    pool.run_for(some(pool, 200ms, 3s));
    // In place, elsewhere, or where another was before.
    const std::size_t where = pool.rng().below(3);
    const auto address = where == 0   ? pool.address(host)
                         : where == 1 ? spare_address(1000 + host)
                                      : spare_address(1000 + (host == 0 ? 0 : host - 1));
    const bool taken = host > 0 && pool.address(host - 1) == address;
    pool.start_at(host, taken ? spare_address(2000 + host) : address, some_seeds(pool, host));
    worst = std::max(worst, seconds_until(
                                pool, [&] { return pool.beliefs().agree(); }, 10s));
  }
  outcome.number("worst_agreed_s", worst);
  watch.finish(outcome, pool.now());
  return outcome;
}

}  // namespace kith::sim::pool
