// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/etcd_format.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "edge/discovery/json_text.h"

namespace kith::edge::discovery {

namespace {

using nlohmann::json;

/// What ends every key that begins with `prefix`: the prefix, its last byte one higher.
std::string end_of(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  // etcd's word for "to the last key".
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

/// The user's bytes may be no UTF-8.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

/// A member in base64; none is as good as an empty one.
Result<std::string> bytes_of(const json* object, const char* name) {
  const std::string_view encoded = text(object, name);
  std::string bytes;
  if (absl::Base64Unescape(absl::string_view(encoded.data(), encoded.size()), &bytes)) return bytes;
  return malformed(std::string(name) + " is not base64");
}

/// An answer, unless it is etcd's way to tell of an error.
Result<json> parse_answer(std::string_view bytes) {
  auto parsed = parse_json(bytes);
  if (!parsed) return parsed;
  // Of single answers, {"error": "why", "code": 1}; of streams, {"error": {"message": "why"}}.
  if (const json* const error = member(&*parsed, "error"); error != nullptr) {
    const std::string_view why =
        error->is_string() ? text(&*parsed, "error") : text(error, "message");
    return fail(ErrorCode::unavailable, "etcd says: " + std::string(why));
  }
  return parsed;
}

/// The same of a stream's line: what is in its "result".
Result<json> parse_result(std::string_view line) {
  auto parsed = parse_answer(line);
  if (!parsed) return parsed;
  const json* const result = member(&*parsed, "result");
  if (result == nullptr) return malformed("a line without a result");
  return json(*result);
}

}  // namespace

std::string etcd_range_request(std::string_view prefix, std::size_t limit) {
  return dump({{"key", base64(prefix)},
               {"range_end", base64(end_of(std::string(prefix)))},
               {"limit", std::to_string(limit)}});
}

std::string etcd_watch_request(std::string_view prefix, std::uint64_t first_revision) {
  return dump({{"create_request",
                {{"key", base64(prefix)},
                 {"range_end", base64(end_of(std::string(prefix)))},
                 {"start_revision", std::to_string(first_revision)},
                 {"progress_notify", true}}}});
}

std::string etcd_put_request(std::string_view key, std::string_view value, std::uint64_t lease) {
  return dump({{"key", base64(key)}, {"value", base64(value)}, {"lease", std::to_string(lease)}});
}

std::string etcd_grant_request(std::uint64_t seconds) {
  return dump({{"TTL", std::to_string(seconds)}});
}

std::string etcd_lease_request(std::uint64_t lease) {
  return dump({{"ID", std::to_string(lease)}});
}

std::string etcd_login_request(std::string_view user, std::string_view password) {
  return dump({{"name", user}, {"password", password}});
}

Result<EtcdRange> parse_etcd_range(std::string_view bytes) {
  auto parsed = parse_answer(bytes);
  if (!parsed) return tl::unexpected<Error>(std::move(parsed).error());
  const json* const header = member(&*parsed, "header");
  EtcdRange range{.entries = {},
                  .cluster = std::string(text(header, "cluster_id")),
                  .revision = number(header, "revision").value_or(0),
                  .more = is_true(&*parsed, "more")};
  if (range.revision == 0) return malformed("a range without a revision");
  const json* const entries = list(&*parsed, "kvs");
  for (const json& entry : entries != nullptr ? *entries : json::array()) {
    auto key = bytes_of(&entry, "key");
    auto value = bytes_of(&entry, "value");
    if (!key) return tl::unexpected<Error>(std::move(key).error());
    if (!value) return tl::unexpected<Error>(std::move(value).error());
    range.entries.push_back({*std::move(key), *std::move(value)});
  }
  return range;
}

Result<EtcdWatchAnswer> parse_etcd_watch(std::string_view line) {
  auto result = parse_result(line);
  if (!result) return tl::unexpected<Error>(std::move(result).error());
  EtcdWatchAnswer answer;
  answer.compacted = number(&*result, "compact_revision").value_or(0) > 0;
  if (is_true(&*result, "canceled") && !answer.compacted) {
    return fail(ErrorCode::unavailable,
                "etcd ends the watch: " + std::string(text(&*result, "cancel_reason")));
  }
  const json* const header = member(&*result, "header");
  answer.cluster = text(header, "cluster_id");
  answer.created = is_true(&*result, "created");
  answer.revision = number(header, "revision").value_or(0);
  const json* const events = list(&*result, "events");
  for (const json& event : events != nullptr ? *events : json::array()) {
    const json* const entry = member(&event, "kv");
    auto key = bytes_of(entry, "key");
    if (!key || key->empty()) return malformed("an event without a key");
    EtcdChange change{.key = *std::move(key), .value = {}};
    // PUT is the type that is not written.
    if (text(&event, "type") != "DELETE") {
      auto value = bytes_of(entry, "value");
      if (!value) return tl::unexpected<Error>(std::move(value).error());
      change.value = *std::move(value);
    }
    answer.changes.push_back(std::move(change));
  }
  return answer;
}

Result<std::uint64_t> parse_etcd_grant(std::string_view bytes) {
  const auto parsed = parse_answer(bytes);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  const auto lease = number(&*parsed, "ID");
  if (!lease || *lease == 0) return malformed("a lease without a number");
  return *lease;
}

Result<bool> parse_etcd_keepalive(std::string_view line) {
  const auto result = parse_result(line);
  if (!result) return tl::unexpected<Error>(result.error());
  // Zero is not written.
  return number(&*result, "TTL").value_or(0) > 0;
}

Result<std::string> parse_etcd_login(std::string_view bytes) {
  const auto parsed = parse_answer(bytes);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  std::string token(text(&*parsed, "token"));
  if (token.empty()) return malformed("a login without a token");
  // It becomes a header.
  for (const char c : token) {
    if (c <= 0x20 || c == 0x7f) return malformed("the token of a login");
  }
  return token;
}

Result<Seed> parse_etcd_seed(std::string_view value) {
  if (!value.starts_with('{')) return parse_seed(value);
  const auto parsed = parse_json(value);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  return parse_seed(text(&*parsed, "Addr"));
}

}  // namespace kith::edge::discovery
