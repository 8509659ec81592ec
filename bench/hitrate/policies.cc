// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/policies.h"

#include <algorithm>
#include <array>

#include "bench/hitrate/kith_policy.h"
#include "bench/hitrate/policies/arc.h"
#include "bench/hitrate/policies/lirs.h"
#include "bench/hitrate/policies/lru.h"
#include "bench/hitrate/policies/min.h"
#include "bench/hitrate/policies/s3_fifo.h"
#include "bench/hitrate/policies/sieve.h"
#include "bench/hitrate/policies/tiny_lfu.h"

namespace kith::bench::hitrate {
namespace {

template <class P>
std::unique_ptr<Policy> make(const CacheSpec& spec) {
  return std::make_unique<P>(spec);
}

template <TinyLfu::Window kWindow>
std::unique_ptr<Policy> make_tiny_lfu(const CacheSpec& spec) {
  return std::make_unique<TinyLfu>(spec, kWindow);
}

// To compare one more policy, add a line.
constexpr std::array<PolicyKind, 9> kKinds{{
    {kKithName, &make<KithPolicy>},
    {"LRU", &make<Lru>},
    {"ARC", &make<Arc>},
    {"LIRS", &make<Lirs>},
    {"S3-FIFO", &make<S3Fifo>},
    {"SIEVE", &make<Sieve>},
    {"W-TinyLFU", &make_tiny_lfu<TinyLfu::Window::climbing>},
    {"W-TinyLFU-1%", &make_tiny_lfu<TinyLfu::Window::fixed>, false},
    {kMinName, &make<Min>},
}};

}  // namespace

std::span<const PolicyKind> policy_kinds() { return kKinds; }

const PolicyKind* policy_named(std::string_view name) {
  const auto* const found = std::ranges::find(kKinds, name, &PolicyKind::name);
  return found == kKinds.end() ? nullptr : found;
}

std::string policy_names() {
  std::string names;
  for (const PolicyKind& kind : kKinds) {
    if (!names.empty()) names += ", ";
    names += kind.name;
  }
  return names;
}

}  // namespace kith::bench::hitrate
