// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/name_rule.h"

#include <algorithm>

namespace kith::edge::tls {

namespace {

constexpr std::string_view kSchemeEnd = "://";
constexpr std::size_t kMostPatternBytes = 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// The parts of a text between separators, one by one. "a..b" has three.
class Parts {
 public:
  Parts(std::string_view text, char separator) : rest_(text), separator_(separator) {}

  bool done() const { return done_; }
  std::string_view next() {
    const std::size_t end = rest_.find(separator_);
    done_ = end == std::string_view::npos;
    const std::string_view part = rest_.substr(0, end);
    rest_ = done_ ? std::string_view() : rest_.substr(end + 1);
    return part;
  }

 private:
  std::string_view rest_;
  char separator_;
  bool done_ = false;
};

bool matches_part(std::string_view pattern, std::string_view part, bool exactly) {
  if (part.empty()) return false;
  return pattern == "*" || (exactly ? pattern == part : same_letters(pattern, part));
}

bool matches_dns(std::string_view pattern, std::string_view name) {
  Parts wanted(pattern, '.');
  Parts given(name, '.');
  while (!wanted.done() && !given.done()) {
    if (!matches_part(wanted.next(), given.next(), false)) return false;
  }
  return wanted.done() && given.done();
}

bool matches_uri(std::string_view pattern, std::string_view name) {
  const std::size_t scheme = pattern.find(kSchemeEnd);
  if (name.find(kSchemeEnd) != scheme) return false;
  if (!same_letters(pattern.substr(0, scheme), name.substr(0, scheme))) return false;
  Parts wanted(pattern.substr(scheme + kSchemeEnd.size()), '/');
  Parts given(name.substr(scheme + kSchemeEnd.size()), '/');
  for (bool host = true; !wanted.done() && !given.done(); host = false) {
    if (!matches_part(wanted.next(), given.next(), !host)) return false;
  }
  return wanted.done() && given.done();
}

bool is_word(std::string_view part, std::string_view also) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [also](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           also.find(c) != std::string_view::npos;
  });
}

tl::unexpected<Error> wrong_pattern(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument, std::string("the pattern '")
                                               .append(text.substr(0, kMostPatternBytes))
                                               .append("' ")
                                               .append(why));
}

}  // namespace

Result<NamePattern> NamePattern::parse(std::string_view text) {
  if (text == "*") return NamePattern(Kind::any, text);
  if (text.empty() || text.size() > kMostPatternBytes) {
    return wrong_pattern(text, "must have 1 to 1024 bytes");
  }
  const std::size_t scheme = text.find(kSchemeEnd);
  const bool uri = scheme != std::string_view::npos;
  if (uri && !is_word(text.substr(0, scheme), "+-.")) return wrong_pattern(text, "has no scheme");
  Parts parts(uri ? text.substr(scheme + kSchemeEnd.size()) : text, uri ? '/' : '.');
  while (!parts.done()) {
    const std::string_view part = parts.next();
    if (part == "*") continue;
    if (part.find('*') != std::string_view::npos) {
      return wrong_pattern(text, uri ? "has a * that is not a whole segment between slashes"
                                     : "has a * that is not a whole label between dots");
    }
    if (!is_word(part, uri ? "-._~!$&'()+,;=:@%" : "-_")) {
      return wrong_pattern(text, uri ? "is no URI such as kith://cluster/*"
                                     : "is no DNS name such as *.example.internal, and no URI");
    }
  }
  return NamePattern(uri ? Kind::uri : Kind::dns, text);
}

bool NamePattern::matches(const Names& names) const {
  switch (kind_) {
    case Kind::any:
      return true;
    case Kind::dns:
      return std::any_of(names.dns.begin(), names.dns.end(),
                         [this](const std::string& name) { return matches_dns(text_, name); });
    case Kind::uri:
      return std::any_of(names.uris.begin(), names.uris.end(),
                         [this](const std::string& name) { return matches_uri(text_, name); });
  }
  return false;
}

Result<NameRule> NameRule::parse(std::span<const std::string> patterns) {
  if (patterns.empty()) {
    return fail(ErrorCode::invalid_argument,
                "there is no pattern for the names of peers: give one, such as kith://cluster/* or "
                "*.example.internal, or \"*\" to take every certificate of the CA for a peer");
  }
  NameRule rule;
  for (const std::string& text : patterns) {
    Result<NamePattern> pattern = NamePattern::parse(text);
    if (!pattern) return tl::unexpected(pattern.error());
    rule.patterns_.push_back(*std::move(pattern));
  }
  return rule;
}

bool NameRule::allows(const Names& names) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const NamePattern& pattern) { return pattern.matches(names); });
}

std::string NameRule::to_string() const {
  std::string text;
  for (const NamePattern& pattern : patterns_) {
    text.append(text.empty() ? "" : " or ").append(pattern.text());
  }
  return text;
}

}  // namespace kith::edge::tls
