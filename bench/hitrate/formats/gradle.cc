// SPDX-License-Identifier: Apache-2.0
//
// The trace of Gradle's build cache in Caffeine's simulator: a line is an id of 128 bits in
// hexadecimal, of which the two halves, one xor the other, are the key.
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {
namespace {

constexpr std::size_t kHalfDigits = 16;

std::optional<std::uint64_t> key_of_id(std::string_view id) {
  if (id.empty() || id.size() > 2 * kHalfDigits) return std::nullopt;
  const std::size_t low_digits = std::min(id.size(), kHalfDigits);
  const auto low = number_of<std::uint64_t>(id.substr(id.size() - low_digits), 16);
  const std::string_view high_digits = id.substr(0, id.size() - low_digits);
  const auto high = number_of<std::uint64_t>(high_digits.empty() ? "0" : high_digits, 16);
  if (!low || !high) return std::nullopt;
  return *high ^ *low;
}

}  // namespace

Result<void> read_gradle(ByteSource& source, Trace& trace) {
  LineReader lines(source);
  for (;;) {
    const auto next = lines.next();
    if (!next) return tl::unexpected<Error>(next.error());
    if (!*next) return {};
    std::string_view line = **next;
    const std::string_view word = take_word(line);
    if (word.empty()) continue;
    const auto key = key_of_id(word);
    if (!key) return lines.here(quoted(word) + " is not a hexadecimal id of up to 128 bits");
    if (!trace.add(*key)) return lines.full();
  }
}

}  // namespace kith::bench::hitrate
