// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/name_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kith::edge::tls {
namespace {

using ::testing::HasSubstr;

bool matches(const std::string& pattern, const Names& names) {
  const auto parsed = NamePattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->matches(names);
}
bool matches_dns(const std::string& pattern, const std::string& name) {
  return matches(pattern, Names{.dns = {name}});
}
bool matches_uri(const std::string& pattern, const std::string& name) {
  return matches(pattern, Names{.uris = {name}});
}

TEST(NamePattern, ADnsNameMatchesItselfWhateverTheCase) {
  EXPECT_TRUE(matches_dns("node.example.internal", "Node.Example.INTERNAL"));
  EXPECT_FALSE(matches_dns("node.example.internal", "node.example.internals"));
}

TEST(NamePattern, AStarIsOneWholeLabel) {
  EXPECT_TRUE(matches_dns("*.example.internal", "a.example.internal"));
  EXPECT_FALSE(matches_dns("*.example.internal", "a.b.example.internal"));
  EXPECT_FALSE(matches_dns("*.example.internal", "example.internal"));
  EXPECT_FALSE(matches_dns("*.example.internal", ".example.internal"));
  EXPECT_TRUE(matches_dns("a.*.internal", "a.b.internal"));
  EXPECT_FALSE(matches_dns("*.example.internal", "a.example.internal.evil.org"));
  EXPECT_FALSE(matches_dns("*.example.internal", "evil.org"));
}

TEST(NamePattern, ALastStarIsALabelToo) {
  EXPECT_TRUE(matches_dns("node.*", "node.internal"));
  EXPECT_FALSE(matches_dns("node.*", "node."));
  EXPECT_FALSE(matches_dns("node.*", "node"));
}

TEST(NamePattern, AStarIsOneWholeSegmentOfAUri) {
  EXPECT_TRUE(matches_uri("kith://prod/*", "kith://prod/node-1"));
  EXPECT_FALSE(matches_uri("kith://prod/*", "kith://prod/"));
  EXPECT_FALSE(matches_uri("kith://prod/*", "kith://prod"));
  EXPECT_FALSE(matches_uri("kith://prod/*", "kith://prod/a/b"));
  EXPECT_FALSE(matches_uri("kith://prod/*", "kith://production/a"));
  EXPECT_TRUE(matches_uri("spiffe://prod/ns/*/sa/kith", "spiffe://prod/ns/web/sa/kith"));
  EXPECT_FALSE(matches_uri("spiffe://prod/ns/*/sa/kith", "spiffe://prod/ns/web/sa/other"));
}

TEST(NamePattern, SchemeAndHostOfAUriHaveNoCaseAndThePathHas) {
  EXPECT_TRUE(matches_uri("kith://prod/Node", "KITH://Prod/Node"));
  EXPECT_FALSE(matches_uri("kith://prod/Node", "kith://prod/node"));
}

TEST(NamePattern, AStarInACertificateIsAWordLikeAnyOther) {
  EXPECT_FALSE(matches_dns("node.example.internal", "*.example.internal"));
}

TEST(NamePattern, ADnsPatternLooksAtNoUriAndTheReverse) {
  EXPECT_FALSE(matches("node", Names{.uris = {"kith://node"}}));
  EXPECT_FALSE(matches("kith://node", Names{.dns = {"node"}}));
}

TEST(NamePattern, ALoneStarTakesACertificateWithoutNames) { EXPECT_TRUE(matches("*", Names())); }

TEST(NamePattern, TakesOneOfSeveralNames) {
  EXPECT_TRUE(matches("kith://prod/*", Names{.uris = {"kith://test/a", "kith://prod/a"}}));
}

TEST(NamePattern, WhatIsNoPatternIsRefusedAndNamed) {
  for (const std::string text :
       {"", "a*.example", "*a", "**", "kith://prod/a*", "kith://", "://x", "kith://prod//a",
        "kith://prod/", "a..b", ".a", "a.", "a b", "node/x", "kith:prod", "1.2.3.4:7400", "-é"}) {
    const auto parsed = NamePattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(parsed.error().message, HasSubstr("'" + text + "'"));
  }
}

TEST(NameRule, AllowsWhatOneOfItsPatternsMatches) {
  const auto rule = NameRule::parse(std::vector<std::string>{"kith://old/*", "*.new.internal"});
  ASSERT_TRUE(rule);
  EXPECT_TRUE(rule->allows(Names{.uris = {"kith://old/a"}}));
  EXPECT_TRUE(rule->allows(Names{.dns = {"a.new.internal"}}));
  EXPECT_FALSE(rule->allows(Names{.dns = {"a.old"}, .uris = {"kith://new/a"}}));
  EXPECT_FALSE(rule->allows(Names()));
  EXPECT_EQ(rule->to_string(), "kith://old/* or *.new.internal");
}

TEST(NameRule, WithoutAPatternThereIsNone) {
  const auto rule = NameRule::parse({});
  ASSERT_FALSE(rule);
  EXPECT_THAT(rule.error().message, HasSubstr("\"*\""));
}

}  // namespace
}  // namespace kith::edge::tls
