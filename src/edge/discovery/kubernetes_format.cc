// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/kubernetes_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "edge/discovery/json_text.h"

namespace kith::edge::discovery {

namespace {

using nlohmann::json;

constexpr std::uint64_t kGone = 410;
/// A version is opaque, but goes into a URL.
constexpr std::size_t kMaxVersionBytes = 256;
/// So does the token of the next page, which holds a key of etcd in base64.
constexpr std::size_t kMaxPageTokenBytes = 4096;
constexpr std::size_t kMaxObjectNameBytes = 253;

/// The port of a slice's seeds, or empty with a complaint.
std::optional<std::uint64_t> choose_port(const json& slice, const PortChoice& choice,
                                         Found& found) {
  if (choice.number != 0) return choice.number;
  std::optional<std::uint64_t> port;
  const json* const ports = list(&slice, "ports");
  for (const json& entry : ports != nullptr ? *ports : json::array()) {
    if (!choice.name.empty() && text(&entry, "name") != choice.name) continue;
    const auto number = discovery::number(&entry, "port");
    if (!number) continue;
    if (port && *port != *number) {
      found.complain("the service has several ports: say which one, by name");
      return {};
    }
    port = number;
  }
  if (!port) {
    found.complain(choice.name.empty() ? "the service has no port"
                                       : "the service has no port named " + choice.name);
  }
  return port;
}

/// Not ready counts, but not on its way out and already deaf.
bool may_answer(const json& endpoint) {
  const json* const conditions = member(&endpoint, "conditions");
  return !is_true(conditions, "terminating") || is_true(conditions, "serving");
}

Result<EndpointSlice> parse_slice(const json& slice, const PortChoice& choice) {
  const std::string_view name = text(member(&slice, "metadata"), "name");
  if (name.empty() || name.size() > kMaxObjectNameBytes) return malformed("a slice without a name");
  EndpointSlice parsed{.name = std::string(name), .found = {}};
  const json* const endpoints = list(&slice, "endpoints");
  if (endpoints == nullptr || endpoints->empty()) return parsed;
  const auto port = choose_port(slice, choice, parsed.found);
  if (!port) return parsed;
  for (const json& endpoint : *endpoints) {
    const json* const addresses = list(&endpoint, "addresses");
    if (addresses == nullptr || !may_answer(endpoint)) continue;
    for (const json& address : *addresses) {
      auto seed = make_seed(
          address.is_string() ? std::string_view(address.get_ref<const std::string&>()) : "",
          *port);
      if (seed) {
        parsed.found.seeds.push_back(*std::move(seed));
      } else {
        parsed.found.complain("slice " + parsed.name + ": " + seed.error().message);
      }
    }
  }
  return parsed;
}

/// Empty when there is none.
std::string version_of(const json* object) {
  const std::string_view version = text(member(object, "metadata"), "resourceVersion");
  return version.size() <= kMaxVersionBytes ? std::string(version) : std::string();
}

SliceEvent parse_failure(const json* status) {
  const std::string_view reason = text(status, "reason");
  if (number(status, "code") == kGone || reason == "Expired" || reason == "Gone") {
    return {.kind = SliceEvent::Kind::gone};
  }
  return {.kind = SliceEvent::Kind::failed,
          .message = "the watch ends: " + std::string(text(status, "message"))};
}

}  // namespace

Result<SliceList> parse_slice_list(std::string_view bytes, const PortChoice& port) {
  auto parsed = parse_json(bytes);
  if (!parsed) return tl::unexpected<Error>(std::move(parsed).error());
  if (text(&*parsed, "kind") != "EndpointSliceList") return malformed("no list of EndpointSlices");
  SliceList page{.slices = {}, .version = version_of(&*parsed), .next_page = {}};
  if (page.version.empty()) return malformed("a list without a resourceVersion");
  page.next_page = text(member(&*parsed, "metadata"), "continue");
  if (page.next_page.size() > kMaxPageTokenBytes) return malformed("too long a token of a page");
  const json* const items = list(&*parsed, "items");
  // Null stands for an empty list.
  if (items == nullptr && member(&*parsed, "items") != nullptr)
    return malformed("the list's items");
  for (const json& item : items != nullptr ? *items : json::array()) {
    auto slice = parse_slice(item, port);
    if (!slice) return tl::unexpected<Error>(std::move(slice).error());
    page.slices.push_back(*std::move(slice));
  }
  return page;
}

Result<SliceEvent> parse_slice_event(std::string_view bytes, const PortChoice& port) {
  auto parsed = parse_json(bytes);
  if (!parsed) return tl::unexpected<Error>(std::move(parsed).error());
  const std::string_view type = text(&*parsed, "type");
  const json* const object = member(&*parsed, "object");
  if (type == "ERROR") return parse_failure(object);
  if (object == nullptr) return malformed("an event without an object");

  SliceEvent event{.version = version_of(object)};
  if (event.version.empty()) return malformed("an event without a resourceVersion");
  if (type == "BOOKMARK") {
    event.kind = SliceEvent::Kind::bookmark;
    return event;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") {
    return malformed("an event of another type than is known");
  }
  auto slice = parse_slice(*object, port);
  if (!slice) return tl::unexpected<Error>(std::move(slice).error());
  event.kind = type == "DELETED" ? SliceEvent::Kind::deleted : SliceEvent::Kind::changed;
  event.slice = *std::move(slice);
  return event;
}

}  // namespace kith::edge::discovery
