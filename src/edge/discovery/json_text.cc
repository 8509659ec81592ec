// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/json_text.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace kith::edge::discovery {

namespace {

using nlohmann::json;

/// Reads a text without keeping it, to know before whether it may be kept.
class Measure final : public nlohmann::json_sax<json> {
 public:
  bool within_bounds() const { return within_bounds_; }

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool count() {
    within_bounds_ = ++values_ <= kMaxJsonValues;
    return within_bounds_;
  }
  bool enter() {
    within_bounds_ = ++depth_ <= kMaxJsonDepth && count();
    return within_bounds_;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t values_ = 0;
  std::size_t depth_ = 0;
  bool within_bounds_ = true;
};

}  // namespace

Result<json> parse_json(std::string_view text) {
  Measure measure;
  const bool valid = json::sax_parse(text, &measure);
  if (!measure.within_bounds()) {
    return fail(ErrorCode::unavailable, "the JSON is too deep or has too many values");
  }
  // Without exceptions: what is not valid comes back as discarded.
  json value = valid ? json::parse(text, nullptr, false) : json(json::value_t::discarded);
  if (value.is_discarded()) return fail(ErrorCode::unavailable, "the answer is no JSON");
  return value;
}

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::unavailable, "malformed: " + std::string(what));
}

const json* member(const json* value, const char* name) {
  if (value == nullptr || !value->is_object()) return nullptr;
  const auto found = value->find(name);
  return found == value->end() || found->is_null() ? nullptr : &*found;
}

const json* list(const json* value, const char* name) {
  const json* const found = member(value, name);
  return found != nullptr && found->is_array() ? found : nullptr;
}

std::string_view text(const json* value, const char* name) {
  const json* const found = member(value, name);
  if (found == nullptr || !found->is_string()) return {};
  return found->get_ref<const std::string&>();
}

std::optional<std::uint64_t> number(const json* value, const char* name) {
  const json* const found = member(value, name);
  if (found == nullptr) return {};
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  const std::string_view digits = text(value, name);
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
  return parsed;
}

bool is_true(const json* value, const char* name) {
  const json* const found = member(value, name);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

}  // namespace kith::edge::discovery
