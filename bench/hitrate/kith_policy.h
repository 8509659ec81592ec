// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bench/hitrate/budget.h"
#include "bench/hitrate/policies.h"
#include "bench/hitrate/policy.h"
#include "store/store.h"

namespace kith::bench::hitrate {

/// The real store.
///
/// Its budget pays for its metadata too, the simulators' capacity for objects only. To compare them
/// at equal contents it gets the budget with which it holds as many entries as the capacity allows:
/// of one size if the bound is in objects, of the trace's mean size if it is in bytes.
class KithPolicy final : public Policy {
 public:
  explicit KithPolicy(const CacheSpec& spec);

  std::string_view name() const override { return kKithName; }
  bool access(std::uint64_t key, std::uint32_t size) override;
  /// Entries, or bytes of values. Looks every object of the trace up.
  std::uint64_t used() const override;

 private:
  const CacheSpec spec_;
  const Budget budget_;
  store::Store store_;
};

}  // namespace kith::bench::hitrate
