// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// msgpack, as far as memberlist needs it. By hand: what writes must keep to the format of before
// 2013, with neither str8 nor bin, and what reads must tell "not yet all here" from "wrong",
// without allocation and exceptions. docs/adr/0024-gossip-encoding.md has what else was considered.
namespace kith::wire::gossip {

/// How far reading got.
enum class Progress : std::uint8_t {
  done,
  incomplete,  ///< The bytes end early. With more of them it may be done.
  failed,
};

/// A value, or the beginning of one that has others in it.
struct Token {
  enum class Kind : std::uint8_t {
    nil,
    boolean,
    unsigned_integer,
    negative_integer,
    floating,
    raw,  ///< A string, or bytes as the old format has them.
    binary,
    array,
    map,
    extension,
  };
  Kind kind = Kind::nil;
  /// A boolean's or an integer's value (a negative one's as two's complement), or how many elements
  /// an array and pairs a map has.
  std::uint64_t number = 0;
  /// Of raw and binary; they lie in what was given to the reader.
  std::string_view bytes = {};
};

/// Takes bytes apart into tokens. Reads at most `max_tokens`, so that what a peer sends costs no
/// more work than that.
class MsgpackReader {
 public:
  MsgpackReader(std::string_view bytes, std::size_t max_tokens)
      : bytes_(bytes), tokens_left_(max_tokens) {}

  /// Reads the next token.
  Progress next(Token& token);
  /// Passes over all that is in `token`, which next() gave just now.
  Progress skip_contents(const Token& token);
  /// How many bytes were read.
  std::size_t position() const { return at_; }

 private:
  /// A token of the tag alone.
  Progress small(Token& token, Token::Kind kind, std::uint64_t number);
  /// The tag, and a number of `width` bytes.
  Progress numbered(Token& token, Token::Kind kind, std::size_t width);
  /// The tag, a length of `width` bytes, and `extra` more bytes than the length says.
  Progress sized(Token& token, Token::Kind kind, std::size_t width, std::uint64_t extra = 0);
  Progress signed_integer(Token& token, std::size_t width);

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t tokens_left_;
};

void put_nil(std::string& out);
void put_boolean(bool value, std::string& out);
/// In the shortest form.
void put_unsigned(std::uint64_t value, std::string& out);
/// As memberlist writes its signed fields: above 127 in a signed form. Requires value >= 0.
void put_signed(std::int64_t value, std::string& out);
/// Strings and bytes alike. Requires less than 4 GiB.
void put_raw(std::string_view bytes, std::string& out);
/// Requires pairs <= 15.
void put_map(std::size_t pairs, std::string& out);

}  // namespace kith::wire::gossip
