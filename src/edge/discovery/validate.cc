// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/validate.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "edge/discovery/report.h"
#include "edge/net/in_words.h"

namespace kith::edge::discovery {

namespace {

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxTextBytes = 1024;

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && std::ranges::all_of(label, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

bool is_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kMaxNameBytes) return false;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    if (!is_label(name.substr(0, dot))) return false;
    name.remove_prefix(dot + 1);
  }
  return is_label(name);
}

}  // namespace

tl::unexpected<Error> bad(std::string_view field, std::string_view value,
                          std::string_view allowed) {
  return fail(ErrorCode::invalid_argument, std::string(field) + " is " + printable(value) +
                                               "; it must be " + std::string(allowed));
}

Result<void> validate_between(std::string_view field, Duration value, Duration least,
                              Duration most) {
  if (value >= least && value <= most) return {};
  return bad(field, in_words(value), in_words(least) + " to " + in_words(most));
}

Result<void> validate_timeout(Duration value) {
  return validate_between("timeout", value, std::chrono::milliseconds(100),
                          std::chrono::minutes(1));
}

Result<void> validate_name(std::string_view field, std::string_view value) {
  if (is_name(value)) return {};
  return bad(field, '"' + std::string(value) + '"', "a name of letters, digits, '-', '_' and '.'");
}

Result<void> validate_url(std::string_view field, std::string_view value) {
  // Perhaps with a password, which belongs in no message.
  if (value.find('@') != std::string_view::npos) {
    return fail(ErrorCode::invalid_argument, std::string(field) + " has a user in it");
  }
  std::string_view rest = value;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.starts_with(scheme)) {
      rest.remove_prefix(scheme.size());
      if (parse_seed(rest)) return {};
    }
  }
  return bad(field, '"' + std::string(value) + '"',
             "\"http://host:port\" or \"https://host:port\"");
}

Result<void> validate_text(std::string_view field, std::string_view value) {
  if (value.size() > kMaxTextBytes) {
    return bad(field, std::to_string(value.size()) + " bytes long", "at most 1024 bytes long");
  }
  if (std::ranges::all_of(
          value, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })) {
    return {};
  }
  return fail(ErrorCode::invalid_argument, std::string(field) + " has a control character");
}

}  // namespace kith::edge::discovery
