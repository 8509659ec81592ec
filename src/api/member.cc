// SPDX-License-Identifier: Apache-2.0
#include <kith/membership.h>

namespace kith {

std::string_view to_string(Member::Health health) {
  switch (health) {
    case Member::Health::ok:
      return "ok";
    case Member::Health::suspected:
      return "suspected";
    case Member::Health::unreachable:
      return "unreachable";
    case Member::Health::failed:
      return "failed";
    case Member::Health::left:
      return "left";
  }
  return "unknown";
}

std::string_view to_string(Member::Phase phase) {
  switch (phase) {
    case Member::Phase::starting:
      return "starting";
    case Member::Phase::ready:
      return "ready";
    case Member::Phase::draining:
      return "draining";
    case Member::Phase::foreign:
      return "foreign";
  }
  return "unknown";
}

std::string_view to_string(MemberEvent::Kind kind) {
  switch (kind) {
    case MemberEvent::Kind::joined:
      return "joined";
    case MemberEvent::Kind::updated:
      return "updated";
    case MemberEvent::Kind::suspected:
      return "suspected";
    case MemberEvent::Kind::cleared:
      return "cleared";
    case MemberEvent::Kind::unreachable:
      return "unreachable";
    case MemberEvent::Kind::reachable:
      return "reachable";
    case MemberEvent::Kind::failed:
      return "failed";
    case MemberEvent::Kind::left:
      return "left";
    case MemberEvent::Kind::view_changed:
      return "view_changed";
  }
  return "unknown";
}

}  // namespace kith
