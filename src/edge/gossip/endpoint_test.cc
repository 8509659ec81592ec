// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/endpoint.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "edge/gossip/socket_address.h"

namespace kith::edge::gossip {
namespace {

const std::string kLoopback4("\x7f\0\0\1", 4);
const std::string kLoopback6 = std::string(15, '\0') + '\1';
const std::string kMapped = std::string(10, '\0') + "\xff\xff" + kLoopback4;

TEST(GossipEndpointTest, ReadsDigitsOfBothKinds) {
  EXPECT_EQ(Endpoint::from_digits("127.0.0.1", 7)->ip, kLoopback4);
  EXPECT_EQ(Endpoint::from_digits("::1", 7)->ip, kLoopback6);
  EXPECT_EQ(Endpoint::from_digits("::ffff:127.0.0.1", 7)->ip, kMapped);
  EXPECT_EQ(Endpoint::from_digits("::1", 7)->port, 7);
}

TEST(GossipEndpointTest, TakesNoNames) {
  for (const char* host : {"localhost", "", "127.0.0", "1.2.3.4.5", "[::1]"}) {
    const auto endpoint = Endpoint::from_digits(host, 7);
    ASSERT_FALSE(endpoint) << host;
    EXPECT_EQ(endpoint.error().code, ErrorCode::invalid_argument);
  }
}

TEST(GossipEndpointTest, WritesWhatPeopleRead) {
  EXPECT_EQ((Endpoint{kLoopback4, 7946}.to_string()), "127.0.0.1:7946");
  EXPECT_EQ((Endpoint{kLoopback6, 7946}.to_string()), "[::1]:7946");
  EXPECT_EQ((Endpoint{"abc", 1}.to_string()), "an address of 3 bytes");
}

TEST(GossipEndpointTest, KnowsWhatIsNotOneAddress) {
  EXPECT_TRUE(Endpoint::from_digits("0.0.0.0", 7)->is_wildcard());
  EXPECT_TRUE(Endpoint::from_digits("::", 7)->is_wildcard());
  EXPECT_FALSE(Endpoint::from_digits("127.0.0.1", 7)->is_wildcard());
}

TEST(GossipSocketAddressTest, TheFormsOfAnIpv4AddressAreOneToASocket) {
  for (const std::string& ip : {kLoopback4, kMapped}) {
    const Endpoint endpoint{ip, 7946};
    EXPECT_EQ(family_of(endpoint), AF_INET);
    for (const int family : {AF_INET, AF_INET6}) {
      const auto address = to_socket(endpoint, family);
      ASSERT_TRUE(address);
      EXPECT_EQ(address->storage.ss_family, family);
      EXPECT_EQ(from_socket(*address), (Endpoint{kLoopback4, 7946}));
    }
  }
}

TEST(GossipSocketAddressTest, Ipv6IsNotForIpv4Sockets) {
  const Endpoint endpoint{kLoopback6, 7946};
  EXPECT_EQ(family_of(endpoint), AF_INET6);
  EXPECT_FALSE(to_socket(endpoint, AF_INET));
  EXPECT_EQ(from_socket(*to_socket(endpoint, AF_INET6)), endpoint);
}

TEST(GossipSocketAddressTest, BytesOfOtherLengthsAreNoAddress) {
  for (const std::size_t size : {0u, 3u, 5u, 17u}) {
    const Endpoint endpoint{std::string(size, '\1'), 7946};
    EXPECT_EQ(family_of(endpoint), AF_UNSPEC);
    EXPECT_FALSE(to_socket(endpoint, AF_INET));
    EXPECT_FALSE(to_socket(endpoint, AF_INET6));
  }
}

}  // namespace
}  // namespace kith::edge::gossip
