// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/value.h>

#include <array>
#include <bit>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kith {

/// How a T becomes a cache's bytes and back.
///
/// encode returns a Value, or a Result<Value> where it can fail; decode returns a Result<T> and
/// must survive any bytes, because what another release of the program wrote may still be cached.
/// Both are called from any thread, several at once. All nodes of a cluster must use codecs that
/// read each other's bytes.
///
///     struct PointCodec {
///       static kith::Value encode(const Point& point);
///       static kith::Result<Point> decode(const kith::Value& bytes);
///     };
template <class C, class T>
concept Codec = requires(const C& codec, const T& object, const Value& bytes) {
  { codec.encode(object) } -> std::convertible_to<Result<Value>>;
  { codec.decode(bytes) } -> std::same_as<Result<T>>;
};

/// T = Value: the bytes themselves, shared and never copied.
struct BytesCodec {
  static Value encode(const Value& object) { return object; }
  static Result<Value> decode(const Value& bytes) { return bytes; }
};

/// T = std::string: the bytes, copied.
struct StringCodec {
  static Value encode(const std::string& object) { return Value::copy_of(object); }
  static Result<std::string> decode(const Value& bytes) { return bytes.to_string(); }
};

/// T = any trivially copyable type: its bytes as they lie in memory. Only for nodes of one
/// architecture and one definition of T: a size that differs is an error (invalid_argument), any
/// other difference is not noticed. Padding travels as it is, so give T none; pointers mean nothing
/// to another process.
template <class T>
  requires(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>)
struct TrivialCodec {
  static Value encode(const T& object) {
    return Value::copy_of({reinterpret_cast<const char*>(&object), sizeof(T)});
  }
  static Result<T> decode(const Value& bytes) {
    if (bytes.size() != sizeof(T)) {
      return fail(ErrorCode::invalid_argument, "the value has " + std::to_string(bytes.size()) +
                                                   " bytes, its type has " +
                                                   std::to_string(sizeof(T)));
    }
    std::array<std::byte, sizeof(T)> copy;
    std::memcpy(copy.data(), bytes.data(), sizeof(T));
    return std::bit_cast<T>(copy);
  }
};

/// What ProtobufCodec uses of a message.
template <class T>
concept ProtobufMessage = std::default_initializable<T> &&
    requires(const T& message, T& target, std::string* out, const void* bytes, int size) {
  { message.SerializeToString(out) } -> std::same_as<bool>;
  { target.ParseFromArray(bytes, size) } -> std::same_as<bool>;
};

/// T = a Protocol Buffers message. kith does not depend on protobuf: any class with these two
/// functions will do. Bytes that do not parse are an error (invalid_argument).
template <ProtobufMessage T>
struct ProtobufCodec {
  static Result<Value> encode(const T& message) {
    std::string bytes;
    if (!message.SerializeToString(&bytes)) {
      return fail(ErrorCode::invalid_argument, "the message does not serialize");
    }
    return Value::adopt(std::move(bytes));
  }
  static Result<T> decode(const Value& bytes) {
    T message;
    if (bytes.size() > INT_MAX ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return fail(ErrorCode::invalid_argument,
                  "a value of " + std::to_string(bytes.size()) + " bytes does not parse");
    }
    return message;
  }
};

/// T = what a JSON library converts, written for nlohmann::json but not depending on it: `Json`
/// needs a constructor from T, dump(), a static parse(std::string_view) and get<T>(). What these
/// throw becomes an error (invalid_argument) with their words.
///
///     using Users = kith::TypedCache<User, kith::JsonCodec<User, nlohmann::json>>;
template <class T, class Json>
struct JsonCodec {
  static Result<Value> encode(const T& object) {
    try {
      return Value::adopt(Json(object).dump());
    } catch (const std::exception& thrown) {
      return fail(ErrorCode::invalid_argument, thrown.what());
    }
  }
  static Result<T> decode(const Value& bytes) {
    try {
      return Json::parse(bytes.view()).template get<T>();
    } catch (const std::exception& thrown) {
      return fail(ErrorCode::invalid_argument, thrown.what());
    }
  }
};

namespace detail {

/// A view of bytes elsewhere, such as a span: a copy of it is not a copy of them.
template <class T>
concept ViewLike = requires(const T& view) {
  view.data();
};

/// A type for which TrivialCodec does what one expects.
template <class T>
concept PlainData =
    std::is_trivially_copyable_v<T> && !ViewLike<T> &&
    (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_class_v<T> || std::is_union_v<T>);

template <class T>
struct DefaultCodecOf {
  static_assert(!std::same_as<T, T>,
                "this type has no default codec: name one as TypedCache's second argument");
};
template <>
struct DefaultCodecOf<Value> {
  using type = BytesCodec;
};
template <>
struct DefaultCodecOf<std::string> {
  using type = StringCodec;
};
template <ProtobufMessage T>
struct DefaultCodecOf<T> {
  using type = ProtobufCodec<T>;
};
template <PlainData T>
  requires(!ProtobufMessage<T>)
struct DefaultCodecOf<T> {
  using type = TrivialCodec<T>;
};

}  // namespace detail

/// The codec used where none is named: BytesCodec for Value, StringCodec for std::string,
/// ProtobufCodec for protobuf messages, TrivialCodec for numbers, enums and trivially copyable
/// classes. None for anything else, nor for what has data(), such as std::string_view and
/// std::span.
template <class T>
using DefaultCodec = typename detail::DefaultCodecOf<T>::type;

}  // namespace kith
