// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "bench/hitrate/byte_source.h"

namespace kith::bench::hitrate {

/// A source's lines, without their `\n` or `\r\n`.
class LineReader {
 public:
  /// Longer lines are an error: the file is not text.
  static constexpr std::size_t kMaxLineBytes = 1u << 16;

  explicit LineReader(ByteSource& source) : source_(source) {}

  /// The next line, valid until the next call. Empty at the end of the source.
  Result<std::optional<std::string_view>> next() {
    line_.clear();
    ++number_;
    for (;;) {
      const std::size_t end = rest_.find('\n');
      line_ += rest_.substr(0, end);
      if (line_.size() > kMaxLineBytes) return here("too long for a line; is it a text file?");
      if (end != std::string_view::npos) {
        rest_.remove_prefix(end + 1);
        return whole_line();
      }
      auto chunk = source_.next();
      if (!chunk) return tl::unexpected<Error>(std::move(chunk).error());
      rest_ = *chunk;
      if (!rest_.empty()) continue;
      if (line_.empty()) return std::optional<std::string_view>();
      return whole_line();
    }
  }

  /// An error at the present line.
  tl::unexpected<Error> here(const std::string& what) const {
    return malformed(source_, "line " + std::to_string(number_), what);
  }
  tl::unexpected<Error> full() const { return here("more requests than a trace can have"); }

 private:
  std::optional<std::string_view> whole_line() {
    if (line_.ends_with('\r')) line_.pop_back();
    return std::string_view(line_);
  }

  ByteSource& source_;
  /// Of the present chunk, what no line has had yet.
  std::string_view rest_;
  std::string line_;
  std::uint64_t number_ = 0;
};

/// Takes the next word off the front of `line`; empty: there is none. Words end at blanks, tabs and
/// commas.
inline std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBetween = " \t,";
  const std::size_t begin = line.find_first_not_of(kBetween);
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find_first_of(kBetween));
  line.remove_prefix(word.size());
  return word;
}

/// The whole number that all of `word` is, or nothing.
template <std::integral T>
std::optional<T> number_of(std::string_view word, int base = 10) {
  T number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

/// A word in an error message: not too long, and nothing that upsets a terminal.
inline std::string quoted(std::string_view word) {
  constexpr std::size_t kMaxShown = 40;
  std::string shown;
  for (const char c : word.substr(0, kMaxShown)) shown += c < ' ' || c > '~' ? '?' : c;
  return "'" + shown + (word.size() > kMaxShown ? "...'" : "'");
}

}  // namespace kith::bench::hitrate
