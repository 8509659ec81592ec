// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.h"

#include <cinttypes>
#include <cstdio>

#include "base/hash.h"

namespace kith::sim {

std::string_view to_string(Happening happening) {
  switch (happening) {
    case Happening::get:
      return "get";
    case Happening::hit:
      return "hit";
    case Happening::withdrawn:
      return "withdrawn";
    case Happening::ended:
      return "ended";
    case Happening::sent:
      return "sent";
    case Happening::no_link:
      return "no_link";
    case Happening::lost:
      return "lost";
    case Happening::held:
      return "held";
    case Happening::delivered:
      return "delivered";
    case Happening::load:
      return "load";
    case Happening::load_answered:
      return "load_answered";
    case Happening::load_cancelled:
      return "load_cancelled";
    case Happening::dialed:
      return "dialed";
    case Happening::link_up:
      return "link_up";
    case Happening::link_down:
      return "link_down";
    case Happening::caller_gone:
      return "caller_gone";
    case Happening::link_dropped:
      return "link_dropped";
    case Happening::view:
      return "view";
    case Happening::started:
      return "started";
    case Happening::killed:
      return "killed";
    case Happening::paused:
      return "paused";
    case Happening::resumed:
      return "resumed";
    case Happening::drained:
      return "drained";
    case Happening::stopped:
      return "stopped";
    case Happening::peer_reachable:
      return "peer_reachable";
    case Happening::peer_unreachable:
      return "peer_unreachable";
    case Happening::refresh:
      return "refresh";
    case Happening::note:
      return "note";
  }
  return "unknown";
}

void Trace::record(TimePoint at, std::size_t node, Happening happening, std::uint64_t a,
                   std::uint64_t b, std::string_view detail) {
  ++events_;
  const auto mix = [this](std::uint64_t word) {
    hash_ = mix64(hash_ ^ (word + 0x9e3779b97f4a7c15));
  };
  mix(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  mix(static_cast<std::uint64_t>(node) << 8 | static_cast<std::uint64_t>(happening));
  mix(a);
  mix(b);
  if (text_ == nullptr) return;
  char head[64];
  const double seconds = std::chrono::duration<double>(at.time_since_epoch()).count();
  if (node == kNobody) {
    std::snprintf(head, sizeof head, "%12.6f     - ", seconds);
  } else {
    std::snprintf(head, sizeof head, "%12.6f  n%02zu ", seconds, node);
  }
  char ids[64];
  std::snprintf(ids, sizeof ids, " %" PRIu64 " %" PRIu64, a, b);
  *text_ << head << to_string(happening) << ids;
  if (!detail.empty()) *text_ << "  " << detail;
  *text_ << '\n';
}

}  // namespace kith::sim
