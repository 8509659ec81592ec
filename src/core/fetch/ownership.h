// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/tenure.h"
#include "core/placement/view.h"

namespace kith::fetch {

/// Who owns the keys of one cache. Owned by core::Node, which outlives the miss path.
struct Ownership {
  /// The present view, which this node need not be in. Never null.
  std::shared_ptr<const placement::View> view;
  /// Since when this node owns which slot. Changed by the driver with the view.
  const Tenure& tenure;
};

}  // namespace kith::fetch
