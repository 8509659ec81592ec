// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/kubernetes_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kith::edge::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string slice(const std::string& endpoints, const std::string& ports) {
  return R"({"metadata":{"name":"cache-a","resourceVersion":"7"},"addressType":"IPv4","endpoints":)" +
         endpoints + R"(,"ports":)" + ports + "}";
}

std::string list_of(const std::string& items) {
  return R"({"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1",)"
         R"("metadata":{"resourceVersion":"1234"},"items":[)" +
         items + "]}";
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}";
}

Found only(const std::string& one, const PortChoice& port = {}) {
  const auto page = parse_slice_list(list_of(one), port);
  EXPECT_TRUE(page) << page.error();
  return page && page->slices.size() == 1 ? page->slices.front().found : Found{};
}

const char* const kTwo = R"([{"addresses":["10.0.0.1"]},{"addresses":["10.0.0.2"]}])";

TEST(SliceList, HasSlicesVersionAndNextPage) {
  const auto page = parse_slice_list(
      R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"9","continue":"abc=="},"items":[)" +
          slice(kTwo, R"([{"port":1}])") + "]}",
      {});
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->version, "9");
  EXPECT_EQ(page->next_page, "abc==");
  ASSERT_EQ(page->slices.size(), 1u);
  EXPECT_EQ(page->slices[0].name, "cache-a");
  EXPECT_THAT(page->slices[0].found.seeds, ElementsAre(Seed{"10.0.0.1", 1}, Seed{"10.0.0.2", 1}));
}

TEST(SliceList, NullItemsAreNone) {
  const auto page = parse_slice_list(
      R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"9"},"items":null})", {});
  ASSERT_TRUE(page) << page.error();
  EXPECT_THAT(page->slices, IsEmpty());
}

TEST(SliceList, MalformedListsAreRefused) {
  for (
      const char* json :
      {"", "[]", "{}", "nonsense", R"({"kind":"PodList","metadata":{"resourceVersion":"1"}})",
       R"({"kind":"EndpointSliceList","metadata":{},"items":[]})",
       R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":5},"items":[]})",
       R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":{}})",
       R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":[7]})",
       R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{}}]})"}) {
    EXPECT_FALSE(parse_slice_list(json, {})) << json;
  }
}

TEST(Slice, PortsAreChosenByNameNumberOrBeingTheOnlyOne) {
  const std::string both = R"([{"name":"gossip","port":1},{"name":"data","port":2}])";
  const std::string one = R"([{"name":"","port":3}])";
  EXPECT_THAT(only(slice(kTwo, both), {.name = "data"}).seeds,
              ElementsAre(Seed{"10.0.0.1", 2}, Seed{"10.0.0.2", 2}));
  EXPECT_THAT(only(slice(kTwo, one)).seeds, ElementsAre(Seed{"10.0.0.1", 3}, Seed{"10.0.0.2", 3}));
  EXPECT_THAT(only(slice(kTwo, "null"), {.number = 4}).seeds,
              ElementsAre(Seed{"10.0.0.1", 4}, Seed{"10.0.0.2", 4}));
}

TEST(Slice, APortThatCannotBeChosenIsAComplaint) {
  const std::string both = R"([{"name":"gossip","port":1},{"name":"data","port":2}])";
  EXPECT_THAT(only(slice(kTwo, both)).complaint, HasSubstr("several ports"));
  EXPECT_THAT(only(slice(kTwo, both), {.name = "web"}).complaint, HasSubstr("named web"));
  EXPECT_THAT(only(slice(kTwo, "[]")).complaint, HasSubstr("no port"));
  EXPECT_THAT(only(slice(kTwo, R"([{"port":70000}])")).complaint, HasSubstr("70000"));
  // Nobody is there whom a port could be missed for.
  EXPECT_THAT(only(slice("[]", "[]")).complaint, IsEmpty());
}

TEST(Slice, EndpointsOfAllConditionsCountButTheDeaf) {
  const auto found = only(slice(
      R"([{"addresses":["10.0.0.1"],"conditions":{"ready":true}},
          {"addresses":["10.0.0.2"],"conditions":{"ready":false}},
          {"addresses":["10.0.0.3"],"conditions":{"ready":null,"serving":true,"terminating":true}},
          {"addresses":["10.0.0.4"],"conditions":{"ready":false,"serving":false,"terminating":true}},
          {"addresses":["10.0.0.5"],"conditions":null},
          {"addresses":null},{}])",
      R"([{"port":1}])"));
  EXPECT_THAT(found.seeds, ElementsAre(Seed{"10.0.0.1", 1}, Seed{"10.0.0.2", 1},
                                       Seed{"10.0.0.3", 1}, Seed{"10.0.0.5", 1}));
  EXPECT_THAT(found.complaint, IsEmpty());
}

TEST(Slice, AnAddressThatIsNoneIsAComplaint) {
  const auto found =
      only(slice(R"([{"addresses":["10.0.0.1", 5, "a b", ""]}])", R"([{"port":1}])"));
  EXPECT_THAT(found.seeds, ElementsAre(Seed{"10.0.0.1", 1}));
  EXPECT_THAT(found.complaint, HasSubstr("cache-a"));
}

TEST(SliceEvent, TellsWhatHappened) {
  const std::string one = slice(kTwo, R"([{"port":1}])");
  for (const char* type : {"ADDED", "MODIFIED"}) {
    const auto changed = parse_slice_event(event(type, one), {});
    ASSERT_TRUE(changed) << changed.error();
    EXPECT_EQ(changed->kind, SliceEvent::Kind::changed);
    EXPECT_EQ(changed->slice.found.seeds.size(), 2u);
    EXPECT_EQ(changed->version, "7");
  }
  const auto deleted = parse_slice_event(event("DELETED", one), {});
  ASSERT_TRUE(deleted) << deleted.error();
  EXPECT_EQ(deleted->kind, SliceEvent::Kind::deleted);
  EXPECT_EQ(deleted->slice.name, "cache-a");
  // As the documentation shows it.
  const auto bookmark = parse_slice_event(
      event("BOOKMARK", R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1",)"
                        R"("metadata":{"resourceVersion":"12746"}})"),
      {});
  ASSERT_TRUE(bookmark) << bookmark.error();
  EXPECT_EQ(bookmark->kind, SliceEvent::Kind::bookmark);
  EXPECT_EQ(bookmark->version, "12746");
}

TEST(SliceEvent, AnErrorIsGoneOrAFailure) {
  const auto gone = parse_slice_event(
      event("ERROR", R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":410,)"
                     R"("reason":"Expired","message":"too old resource version: 1 to 2"})"),
      {});
  ASSERT_TRUE(gone) << gone.error();
  EXPECT_EQ(gone->kind, SliceEvent::Kind::gone);
  const auto failed = parse_slice_event(
      event("ERROR", R"({"kind":"Status","code":500,"message":"etcd is ill"})"), {});
  ASSERT_TRUE(failed) << failed.error();
  EXPECT_EQ(failed->kind, SliceEvent::Kind::failed);
  EXPECT_THAT(failed->message, HasSubstr("etcd is ill"));
}

TEST(SliceEvent, MalformedEventsAreRefused) {
  for (const std::string& json :
       {std::string(""), std::string("{}"), event("ADDED", "null"), event("ADDED", "{}"),
        event("RENAMED", slice("[]", "[]")), event("BOOKMARK", R"({"metadata":{}})"),
        event("ADDED", R"({"metadata":{"resourceVersion":"1"}})")}) {
    EXPECT_FALSE(parse_slice_event(json, {})) << json;
  }
}

}  // namespace
}  // namespace kith::edge::discovery
