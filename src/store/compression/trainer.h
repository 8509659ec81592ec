// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "store/compression/training_plan.h"

namespace kith::store {

/// A dictionary of at most `dictionary_bytes`, trained from most of the samples and tried at
/// `level` on the others, which are the latest. Empty: there are too few samples, they have nothing
/// in common, or the dictionary makes them less than a twentieth smaller than zstd alone does.
/// Takes a tenth of a second for each MiB of samples and, beside them, some 10 MiB. Deterministic.
std::vector<std::byte> train_dictionary(const Samples& samples, std::size_t dictionary_bytes,
                                        int level);

}  // namespace kith::store
