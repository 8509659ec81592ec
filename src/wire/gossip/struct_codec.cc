// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/struct_codec.h"

#include <concepts>
#include <limits>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "wire/gossip/msgpack.h"

namespace kith::wire::gossip {
namespace {

using Kind = Token::Kind;

constexpr std::size_t kVsnBytes = 6;

// ---- Reading values: false if it is of another kind, or out of range ----

// The next token of a struct that was measured before, and is there.
Token take(MsgpackReader& reader) {
  Token token;
  KITH_CHECK(reader.next(token) == Progress::done);
  return token;
}

bool read_value(MsgpackReader& reader, const Token& token, Form, std::string& into) {
  if (token.kind == Kind::raw || token.kind == Kind::binary) {
    into.assign(token.bytes);
    return true;
  }
  if (token.kind != Kind::array) return false;
  into.clear();
  for (std::uint64_t i = 0; i < token.number; ++i) {
    const Token element = take(reader);
    const bool is_number = element.kind == Kind::unsigned_integer || element.kind == Kind::nil;
    if (!is_number || element.number > 0xff) return false;
    into.push_back(static_cast<char>(element.number));
  }
  return true;
}

template <std::unsigned_integral M>
bool read_value(MsgpackReader&, const Token& token, Form, M& into) {
  if (token.kind != Kind::unsigned_integer) return false;
  if (token.number > std::numeric_limits<M>::max()) return false;
  into = static_cast<M>(token.number);
  return true;
}

bool read_value(MsgpackReader&, const Token& token, Form, std::int64_t& into) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const bool is_positive = token.kind == Kind::unsigned_integer && token.number <= kMost;
  if (!is_positive && token.kind != Kind::negative_integer) return false;
  into = static_cast<std::int64_t>(token.number);
  return true;
}

bool read_value(MsgpackReader&, const Token& token, Form, bool& into) {
  const bool is_number = token.kind == Kind::unsigned_integer && token.number <= 1;
  if (token.kind != Kind::boolean && !is_number) return false;
  into = token.number != 0;
  return true;
}

bool read_value(MsgpackReader& reader, const Token& token, Form form, NodeStatus& into) {
  std::int64_t number = 0;
  if (!read_value(reader, token, form, number)) return false;
  const bool is_known = number >= 0 && number <= static_cast<std::int64_t>(NodeStatus::left);
  into = is_known ? static_cast<NodeStatus>(number) : NodeStatus::unknown;
  return true;
}

bool read_value(MsgpackReader& reader, const Token& token, Form, std::optional<Vsn>& into) {
  std::string bytes;
  if (!read_value(reader, token, Form::bytes, bytes)) return false;
  into.reset();
  if (bytes.size() < kVsnBytes) return true;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  into = Vsn{at(0), at(1), at(2), at(3), at(4), at(5)};
  return true;
}

// ---- Reading structs ----

// A field's name in the form that the peer chose.
struct Key {
  std::string_view name;
  /// Of a struct in the form of an array.
  std::optional<std::uint64_t> place;
};

// Reads the value of `key`, whose first token is given, into the field that it means. A value of an
// unknown key is passed over.
template <class T>
bool read_field(MsgpackReader& reader, const Key& key, const Token& token, T& into) {
  bool is_read = true;
  const auto takes = [&](const auto& field) {
    if (key.place ? *key.place != field.place : key.name != field.key) return false;
    auto& member = into.*field.member;
    if (token.kind == Kind::nil) {
      member = {};
    } else {
      is_read = read_value(reader, token, field.form, member);
    }
    return true;
  };
  const bool is_known =
      std::apply([&](const auto&... field) { return (takes(field) || ...); }, kFields<T>);
  return is_known ? is_read : reader.skip_contents(token) == Progress::done;
}

// `at` becomes the key that was read last. Where reading fails it is a field's, since values of
// other keys may be anything.
template <class T>
bool read_fields(MsgpackReader& reader, T& into, std::string_view& at) {
  const Token head = take(reader);
  if (head.kind == Kind::nil) return true;
  if (head.kind != Kind::map && head.kind != Kind::array) return false;
  for (std::uint64_t i = 0; i < head.number; ++i) {
    Key key;
    if (head.kind == Kind::array) {
      key.place = i;
    } else {
      const Token name = take(reader);
      if (reader.skip_contents(name) != Progress::done) return false;
      // Other keys than strings have no bytes, and no field has an empty name.
      key.name = name.bytes;
      at = key.name;
    }
    if (!read_field(reader, key, take(reader), into)) return false;
  }
  return true;
}

// How many bytes the value at the front takes. Copies nothing, so that one that arrives in many
// pieces, and is measured with each, costs little.
Progress measure(std::string_view bytes, std::size_t& size) {
  MsgpackReader reader(bytes, kMaxTokens);
  Token token;
  Progress progress = reader.next(token);
  if (progress == Progress::done) progress = reader.skip_contents(token);
  size = reader.position();
  return progress;
}

// ---- Writing ----

void write_value(const std::string& value, Form form, std::string& out) {
  if (value.empty() && form == Form::bytes) return put_nil(out);
  put_raw(value, out);
}

void write_value(std::unsigned_integral auto value, Form, std::string& out) {
  put_unsigned(value, out);
}

void write_value(std::int64_t value, Form, std::string& out) { put_signed(value, out); }

void write_value(bool value, Form, std::string& out) { put_boolean(value, out); }

void write_value(NodeStatus value, Form, std::string& out) {
  KITH_CHECK(value != NodeStatus::unknown);
  put_signed(static_cast<std::int64_t>(value), out);
}

void write_value(const std::optional<Vsn>& value, Form, std::string& out) {
  if (!value) return put_nil(out);
  std::string bytes;
  for (const std::uint8_t number :
       {value->protocol_min, value->protocol_max, value->protocol_current, value->delegate_min,
        value->delegate_max, value->delegate_current}) {
    bytes.push_back(static_cast<char>(number));
  }
  put_raw(bytes, out);
}

template <class M>
bool is_left_out(const M& value, Form form) {
  switch (form) {
    case Form::text_if_any:
    case Form::bytes_if_any:
    case Form::number_if_any:
      return value == M{};
    default:
      return false;
  }
}

}  // namespace

template <class T>
Result<std::optional<std::size_t>> read_struct(std::string_view bytes, T& into) {
  into = T{};
  std::size_t size = 0;
  const Progress progress = measure(bytes, size);
  if (progress == Progress::incomplete) return std::nullopt;
  std::string_view key;
  if (progress == Progress::done) {
    MsgpackReader reader(bytes, kMaxTokens);
    if (read_fields(reader, into, key)) return size;
  }
  std::string problem = "gossip message that is no well-formed map";
  if (!key.empty()) problem = "gossip message with a wrong value of " + std::string(key);
  return fail(ErrorCode::invalid_argument, std::move(problem));
}

template <class T>
void write_struct(const T& from, std::string& out) {
  std::apply(
      [&](const auto&... field) {
        put_map((std::size_t{0} + ... + (is_left_out(from.*field.member, field.form) ? 0u : 1u)),
                out);
        const auto write = [&](const auto& one) {
          if (is_left_out(from.*one.member, one.form)) return;
          put_raw(one.key, out);
          write_value(from.*one.member, one.form, out);
        };
        (write(field), ...);
      },
      kFields<T>);
}

#define KITH_GOSSIP_STRUCT(T)                                                             \
  template Result<std::optional<std::size_t>> read_struct<T>(std::string_view bytes, T&); \
  template void write_struct<T>(const T&, std::string&)

KITH_GOSSIP_STRUCT(Ping);
KITH_GOSSIP_STRUCT(IndirectPing);
KITH_GOSSIP_STRUCT(Ack);
KITH_GOSSIP_STRUCT(Nack);
KITH_GOSSIP_STRUCT(Suspect);
KITH_GOSSIP_STRUCT(Alive);
KITH_GOSSIP_STRUCT(Dead);
KITH_GOSSIP_STRUCT(ErrorMessage);
KITH_GOSSIP_STRUCT(NodeState);
KITH_GOSSIP_STRUCT(PushPullHeader);
KITH_GOSSIP_STRUCT(UserMessageHeader);
KITH_GOSSIP_STRUCT(Compressed);

#undef KITH_GOSSIP_STRUCT

}  // namespace kith::wire::gossip
