// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace kith::sim {

/// What happened, in a trace.
enum class Happening : std::uint8_t {
  get,
  hit,
  withdrawn,
  ended,
  sent,
  no_link,
  lost,
  held,
  delivered,
  load,
  load_answered,
  load_cancelled,
  dialed,
  link_up,
  link_down,
  caller_gone,
  link_dropped,
  view,
  started,
  killed,
  paused,
  resumed,
  drained,
  stopped,
  peer_reachable,
  peer_unreachable,
  refresh,
  note,
};

std::string_view to_string(Happening happening);

/// The story of one simulation: a running hash over everything that happened, so that two runs can
/// be compared by one number, and on request a line of text for each. One thread only.
class Trace {
 public:
  /// `text` may be null: the hash alone is kept. It must outlive the trace.
  explicit Trace(std::ostream* text) : text_(text) {}

  /// `a` and `b` are ids of whatever the happening is about; `detail` is for the reader and is not
  /// part of the hash.
  void record(TimePoint at, std::size_t node, Happening happening, std::uint64_t a = 0,
              std::uint64_t b = 0, std::string_view detail = {});

  /// Whether details are read by anybody.
  bool readable() const { return text_ != nullptr; }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return events_; }

  /// Stands for "no node in particular".
  static constexpr std::size_t kNobody = ~std::size_t{0};

 private:
  std::ostream* text_;
  std::uint64_t hash_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace kith::sim
