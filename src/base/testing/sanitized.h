// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// For tests that do less where a sanitizer makes all slow.
namespace kith {

/// Whether a sanitizer takes time and memory of its own.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized =
    __has_feature(thread_sanitizer) || __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

/// How many seeds to try: with a sanitizer only one, since what it looks for is in the code that
/// all of them run.
constexpr std::uint64_t seeds_to_try(std::uint64_t count) { return kSanitized ? 1 : count; }

}  // namespace kith
