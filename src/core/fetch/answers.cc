// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/answers.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace kith::fetch {

namespace {

/// Whole milliseconds left, rounded down, so that the copy never outlives the original.
std::uint32_t ttl_ms(const Entry& entry, TimePoint now) {
  if (entry.expires == TimePoint::max()) return wire::peer::kNoTtl;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(entry.expires - now);
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(left.count(), 0, wire::peer::kNoTtl - 1));
}

Origin origin_of(const Found& found) {
  if (found.loaded) return Origin::origin;
  return found.entry.holding == Holding::owned ? Origin::local : Origin::mirror;
}

}  // namespace

Answer answer_of(const Found& found) {
  Answer answer;
  if (!found.entry.negative) answer.value = found.entry.value;
  answer.origin = origin_of(found);
  answer.stale = found.stale;
  answer.version = found.entry.version;
  return answer;
}

Send value_reply(NodeId to, wire::peer::RequestId request, ViewId view, std::uint8_t load_hint,
                 const Found& found, Value value, TimePoint now) {
  wire::peer::ValueReply reply;
  reply.request = request;
  reply.view = short_id(view);
  reply.load_hint = load_hint;
  reply.negative = found.entry.negative;
  reply.stale = found.stale;
  reply.guest = found.guest;
  reply.loaded = found.loaded;
  reply.version = found.entry.version;
  reply.ttl_ms = ttl_ms(found.entry, now);
  reply.value = std::move(value);
  return Send{to, std::move(reply)};
}

Send failure_reply(NodeId to, wire::peer::RequestId request, const Error& error) {
  Send send{to, {}, Value::copy_of(error.message)};
  send.message =
      wire::peer::Failure{request, error.code, error.state_changed, send.keep_alive.view()};
  return send;
}

}  // namespace kith::fetch
