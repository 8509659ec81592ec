// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/etcd_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace kith::edge::discovery {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(EtcdRequests, NameKeysInBase64AndNumbersAsText) {
  EXPECT_EQ(nlohmann::json::parse(etcd_range_request("foo", 10)),
            nlohmann::json::parse(R"({"key":"Zm9v","range_end":"Zm9w","limit":"10"})"));
  EXPECT_EQ(nlohmann::json::parse(etcd_watch_request("foo", 8)),
            nlohmann::json::parse(R"({"create_request":{"key":"Zm9v","range_end":"Zm9w",)"
                                  R"("start_revision":"8","progress_notify":true}})"));
  EXPECT_EQ(nlohmann::json::parse(etcd_put_request("foo", "bar", 7)),
            nlohmann::json::parse(R"({"key":"Zm9v","value":"YmFy","lease":"7"})"));
  EXPECT_EQ(nlohmann::json::parse(etcd_grant_request(15)),
            nlohmann::json::parse(R"({"TTL":"15"})"));
  EXPECT_EQ(nlohmann::json::parse(etcd_lease_request(7587862094137171456)),
            nlohmann::json::parse(R"({"ID":"7587862094137171456"})"));
  EXPECT_EQ(nlohmann::json::parse(etcd_login_request("a\"b", "c\xff")),
            nlohmann::json::parse("{\"name\":\"a\\\"b\",\"password\":\"c\xef\xbf\xbd\"}"));
}

TEST(EtcdRequests, ARangeEndsBehindAllKeysWithThePrefix) {
  EXPECT_EQ(nlohmann::json::parse(etcd_range_request("a\xff", 1))["range_end"], "Yg==");  // "b"
  EXPECT_EQ(nlohmann::json::parse(etcd_range_request("\xff", 1))["range_end"],
            "AA==");  // To the last key.
}

TEST(EtcdRange, HasEntriesAndRevision) {
  const auto range = parse_etcd_range(
      R"({"header":{"cluster_id":"12585971608760269493","revision":"10"},"kvs":[
          {"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"},
          {"key":"Zm9w","lease":"7"}],"more":true,"count":"3"})");
  ASSERT_TRUE(range) << range.error();
  ASSERT_EQ(range->entries.size(), 2u);
  EXPECT_EQ(range->entries[0].key, "foo");
  EXPECT_EQ(range->entries[0].value, "bar");
  EXPECT_EQ(range->entries[1].value, "");
  EXPECT_EQ(range->revision, 10u);
  EXPECT_EQ(range->cluster, "12585971608760269493");
  EXPECT_TRUE(range->more);
}

TEST(EtcdRange, MalformedOnesAreRefused) {
  for (const char* text :
       {"", "{}", "[]", R"({"header":{"revision":"-1"}})", R"({"header":{"revision":""}})",
        R"({"header":{"revision":"99999999999999999999"}})",
        R"({"header":{"revision":"1"},"kvs":[{"key":"%%%"}]})",
        R"({"header":{"revision":"1"},"kvs":[{"key":"Zm9v","value":"!"}]})"}) {
    EXPECT_FALSE(parse_etcd_range(text)) << text;
  }
}

TEST(EtcdRange, AnErrorIsInEtcdsWords) {
  const auto range = parse_etcd_range(R"({"error":"etcdserver: no leader","code":14})");
  ASSERT_FALSE(range);
  EXPECT_THAT(range.error().message, HasSubstr("etcdserver: no leader"));
}

TEST(EtcdWatch, TellsPutsAndDeletions) {
  const auto answer = parse_etcd_watch(
      R"({"result":{"header":{"cluster_id":"5","revision":"12"},"events":[
          {"kv":{"key":"Zm9v","value":"YmFy","mod_revision":"11"}},
          {"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"12"}},
          {"type":"PUT","kv":{"key":"Zm9w"}}]}})");
  ASSERT_TRUE(answer) << answer.error();
  ASSERT_EQ(answer->changes.size(), 3u);
  EXPECT_EQ(answer->changes[0].value, "bar");
  EXPECT_EQ(answer->changes[1].key, "foo");
  EXPECT_FALSE(answer->changes[1].value.has_value());
  EXPECT_EQ(answer->changes[2].value, "");
  EXPECT_EQ(answer->revision, 12u);
  EXPECT_FALSE(answer->created);
}

TEST(EtcdWatch, TheFirstLineSaysWhereTheStoreIs) {
  const auto answer = parse_etcd_watch(
      R"({"result":{"header":{"cluster_id":"5","revision":"40"},"created":true}})");
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_TRUE(answer->created);
  EXPECT_EQ(answer->cluster, "5");
  EXPECT_THAT(answer->changes, IsEmpty());
}

TEST(EtcdWatch, ACompactedHistoryAndOtherEnds) {
  const auto compacted = parse_etcd_watch(
      R"({"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"7"}})");
  ASSERT_TRUE(compacted) << compacted.error();
  EXPECT_TRUE(compacted->compacted);
  const auto refused =
      parse_etcd_watch(R"({"result":{"canceled":true,"cancel_reason":"permission denied"}})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("permission denied"));
  const auto error =
      parse_etcd_watch(R"({"error":{"grpc_code":14,"http_code":503,"message":"unavailable now"}})");
  ASSERT_FALSE(error);
  EXPECT_THAT(error.error().message, HasSubstr("unavailable now"));
}

TEST(EtcdWatch, MalformedLinesAreRefused) {
  for (const char* text : {"", "{}", R"({"result":null})", R"({"result":{"events":[{}]}})",
                           R"({"result":{"events":[{"kv":{"key":"%"}}]}})",
                           R"({"result":{"events":[{"kv":{"key":"Zm9v","value":"%"}}]}})"}) {
    EXPECT_FALSE(parse_etcd_watch(text)) << text;
  }
}

TEST(EtcdLease, IsGrantedKeptAndLost) {
  EXPECT_EQ(parse_etcd_grant(R"({"header":{},"ID":"7587862094137171456","TTL":"15"})").value(),
            7587862094137171456u);
  EXPECT_FALSE(parse_etcd_grant(R"({"ID":"0"})"));
  EXPECT_TRUE(parse_etcd_keepalive(R"({"result":{"ID":"5","TTL":"15"}})").value());
  EXPECT_FALSE(parse_etcd_keepalive(R"({"result":{"ID":"5"}})").value());
  EXPECT_FALSE(parse_etcd_keepalive("{}"));
}

TEST(EtcdLogin, HasATokenThatFitsIntoAHeader) {
  EXPECT_EQ(parse_etcd_login(R"({"token":"sssvIpwfnLAcWAQH.9"})").value(), "sssvIpwfnLAcWAQH.9");
  EXPECT_FALSE(parse_etcd_login(R"({"token":"a\r\nHost: b"})"));
  EXPECT_FALSE(parse_etcd_login("{}"));
}

TEST(EtcdSeed, IsAnAddressOrARecordOfTheNamingLibrary) {
  EXPECT_EQ(parse_etcd_seed("10.0.0.1:7946").value(), (Seed{"10.0.0.1", 7946}));
  EXPECT_EQ(parse_etcd_seed(R"({"Op":0,"Addr":"[::1]:5","Metadata":null})").value(),
            (Seed{"::1", 5}));
  for (const char* value : {"", "10.0.0.1", "10.0.0.1:0", "{", "{}", R"({"Addr":7})", "a b:1"}) {
    EXPECT_FALSE(parse_etcd_seed(value)) << value;
  }
}

}  // namespace
}  // namespace kith::edge::discovery
