// SPDX-License-Identifier: Apache-2.0
#include "api/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

namespace kith::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr Duration kNegative{-1};

std::string message_of(const Result<void>& result) {
  if (result) return "valid";
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  return result.error().message;
}

/// A set of options with one field out of range.
template <class Options>
struct Wrong {
  std::string field;
  std::function<void(Options&)> set;
  std::string name;

  friend void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }
};
template <class Options>
std::string name_of(const ::testing::TestParamInfo<Wrong<Options>>& info) {
  return info.param.name;
}

// Nodes

class WrongNodeOptions : public ::testing::TestWithParam<Wrong<NodeOptions>> {};

TEST_P(WrongNodeOptions, AreRefusedByTheNameOfTheField) {
  NodeOptions options;
  GetParam().set(options);
  EXPECT_THAT(message_of(validate(options)), StartsWith(GetParam().field + " is "));
}

std::vector<Wrong<NodeOptions>> wrong_node_options() {
  using O = NodeOptions;
  return {
      {"listen", [](O& o) { o.listen = "127.0.0.1"; }, "listen_without_port"},
      {"listen", [](O& o) { o.listen = ":7400"; }, "listen_without_host"},
      {"listen", [](O& o) { o.listen = "127.0.0.1:"; }, "listen_with_empty_port"},
      {"listen", [](O& o) { o.listen = "127.0.0.1:65536"; }, "listen_port_too_high"},
      {"listen", [](O& o) { o.listen = "127.0.0.1:-1"; }, "listen_port_negative"},
      {"listen", [](O& o) { o.listen = "127.0.0.1:http"; }, "listen_port_in_words"},
      {"listen", [](O& o) { o.listen = "::1:7400"; }, "listen_ipv6_without_brackets"},
      {"listen", [](O& o) { o.listen = "a b:7400"; }, "listen_with_a_space"},
      {"listen", [](O& o) { o.listen = "0.0.0.0:7400"; }, "listen_on_all_ipv4"},
      {"listen", [](O& o) { o.listen = "0:7400"; }, "listen_on_all_ipv4_in_short"},
      {"listen", [](O& o) { o.listen = "[::]:7400"; }, "listen_on_all_ipv6"},
      {"listen", [](O& o) { o.listen = "[0:0::0]:7400"; }, "listen_on_all_ipv6_at_length"},
      {"listen",
       [](O& o) {
         o.listen = "";
         o.peers = {"10.0.0.1:7400"};
       },
       "listen_empty_with_peers"},
      {"advertise", [](O& o) { o.advertise = "here"; }, "advertise_without_port"},
      {"advertise", [](O& o) { o.advertise = "10.0.0.1:0"; }, "advertise_port_zero"},
      {"advertise", [](O& o) { o.advertise = std::string(1020, 'a') + ":7400"; },
       "advertise_too_long"},
      {"listen", [](O& o) { o.listen = "10.0.0.1:7400"; }, "listen_beyond_this_machine"},
      {"listen", [](O& o) { o.listen = "128.0.0.1:7400"; }, "listen_just_beyond_loopback"},
      {"listen", [](O& o) { o.listen = "node-1.example:7400"; }, "listen_on_a_name"},
      {"listen", [](O& o) { o.listen = "[2001:db8::1]:7400"; }, "listen_beyond_this_machine_ipv6"},
      {"listen", [](O& o) { o.listen = "[::ffff:10.0.0.1]:7400"; }, "listen_on_a_mapped_address"},
      {"tls.reload_interval",
       [](O& o) { o.tls = TlsOptions{.reload_interval = std::chrono::milliseconds(10)}; },
       "tls_reload_interval_too_short"},
      {"tls.reload_interval", [](O& o) { o.tls = TlsOptions{.reload_interval = kNegative}; },
       "tls_reload_interval_negative"},
      {"weight", [](O& o) { o.weight = 0; }, "weight_zero"},
      {"weight", [](O& o) { o.weight = 1001; }, "weight_too_high"},
      {"memory_bytes", [](O& o) { o.memory_bytes = 0; }, "memory_zero"},
      {"memory_bytes", [](O& o) { o.memory_bytes = 1_MiB - 1; }, "memory_too_small"},
      {"loops", [](O& o) { o.loops = 0; }, "loops_zero"},
      {"loops", [](O& o) { o.loops = 17; }, "loops_too_many"},
      {"loader_threads", [](O& o) { o.loader_threads = 0; }, "loader_threads_zero"},
      {"loader_threads", [](O& o) { o.loader_threads = 1025; }, "loader_threads_too_many"},
      {"stop_grace", [](O& o) { o.stop_grace = kNegative; }, "stop_grace_negative"},
      {"peers[0].address", [](O& o) { o.peers = {""}; }, "peer_empty"},
      {"peers[1].address",
       [](O& o) {
         o.peers = {"10.0.0.1:1", "10.0.0.2:0"};
       },
       "peer_port_zero"},
      {"peers[1].address",
       [](O& o) {
         o.peers = {"10.0.0.1:1", "10.0.0.1:1"};
       },
       "peer_twice"},
      {"peers[0].address", [](O& o) { o.peers = {Peer(std::string(1020, 'a') + ":7400")}; },
       "peer_too_long"},
      {"peers[0].weight", [](O& o) { o.peers = {Peer("10.0.0.1:1", 0)}; }, "peer_weight_zero"},
      {"peers[0].weight", [](O& o) { o.peers = {Peer("10.0.0.1:1", 1001)}; },
       "peer_weight_too_high"},
      {"peers", [](O& o) { o.peers.assign(4097, "10.0.0.1:1"); }, "peers_too_many"},
  };
}
INSTANTIATE_TEST_SUITE_P(All, WrongNodeOptions, ::testing::ValuesIn(wrong_node_options()),
                         name_of<NodeOptions>);

TEST(NodeOptions, TheDefaultsAreValid) { EXPECT_EQ(message_of(validate(NodeOptions())), "valid"); }

TEST(NodeOptions, TheLimitsThemselvesAreValid) {
  EXPECT_EQ(message_of(validate(NodeOptions{.weight = 1000,
                                            .memory_bytes = 1_MiB,
                                            .loops = 16,
                                            .loader_threads = 1024,
                                            .stop_grace = Duration::zero()})),
            "valid");
}

TEST(NodeOptions, AWildcardMayBeListenedOnWhenAnAddressIsAdvertised) {
  for (const char* listen : {"0.0.0.0:7400", "[::]:7400"}) {
    EXPECT_EQ(message_of(validate(
                  NodeOptions{.listen = listen, .advertise = "10.0.0.1:7400", .insecure = true})),
              "valid");
  }
}

TEST(NodeOptions, ThisMachineAloneNeedsNoTls) {
  for (const char* listen : {"127.0.0.1:7400", "127.255.0.9:0", "localhost:7400", "[::1]:7400",
                             "[::ffff:127.0.0.1]:7400"}) {
    EXPECT_EQ(message_of(validate(NodeOptions{.listen = listen})), "valid");
  }
}

TEST(NodeOptions, BeyondThisMachineTlsOrAWordIsNeeded) {
  NodeOptions options{.listen = "10.0.0.1:7400"};
  EXPECT_THAT(message_of(validate(options)),
              ::testing::AllOf(HasSubstr("Set tls"), HasSubstr("insecure = true")));
  options.insecure = true;
  EXPECT_EQ(message_of(validate(options)), "valid");
  options.insecure = false;
  options.tls = TlsOptions();
  EXPECT_EQ(message_of(validate(options)), "valid");
}

TEST(NodeOptions, TheMessageOnAWildcardSaysWhatToDo) {
  EXPECT_THAT(message_of(validate(NodeOptions{.listen = "0.0.0.0:7400"})),
              ::testing::AllOf(HasSubstr("peers can reach"), HasSubstr("advertise")));
}

TEST(NodeOptions, AnAddressOf1024BytesIsValid) {
  const std::string longest = std::string(1019, 'a') + ":7400";
  ASSERT_EQ(longest.size(), 1024u);
  EXPECT_EQ(message_of(validate(NodeOptions{.peers = {Peer(longest)}})), "valid");
}

TEST(NodeOptions, AnAddressTooLongIsNotRepeatedInTheMessage) {
  const auto message =
      message_of(validate(NodeOptions{.peers = {Peer(std::string(1 << 20, 'a') + ":7400")}}));
  EXPECT_LT(message.size(), 200u);
  EXPECT_THAT(message, HasSubstr("1024"));
}

TEST(NodeOptions, AddressesInBracketsAndNamesAreValid) {
  EXPECT_EQ(message_of(validate(NodeOptions{
                .listen = "[::1]:0", .advertise = "localhost:7400", .peers = {"[fe80::1]:7400"}})),
            "valid");
}

// Caches

class WrongCacheOptions : public ::testing::TestWithParam<Wrong<CacheOptions>> {};

TEST_P(WrongCacheOptions, AreRefusedByTheNameOfTheField) {
  CacheOptions options;
  GetParam().set(options);
  EXPECT_THAT(message_of(validate(options)), StartsWith(GetParam().field + " is "));
}

std::vector<Wrong<CacheOptions>> wrong_cache_options() {
  using O = CacheOptions;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  return {
      {"memory_bytes", [](O& o) { o.memory_bytes = 0; }, "memory_zero"},
      {"memory_bytes", [](O& o) { o.memory_bytes = 64_KiB - 1; }, "memory_too_small"},
      {"default_ttl", [](O& o) { o.default_ttl = kNegative; }, "default_ttl_negative"},
      {"ttl_jitter", [](O& o) { o.ttl_jitter = -0.01; }, "ttl_jitter_negative"},
      {"ttl_jitter", [](O& o) { o.ttl_jitter = 0.51; }, "ttl_jitter_too_high"},
      {"ttl_jitter", [](O& o) { o.ttl_jitter = kNan; }, "ttl_jitter_nan"},
      {"negative_ttl", [](O& o) { o.negative_ttl = kNegative; }, "negative_ttl_negative"},
      {"stale_if_error", [](O& o) { o.stale_if_error = kNegative; }, "stale_if_error_negative"},
      {"load_timeout", [](O& o) { o.load_timeout = Duration::zero(); }, "load_timeout_zero"},
      {"load_timeout", [](O& o) { o.load_timeout = kNegative; }, "load_timeout_negative"},
      {"max_concurrent_loads", [](O& o) { o.max_concurrent_loads = 0; }, "concurrent_zero"},
      {"max_concurrent_loads", [](O& o) { o.max_concurrent_loads = 100'001; }, "concurrent_many"},
      {"max_queued_loads", [](O& o) { o.max_queued_loads = 0; }, "queued_zero"},
      {"max_value_bytes", [](O& o) { o.max_value_bytes = 0; }, "max_value_zero"},
      {"max_value_bytes", [](O& o) { o.max_value_bytes = 256_MiB + 1; }, "max_value_too_high"},
      {"early_refresh", [](O& o) { o.early_refresh = -0.1; }, "early_refresh_negative"},
      {"early_refresh", [](O& o) { o.early_refresh = 100.1; }, "early_refresh_too_high"},
      {"early_refresh", [](O& o) { o.early_refresh = kNan; }, "early_refresh_nan"},
  };
}
INSTANTIATE_TEST_SUITE_P(All, WrongCacheOptions, ::testing::ValuesIn(wrong_cache_options()),
                         name_of<CacheOptions>);

TEST(CacheOptions, TheDefaultsAreValid) {
  EXPECT_EQ(message_of(validate(CacheOptions())), "valid");
}

TEST(CacheOptions, TheLimitsThemselvesAreValid) {
  EXPECT_EQ(message_of(validate(CacheOptions{.memory_bytes = 64_KiB,
                                             .ttl_jitter = 0.5,
                                             .negative_ttl = Duration::zero(),
                                             .stale_if_error = Duration::zero(),
                                             .load_timeout = Duration(1),
                                             .max_concurrent_loads = 100'000,
                                             .max_queued_loads = 1,
                                             .max_value_bytes = kMaxValueBytes,
                                             .early_refresh = 0})),
            "valid");
}

TEST(CacheOptions, ADurationShorterThanAMillisecondIsShownAsItIs) {
  EXPECT_EQ(message_of(validate(CacheOptions{.default_ttl = Duration(-1)})),
            "default_ttl is -1 ns; it must be zero or more");
  EXPECT_EQ(message_of(validate(CacheOptions{.default_ttl = std::chrono::milliseconds(-7)})),
            "default_ttl is -7 ms; it must be zero or more");
}

// Differences

class CacheDifference : public ::testing::TestWithParam<Wrong<CacheOptions>> {};

TEST_P(CacheDifference, NamesTheField) {
  CacheOptions other;
  GetParam().set(other);
  EXPECT_THAT(difference(CacheOptions(), other), StartsWith(GetParam().field + " is "));
}

std::vector<Wrong<CacheOptions>> changed_cache_options() {
  using O = CacheOptions;
  return {
      {"memory_bytes", [](O& o) { ++o.memory_bytes; }, "memory_bytes"},
      {"coherence", [](O& o) { o.coherence = Coherence::immutable; }, "coherence"},
      {"default_ttl", [](O& o) { ++o.default_ttl; }, "default_ttl"},
      {"ttl_jitter", [](O& o) { o.ttl_jitter = 0.1; }, "ttl_jitter"},
      {"negative_ttl", [](O& o) { ++o.negative_ttl; }, "negative_ttl"},
      {"stale_if_error", [](O& o) { ++o.stale_if_error; }, "stale_if_error"},
      {"load_timeout", [](O& o) { ++o.load_timeout; }, "load_timeout"},
      {"max_concurrent_loads", [](O& o) { ++o.max_concurrent_loads; }, "max_concurrent_loads"},
      {"max_queued_loads", [](O& o) { ++o.max_queued_loads; }, "max_queued_loads"},
      {"max_value_bytes", [](O& o) { ++o.max_value_bytes; }, "max_value_bytes"},
      {"early_refresh", [](O& o) { o.early_refresh = 2; }, "early_refresh"},
  };
}
INSTANTIATE_TEST_SUITE_P(Each, CacheDifference, ::testing::ValuesIn(changed_cache_options()),
                         name_of<CacheOptions>);

TEST(CacheDifference, OfEqualOptionsIsEmpty) {
  EXPECT_EQ(difference(CacheOptions(), CacheOptions()), "");
}

TEST(CacheDifference, ShowsBothValues) {
  EXPECT_EQ(difference({.max_queued_loads = 5}, {.max_queued_loads = 6}),
            "max_queued_loads is 5 there and 6 here");
}

// Names and keys

TEST(CacheName, OfTheAllowedCharactersIsValid) {
  for (const std::string& name : {std::string("a"), std::string("0"),
                                  std::string("Users/by-id_v1.2"), std::string(128, 'x')}) {
    EXPECT_EQ(message_of(validate_cache_name(name)), "valid") << name;
  }
}

TEST(CacheName, OfAnythingElseIsRefused) {
  for (const std::string& name :
       {std::string(), std::string(129, 'x'), std::string(".a"), std::string("/a"),
        std::string("a b"), std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("a:b")}) {
    EXPECT_THAT(message_of(validate_cache_name(name)), StartsWith("name is ")) << name;
  }
}

TEST(Key, Of1To65536BytesIsValid) {
  EXPECT_EQ(message_of(validate_key("k")), "valid");
  EXPECT_EQ(message_of(validate_key(std::string(1, '\0'))), "valid");
  EXPECT_EQ(message_of(validate_key(std::string(65'536, 'k'))), "valid");
}

TEST(Key, ThatIsEmptyIsRefused) {
  EXPECT_THAT(message_of(validate_key("")), StartsWith("key is "));
}

TEST(Key, ThatIsTooLargeIsRefusedWithBothSizes) {
  const auto refused = validate_key(std::string(65'537, 'k'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("65537"), HasSubstr("65536")));
}

}  // namespace
}  // namespace kith::api
