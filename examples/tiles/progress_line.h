// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace tiles {

/// A line about how things go, on standard output, at most one a second: rewritten in place on a
/// terminal, one below the other elsewhere.
class ProgressLine {
 public:
  ProgressLine();

  /// Whether a second has passed since the last line.
  bool due() const;
  void show(const std::string& text);
  /// Shows a last line, due or not, and leaves it standing.
  void finish(const std::string& text);

 private:
  bool terminal_;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace tiles
