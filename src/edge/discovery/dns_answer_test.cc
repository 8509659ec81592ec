// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/dns_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace kith::edge::discovery {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kOffsetOfName = "\xc0\x0c";  // The question's name, behind the header.

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string labels(std::string_view name) {
  std::string bytes;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    bytes += static_cast<char>(label.size());
    bytes += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return bytes + '\0';
}

std::string record(std::string_view owner, unsigned type, unsigned ttl, std::string_view data,
                   unsigned kind = 1) {
  return std::string(owner) + u16(type) + u16(kind) + u16(ttl >> 16) + u16(ttl & 0xffff) +
         u16(static_cast<unsigned>(data.size())) + std::string(data);
}

/// A reply to a question for pool.test, with so many records in each section.
std::string reply(unsigned answers, unsigned authorities, unsigned additional,
                  std::string_view records) {
  return u16(0x1234) + u16(0x8180) + u16(1) + u16(answers) + u16(authorities) + u16(additional) +
         labels("pool.test") + u16(1) + u16(1) + std::string(records);
}

Result<DnsAnswer> parse(std::string_view bytes) {
  return parse_dns_answer({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

const std::string kV4("\xc0\x00\x02\x01", 4);
const std::string kV6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05", 16);

TEST(DnsAnswer, HasAddressesOfBothFamiliesAndTheLeastTtl) {
  const auto answer = parse(
      reply(2, 0, 0, record(kOffsetOfName, 1, 300, kV4) + record(kOffsetOfName, 28, 60, kV6)));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->addresses, ElementsAre(DnsAddress{"pool.test", "192.0.2.1"},
                                             DnsAddress{"pool.test", "2001:db8::5"}));
  EXPECT_EQ(answer->ttl, seconds(60));
}

TEST(DnsAnswer, FollowsAnAliasByPassingOverIt) {
  const auto answer = parse(reply(
      2, 0, 0,
      record(kOffsetOfName, 5, 1, labels("real.test")) + record(labels("REAL.test"), 1, 30, kV4)));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->addresses, ElementsAre(DnsAddress{"real.test", "192.0.2.1"}));
  EXPECT_EQ(answer->ttl, seconds(30));
}

TEST(DnsAnswer, HasServicesAndTheAddressesBesides) {
  const std::string service = u16(1) + u16(5) + u16(7001) + labels("One.test");
  const std::string compressed = u16(1) + u16(5) + u16(7002) + "\x03two" + "\xc0\x11";
  const auto answer = parse(reply(
      2, 1, 2,
      record(kOffsetOfName, 33, 90, service) + record(kOffsetOfName, 33, 90, compressed) +
          record(kOffsetOfName, 2, 5, labels("ns.test")) + record(labels("one.test"), 1, 20, kV4) +
          record(std::string(1, '\0'), 41, 0x8000, "", 1232)));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->services,
              ElementsAre(DnsService{"one.test", 7001}, DnsService{"two.test", 7002}));
  EXPECT_THAT(answer->additional, ElementsAre(DnsAddress{"one.test", "192.0.2.1"}));
  EXPECT_EQ(answer->ttl, seconds(20));
}

TEST(DnsAnswer, TheRootAsATargetIsEmpty) {
  const auto answer =
      parse(reply(1, 0, 0, record(kOffsetOfName, 33, 90, u16(0) + u16(0) + u16(0) + labels(""))));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->services, ElementsAre(DnsService{"", 0}));
}

TEST(DnsAnswer, WithoutRecordsIsEmpty) {
  const auto answer = parse(reply(0, 0, 0, ""));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->addresses, IsEmpty());
  EXPECT_EQ(answer->ttl, kMaxTtl);
}

TEST(DnsAnswer, ATtlWithTheHighestBitIsZero) {
  const auto answer = parse(reply(1, 0, 0, record(kOffsetOfName, 1, 0x80000000u, kV4)));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->ttl, seconds(0));
}

TEST(DnsAnswer, OtherClassesAreNotOfTheInternet) {
  const auto answer = parse(reply(1, 0, 0, record(kOffsetOfName, 1, 5, kV4, 3)));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_THAT(answer->addresses, IsEmpty());
}

TEST(DnsAnswer, CutAnywhereIsMalformed) {
  const std::string whole =
      reply(2, 0, 0,
            record(kOffsetOfName, 1, 300, kV4) +
                record(kOffsetOfName, 33, 5, u16(0) + u16(0) + u16(1) + labels("a.b")));
  ASSERT_TRUE(parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse(whole.substr(0, size))) << size;
  }
}

TEST(DnsAnswer, MalformedRecords) {
  const struct {
    const char* what;
    std::string records;
  } cases[] = {
      {"an address of 5 bytes", record(kOffsetOfName, 1, 5, kV4 + "x")},
      {"an IPv6 address of 4 bytes", record(kOffsetOfName, 28, 5, kV4)},
      {"a service without a target", record(kOffsetOfName, 33, 5, u16(0) + u16(0) + u16(1))},
      {"a name that points to itself", record("\xc0\x1b", 1, 5, kV4)},
      {"a name that points ahead", record("\xc0\x40", 1, 5, kV4)},
      {"a label of an unknown kind", record("\x80"
                                            "abc",
                                            1, 5, kV4)},
      {"a target that is longer than its record", record(kOffsetOfName, 33, 5,
                                                         u16(0) + u16(0) + u16(1) +
                                                             "\x3f"
                                                             "abc")},
      {"a name of more than 255 bytes",
       record(labels("a123456789012345678901234567890123456789012345678901234567890."
                     "b123456789012345678901234567890123456789012345678901234567890."
                     "c123456789012345678901234567890123456789012345678901234567890."
                     "d123456789012345678901234567890123456789012345678901234567890."
                     "e12345678901234567890"),
              1, 5, kV4)},
  };
  for (const auto& [what, records] : cases) {
    EXPECT_FALSE(parse(reply(1, 0, 0, records))) << what;
  }
}

}  // namespace
}  // namespace kith::edge::discovery
