// SPDX-License-Identifier: Apache-2.0
#include "edge/net/address.h"

#include <gtest/gtest.h>

namespace kith::edge {
namespace {

TEST(AddressTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(Address::parse("example.org:7400"), (Address{"example.org", 7400}));
  EXPECT_EQ(Address::parse("10.0.0.1:0"), (Address{"10.0.0.1", 0}));
  EXPECT_EQ(Address::parse("[2001:db8::1]:65535"), (Address{"2001:db8::1", 65535}));
}

TEST(AddressTest, WritesWhatItReads) {
  for (const char* text : {"example.org:7400", "10.0.0.1:0", "[2001:db8::1]:65535"}) {
    EXPECT_EQ(Address::parse(text)->to_string(), text);
  }
}

TEST(AddressTest, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "host", ":7400", "host:", "host:x", "host:-1", "host:65536", "::1:80", "[host]:80",
        "a b:80", "http://host:80", "host:80 ", "[::1]"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

}  // namespace
}  // namespace kith::edge
