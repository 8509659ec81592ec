// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace kith::edge::discovery {
namespace {

TEST(ParseJson, HasBounds) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth)));
  EXPECT_FALSE(parse_json(nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));

  const auto numbers = [](std::size_t count) {
    std::string text = "[0";
    for (std::size_t i = 1; i < count; ++i) text += ",0";
    return text + "]";
  };
  EXPECT_TRUE(parse_json(numbers(kMaxJsonValues - 1)));
  EXPECT_FALSE(parse_json(numbers(kMaxJsonValues)));
}

TEST(ParseJson, RefusesWhatIsNone) {
  for (const char* text : {"", " ", "{", "{}}", "nul", "\"\xff\"", "[1,]", "{\"a\" 1}", "'a'"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Members, AreNothingWhereTheyAreSomethingElse) {
  const auto json = parse_json(
      R"({"null":null,"text":"a","number":5,"digits":"7","minus":-1,"part":1.5,"list":[1],"yes":true})");
  ASSERT_TRUE(json) << json.error();
  EXPECT_EQ(member(&*json, "absent"), nullptr);
  EXPECT_EQ(member(&*json, "null"), nullptr);
  EXPECT_EQ(member(nullptr, "text"), nullptr);
  EXPECT_EQ(member(member(&*json, "list"), "text"), nullptr);
  EXPECT_EQ(text(&*json, "text"), "a");
  EXPECT_EQ(text(&*json, "number"), "");
  EXPECT_EQ(number(&*json, "number"), 5u);
  EXPECT_EQ(number(&*json, "digits"), 7u);
  EXPECT_EQ(number(&*json, "text"), std::nullopt);
  EXPECT_EQ(number(&*json, "minus"), std::nullopt);
  EXPECT_EQ(number(&*json, "part"), std::nullopt);
  EXPECT_EQ(list(&*json, "text"), nullptr);
  EXPECT_NE(list(&*json, "list"), nullptr);
  EXPECT_TRUE(is_true(&*json, "yes"));
  EXPECT_FALSE(is_true(&*json, "number"));
}

}  // namespace
}  // namespace kith::edge::discovery
