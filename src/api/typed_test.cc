// SPDX-License-Identifier: Apache-2.0
#include <kith/typed.h>

#include <gtest/gtest.h>
#include <kith/codec.h>
#include <kith/node.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith {
namespace {

struct Point {
  std::int32_t x = 0;
  std::int32_t y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

enum class Color : std::uint8_t { red, green };

/// What ProtobufCodec needs of a message; the "wire format" is the name after a colon.
struct Message {
  std::string name;

  bool SerializeToString(std::string* out) const {
    *out = ":" + name;
    return name != "unserializable";
  }
  bool ParseFromArray(const void* bytes, int size) {
    const std::string_view text(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    if (!text.starts_with(':')) return false;
    name = text.substr(1);
    return true;
  }
};

struct User {
  std::string name;
  int age = 0;
  friend bool operator==(const User&, const User&) = default;
};
void to_json(nlohmann::json& json, const User& user) {
  json = {{"name", user.name}, {"age", user.age}};
}
void from_json(const nlohmann::json& json, User& user) {
  json.at("name").get_to(user.name);
  json.at("age").get_to(user.age);
}
using UserCodec = JsonCodec<User, nlohmann::json>;

/// A JSON library of one type, with as much of nlohmann's interface as JsonCodec may use.
class Quoted {
 public:
  explicit Quoted(std::string text) : text_(std::move(text)) {}
  static Quoted parse(std::string_view bytes) {
    if (bytes.size() < 2 || bytes.front() != '"' || bytes.back() != '"') {
      throw std::invalid_argument("no quotes");
    }
    return Quoted(std::string(bytes.substr(1, bytes.size() - 2)));
  }
  std::string dump() const { return '"' + text_ + '"'; }
  template <class T>
  T get() const {
    return T(text_);
  }

 private:
  std::string text_;
};

/// A codec with a state: adds a secret to every letter.
struct ShiftCodec {
  char secret = 1;

  Value encode(const std::string& object) const {
    std::string bytes = object;
    for (char& letter : bytes) letter = static_cast<char>(letter + secret);
    return Value::adopt(std::move(bytes));
  }
  Result<std::string> decode(const Value& bytes) const {
    std::string object = bytes.to_string();
    for (char& letter : object) letter = static_cast<char>(letter - secret);
    return object;
  }
};

template <class T, Codec<T> C>
Result<T> round_trip(const C& codec, const T& object) {
  const Result<Value> bytes = codec.encode(object);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  return codec.decode(*bytes);
}

// Codecs

TEST(BytesCodec, SharesTheBytes) {
  const Value value = Value::copy_of("bytes");
  EXPECT_EQ(BytesCodec::encode(value).data(), value.data());
  EXPECT_EQ(BytesCodec::decode(value)->data(), value.data());
}

TEST(StringCodec, KeepsAnyBytes) {
  const std::string bytes("a\0b\xff", 4);
  EXPECT_EQ(round_trip(StringCodec(), bytes), bytes);
  EXPECT_EQ(round_trip(StringCodec(), std::string()), "");
}

TEST(TrivialCodec, KeepsNumbersEnumsAndStructs) {
  EXPECT_EQ(round_trip(TrivialCodec<double>(), 0.1), 0.1);
  EXPECT_EQ(round_trip(TrivialCodec<Color>(), Color::green), Color::green);
  EXPECT_EQ(round_trip(TrivialCodec<Point>(), Point{1, -2}), (Point{1, -2}));
}

TEST(TrivialCodec, ReadsBytesAtAnyAddress) {
  const Point point{1, -2};
  const std::string bytes = "?" + TrivialCodec<Point>::encode(point).to_string();
  EXPECT_EQ(TrivialCodec<Point>::decode(Value::copy_of(bytes).slice(1, sizeof(Point))), point);
}

TEST(TrivialCodec, AWrongSizeIsAnErrorWithBothSizes) {
  const Result<Point> point = TrivialCodec<Point>::decode(Value::copy_of("abc"));
  ASSERT_FALSE(point);
  EXPECT_EQ(point.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(point.error().message, "the value has 3 bytes, its type has 8");
}

TEST(ProtobufCodec, KeepsMessages) {
  EXPECT_EQ(round_trip(ProtobufCodec<Message>(), Message{"ada"})->name, "ada");
}

TEST(ProtobufCodec, BytesThatDoNotParseAreAnError) {
  const Result<Message> message = ProtobufCodec<Message>::decode(Value::copy_of("ada"));
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, ErrorCode::invalid_argument);
}

TEST(ProtobufCodec, AMessageThatDoesNotSerializeIsAnError) {
  EXPECT_FALSE(ProtobufCodec<Message>::encode(Message{"unserializable"}));
}

TEST(JsonCodec, KeepsWhatTheLibraryConverts) {
  EXPECT_EQ(round_trip(UserCodec(), User{"ada", 36}), (User{"ada", 36}));
  const std::vector<int> numbers = {1, 2, 3};
  EXPECT_EQ(round_trip(JsonCodec<std::vector<int>, nlohmann::json>(), numbers), numbers);
}

TEST(JsonCodec, WritesJson) {
  EXPECT_EQ(UserCodec::encode({"ada", 36})->view(), R"({"age":36,"name":"ada"})");
}

TEST(JsonCodec, WhatTheParserThrowsIsAnError) {
  const Result<User> user = UserCodec::decode(Value::copy_of("{"));
  ASSERT_FALSE(user);
  EXPECT_EQ(user.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(user.error().message.find("parse error"), std::string::npos) << user.error().message;
}

TEST(JsonCodec, JsonOfAnotherShapeIsAnError) {
  EXPECT_FALSE(UserCodec::decode(Value::copy_of(R"({"name":"ada"})")));
}

TEST(JsonCodec, WhatTheWriterThrowsIsAnError) {
  EXPECT_FALSE(UserCodec::encode({"not UTF-8: \xff", 1}));
}

TEST(JsonCodec, WorksWithAnotherLibrary) {
  using QuotedCodec = JsonCodec<std::string, Quoted>;
  EXPECT_EQ(QuotedCodec::encode("word")->view(), "\"word\"");
  EXPECT_EQ(QuotedCodec::decode(Value::copy_of("\"word\"")), "word");
  EXPECT_EQ(QuotedCodec::decode(Value::copy_of("word")).error().message, "no quotes");
}

TEST(DefaultCodec, FitsTheType) {
  static_assert(std::same_as<DefaultCodec<Value>, BytesCodec>);
  static_assert(std::same_as<DefaultCodec<std::string>, StringCodec>);
  static_assert(std::same_as<DefaultCodec<double>, TrivialCodec<double>>);
  static_assert(std::same_as<DefaultCodec<Color>, TrivialCodec<Color>>);
  static_assert(std::same_as<DefaultCodec<Point>, TrivialCodec<Point>>);
  static_assert(std::same_as<DefaultCodec<Message>, ProtobufCodec<Message>>);
}

TEST(DefaultCodec, IsNotForPointersAndViews) {
  static_assert(!detail::PlainData<const char*>);
  static_assert(!detail::PlainData<std::string_view>);
  static_assert(!detail::PlainData<std::span<const int>>);
  static_assert(!detail::PlainData<std::string>);
}

TEST(Codec, IsAskedForByTheCache) {
  static_assert(Codec<ShiftCodec, std::string>);
  static_assert(!Codec<StringCodec, Point>);
  static_assert(!Codec<int, int>);
}

// The cache

/// One node without peers, whose caches answer from a table.
class TypedCacheTest : public ::testing::Test {
 protected:
  static Node start() {
    Result<Node> node = Node::start({.listen = ""});
    if (!node) throw std::runtime_error(node.error().message);
    return *std::move(node);
  }
  Cache open(Loader loader) {
    Result<Cache> cache = node_.open("cache-" + std::to_string(opened_++), {}, std::move(loader));
    if (!cache) throw std::runtime_error(cache.error().message);
    return *std::move(cache);
  }
  /// Loads `bytes` for every key, but nothing for the key "none" and an error for "error".
  Cache open_with(std::string bytes) {
    return open([bytes](const LoadRequest& request) -> LoadResult {
      if (request.key == "none") return NotFound{};
      if (request.key == "error") return Error{ErrorCode::unavailable, "origin down"};
      return bytes;
    });
  }

 private:
  Node node_ = start();
  int opened_ = 0;
};

TEST_F(TypedCacheTest, GetDecodes) {
  const TypedCache<Message> cache(open_with(":ada"));
  const Result<std::optional<Message>> got = cache.get("key");
  ASSERT_TRUE(got) << got.error();
  ASSERT_TRUE(*got);
  EXPECT_EQ((*got)->name, "ada");
}

TEST_F(TypedCacheTest, GetOfAnAbsentKeyIsEmpty) {
  const TypedCache<Message> cache(open_with(":ada"));
  const Result<std::optional<Message>> got = cache.get("none");
  ASSERT_TRUE(got) << got.error();
  EXPECT_FALSE(*got);
}

TEST_F(TypedCacheTest, GetPassesErrorsOn) {
  const TypedCache<Message> cache(open_with(":ada"));
  const Result<std::optional<Message>> got = cache.get("error");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::loader_failed);
}

TEST_F(TypedCacheTest, AValueThatDoesNotDecodeIsAnErrorAndStays) {
  const TypedCache<Message> cache(open_with("ada"));
  const Result<std::optional<Message>> got = cache.get("key");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(got.error().message, "the value does not decode: a value of 3 bytes does not parse");
  EXPECT_EQ(cache.untyped().peek("key"), Value::borrow_static("ada"));
}

TEST_F(TypedCacheTest, FetchTellsTheStory) {
  const TypedCache<std::string> cache(open_with("value"));
  const Result<TypedAnswer<std::string>> first = cache.fetch("key");
  const Result<TypedAnswer<std::string>> second = cache.fetch("key");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->value, "value");
  EXPECT_EQ(first->source, Source::origin);
  EXPECT_EQ(second->value, "value");
  EXPECT_EQ(second->source, Source::local);
  EXPECT_EQ(second->version, first->version);
  EXPECT_FALSE(second->stale);
}

TEST_F(TypedCacheTest, GetAsyncAnswersOnceAlsoWithoutTheHandle) {
  std::promise<Result<TypedAnswer<std::string>>> promise;
  auto answer = promise.get_future();
  TypedCache<std::string>(open_with("value")).get_async("key", [&](auto result) {
    promise.set_value(std::move(result));  // Throws when called twice.
  });
  EXPECT_EQ(answer.get()->value, "value");
}

TEST_F(TypedCacheTest, GetManyFailsTheKeysThatFail) {
  const Cache bytes = open([](const LoadRequest& request) -> LoadResult {
    if (request.key == "none") return NotFound{};
    return request.key;
  });
  const std::vector<std::string> keys = {":one", "bad", "none", ":two"};
  const auto got = TypedCache<Message>(bytes).get_many(keys);
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[0].value()->name, "one");
  EXPECT_FALSE(got[1]);
  ASSERT_TRUE(got[2]);
  EXPECT_FALSE(*got[2]);
  EXPECT_EQ(got[3].value()->name, "two");
}

TEST_F(TypedCacheTest, PeekSeesWhatIsHereAlready) {
  const TypedCache<std::string> cache(open_with("value"));
  ASSERT_TRUE(cache.peek("key"));
  EXPECT_FALSE(*cache.peek("key"));
  EXPECT_FALSE(cache.contains_local("key"));
  ASSERT_TRUE(cache.get("key"));
  EXPECT_EQ(cache.peek("key").value(), "value");
  EXPECT_TRUE(cache.contains_local("key"));
}

TEST_F(TypedCacheTest, UsesTheCodecItWasGiven) {
  const ShiftCodec codec{3};
  const TypedCache<std::string, ShiftCodec> cache(
      open(typed_loader<std::string>([](const LoadRequest&) { return std::string("abc"); }, codec)),
      codec);
  EXPECT_EQ(cache.get("key").value(), "abc");
  EXPECT_EQ(cache.untyped().get("key").value()->view(), "def");
}

TEST_F(TypedCacheTest, CountsInTheStatsOfItsCache) {
  const TypedCache<std::string> cache(open_with("value"));
  ASSERT_TRUE(cache.get("key"));
  ASSERT_TRUE(cache.get("key"));
  EXPECT_EQ(cache.stats().loads, 1u);
  EXPECT_EQ(cache.name(), cache.untyped().name());
}

// Loaders

class TypedLoaderTest : public TypedCacheTest {
 protected:
  /// What a cache with this loader says of a key.
  template <class F>
  Result<std::optional<Point>> load(F function) {
    return TypedCache<Point>(open(typed_loader<Point>(std::move(function)))).get("key");
  }
};

constexpr Point kPoint{3, 4};

TEST_F(TypedLoaderTest, MayReturnTheObject) {
  EXPECT_EQ(load([](const LoadRequest&) { return kPoint; }).value(), kPoint);
}

TEST_F(TypedLoaderTest, MayReturnAnOptional) {
  EXPECT_EQ(load([](const LoadRequest&) { return std::optional(kPoint); }).value(), kPoint);
  EXPECT_EQ(load([](const LoadRequest&) { return std::optional<Point>(); }).value(), std::nullopt);
}

TEST_F(TypedLoaderTest, MayReturnAResult) {
  EXPECT_EQ(load([](const LoadRequest&) { return Result<Point>(kPoint); }).value(), kPoint);
  const auto failed = load([](const LoadRequest&) -> Result<Point> {
    return fail(ErrorCode::unavailable, "origin down");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::loader_failed);
  EXPECT_NE(failed.error().message.find("origin down"), std::string::npos);
}

TEST_F(TypedLoaderTest, MayReturnAResultOfAnOptional) {
  using Maybe = Result<std::optional<Point>>;
  EXPECT_EQ(load([](const LoadRequest&) { return Maybe(kPoint); }).value(), kPoint);
  EXPECT_EQ(load([](const LoadRequest&) { return Maybe(std::nullopt); }).value(), std::nullopt);
  EXPECT_FALSE(load([](const LoadRequest&) -> Maybe { return fail(ErrorCode::internal, "no"); }));
}

TEST_F(TypedLoaderTest, MayReturnALoadResult) {
  EXPECT_EQ(load([](const LoadRequest&) {
              return LoadResult(Loaded{.value = TrivialCodec<Point>::encode(kPoint),
                                       .ttl = std::chrono::minutes(1)});
            }).value(),
            kPoint);
}

TEST_F(TypedLoaderTest, MayReturnWhatConverts) {
  const TypedCache<std::string> cache(
      open(typed_loader<std::string>([](const LoadRequest&) { return "literal"; })));
  EXPECT_EQ(cache.get("key").value(), "literal");
}

TEST_F(TypedLoaderTest, AnObjectThatDoesNotEncodeFailsTheLoad) {
  const TypedCache<Message> cache(
      open(typed_loader<Message>([](const LoadRequest&) { return Message{"unserializable"}; })));
  const Result<std::optional<Message>> got = cache.get("key");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::loader_failed);
}

}  // namespace
}  // namespace kith
