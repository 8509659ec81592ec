// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/msgpack.h"

#include <limits>

#include "base/check.h"
#include "wire/gossip/big_endian.h"

namespace kith::wire::gossip {

using Kind = Token::Kind;

Progress MsgpackReader::next(Token& token) {
  if (tokens_left_ == 0) return Progress::failed;
  if (at_ == bytes_.size()) return Progress::incomplete;
  const auto tag = static_cast<std::uint8_t>(bytes_[at_]);
  if (tag <= 0x7f) return small(token, Kind::unsigned_integer, tag);
  if (tag <= 0x8f) return small(token, Kind::map, tag & 0x0fu);
  if (tag <= 0x9f) return small(token, Kind::array, tag & 0x0fu);
  if (tag <= 0xbf) return sized(token, Kind::raw, 0, tag & 0x1fu);
  if (tag >= 0xe0) {
    return small(token, Kind::negative_integer, ~std::uint64_t{0xff} | tag);
  }
  switch (tag) {
    case 0xc0:
      return small(token, Kind::nil, 0);
    case 0xc2:
    case 0xc3:
      return small(token, Kind::boolean, tag & 1u);
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return sized(token, Kind::binary, std::size_t{1} << (tag - 0xc4));
    case 0xc7:
    case 0xc8:
    case 0xc9:  // The length does not count the byte of the extension's type.
      return sized(token, Kind::extension, std::size_t{1} << (tag - 0xc7), 1);
    case 0xca:
    case 0xcb:
      return numbered(token, Kind::floating, std::size_t{4} << (tag - 0xca));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return numbered(token, Kind::unsigned_integer, std::size_t{1} << (tag - 0xcc));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return signed_integer(token, std::size_t{1} << (tag - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return sized(token, Kind::extension, 0, (std::uint64_t{1} << (tag - 0xd4)) + 1);
    case 0xd9:
    case 0xda:
    case 0xdb:
      return sized(token, Kind::raw, std::size_t{1} << (tag - 0xd9));
    case 0xdc:
    case 0xdd:
      return numbered(token, Kind::array, std::size_t{2} << (tag - 0xdc));
    case 0xde:
    case 0xdf:
      return numbered(token, Kind::map, std::size_t{2} << (tag - 0xde));
    default:  // 0xc1, which means nothing.
      return Progress::failed;
  }
}

Progress MsgpackReader::skip_contents(const Token& token) {
  const auto values_in = [](const Token& of) -> std::uint64_t {
    if (of.kind == Kind::array) return of.number;
    return of.kind == Kind::map ? 2 * of.number : 0;
  };
  // A count of what is still to come instead of a stack: nesting costs nothing. It cannot overflow,
  // since each of the tokens, whose number is limited, adds less than 2^33.
  std::uint64_t left = values_in(token);
  for (; left > 0; --left) {
    Token inner;
    if (const Progress progress = next(inner); progress != Progress::done) return progress;
    left += values_in(inner);
  }
  return Progress::done;
}

Progress MsgpackReader::small(Token& token, Kind kind, std::uint64_t number) {
  token = {.kind = kind, .number = number};
  ++at_;
  --tokens_left_;
  return Progress::done;
}

Progress MsgpackReader::numbered(Token& token, Kind kind, std::size_t width) {
  if (bytes_.size() - at_ < 1 + width) return Progress::incomplete;
  token = {.kind = kind, .number = get_big_endian(bytes_.substr(at_ + 1), width)};
  at_ += 1 + width;
  --tokens_left_;
  return Progress::done;
}

Progress MsgpackReader::sized(Token& token, Kind kind, std::size_t width, std::uint64_t extra) {
  if (bytes_.size() - at_ < 1 + width) return Progress::incomplete;
  const std::string_view rest = bytes_.substr(at_ + 1);
  const std::uint64_t size = get_big_endian(rest, width) + extra;
  if (rest.size() - width < size) return Progress::incomplete;
  token = {.kind = kind, .bytes = rest.substr(width, static_cast<std::size_t>(size))};
  at_ += 1 + width + token.bytes.size();
  --tokens_left_;
  return Progress::done;
}

Progress MsgpackReader::signed_integer(Token& token, std::size_t width) {
  const Progress progress = numbered(token, Kind::unsigned_integer, width);
  if (progress != Progress::done) return progress;
  const std::uint64_t sign = std::uint64_t{1} << (8 * width - 1);
  if ((token.number & sign) != 0) {
    token.kind = Kind::negative_integer;
    token.number |= ~(sign - 1);
  }
  return progress;
}

void put_nil(std::string& out) { out.push_back('\xc0'); }

void put_boolean(bool value, std::string& out) { out.push_back(value ? '\xc3' : '\xc2'); }

void put_unsigned(std::uint64_t value, std::string& out) {
  if (value <= 0x7f) return put_big_endian(value, 1, out);
  if (value <= 0xff) {
    out.push_back('\xcc');
    return put_big_endian(value, 1, out);
  }
  if (value <= 0xffff) {
    out.push_back('\xcd');
    return put_big_endian(value, 2, out);
  }
  if (value <= 0xffff'ffff) {
    out.push_back('\xce');
    return put_big_endian(value, 4, out);
  }
  out.push_back('\xcf');
  put_big_endian(value, 8, out);
}

void put_signed(std::int64_t value, std::string& out) {
  KITH_CHECK(value >= 0);
  const auto number = static_cast<std::uint64_t>(value);
  if (number <= 0x7f) return put_big_endian(number, 1, out);
  if (number <= std::numeric_limits<std::int16_t>::max()) {
    out.push_back('\xd1');
    return put_big_endian(number, 2, out);
  }
  if (number <= std::numeric_limits<std::int32_t>::max()) {
    out.push_back('\xd2');
    return put_big_endian(number, 4, out);
  }
  out.push_back('\xd3');
  put_big_endian(number, 8, out);
}

void put_raw(std::string_view bytes, std::string& out) {
  KITH_CHECK(bytes.size() <= 0xffff'ffff);
  if (bytes.size() < 32) {
    out.push_back(static_cast<char>(0xa0 | bytes.size()));
  } else if (bytes.size() <= 0xffff) {
    out.push_back('\xda');
    put_big_endian(bytes.size(), 2, out);
  } else {
    out.push_back('\xdb');
    put_big_endian(bytes.size(), 4, out);
  }
  out.append(bytes);
}

void put_map(std::size_t pairs, std::string& out) {
  KITH_CHECK(pairs <= 15);
  out.push_back(static_cast<char>(0x80 | pairs));
}

}  // namespace kith::wire::gossip
