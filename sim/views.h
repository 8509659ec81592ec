// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/placement/view.h"

namespace kith::sim {

/// Views by their members. Building one costs more than a whole small simulation, and the same few
/// occur in many, so they are kept. As a view is a pure function of its members, keeping them
/// cannot change any outcome. Thread-safe.
class Views {
 public:
  std::shared_ptr<const placement::View> of(std::vector<placement::Member> members);

 private:
  /// About 400 KB each.
  static constexpr std::size_t kMost = 256;
  using Signature = std::vector<std::pair<std::string, std::uint32_t>>;

  std::mutex mutex_;
  std::map<Signature, std::shared_ptr<const placement::View>> views_;
};

}  // namespace kith::sim
