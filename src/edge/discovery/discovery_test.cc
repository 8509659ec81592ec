// SPDX-License-Identifier: Apache-2.0
//
// The public functions, as far as they need no server; those that do are in tests/discovery.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/discovery.h>

#include <string>
#include <utility>
#include <vector>

namespace kith {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The message of a refusal; empty when it was none, or not for its arguments.
std::string refusal(const Result<std::shared_ptr<Discovery>>& made) {
  return made || made.error().code != ErrorCode::invalid_argument ? "" : made.error().message;
}

TEST(StaticSeeds, TellsItsListWithinStart) {
  const auto source = static_seeds({"node-2:7946", "10.0.0.1:7946", "[2001:DB8::1]:7946"});
  ASSERT_TRUE(source) << source.error();
  std::vector<Seed> told;
  ASSERT_TRUE(
      (*source)->start({.on_seeds = [&](const std::vector<Seed>& seeds) { told = seeds; }}));
  EXPECT_THAT(told,
              ElementsAre(Seed{"10.0.0.1", 7946}, Seed{"2001:db8::1", 7946}, Seed{"node-2", 7946}));
  EXPECT_EQ((*source)->start({}).error().code, ErrorCode::failed_precondition);
  (*source)->stop();
  (*source)->stop();
}

TEST(StaticSeeds, RefusesWhatIsNoAddress) {
  EXPECT_THAT(refusal(static_seeds({})), HasSubstr("empty"));
  EXPECT_THAT(refusal(static_seeds({"10.0.0.1:1", "10.0.0.2"})), HasSubstr("10.0.0.2"));
  EXPECT_THAT(refusal(static_seeds({"10.0.0.1:0"})), HasSubstr("port"));
}

TEST(Sources, StopBeforeStartForbidsIt) {
  const auto source = consul_seeds({.service = "cache"});
  ASSERT_TRUE(source) << source.error();
  EXPECT_EQ((*source)->name(), "Consul cache");
  (*source)->stop();
  EXPECT_EQ((*source)->start({}).error().code, ErrorCode::failed_precondition);
}

/// A pool's own source, as users write it.
class OwnSource final : public Discovery {
 public:
  std::string name() const override { return "own"; }
  Result<void> start(Listener listener) override {
    listener.on_seeds({{"10.0.0.1", 1}});
    return {};
  }
  void stop() override {}
};

TEST(Sources, MayBeTheUsersOwn) {
  OwnSource source;
  std::vector<Seed> told;
  ASSERT_TRUE(source.start({.on_seeds = [&](const std::vector<Seed>& seeds) { told = seeds; }}));
  EXPECT_THAT(told, ElementsAre(Seed{"10.0.0.1", 1}));
}

TEST(DnsSeeds, RefusesEachBadOption) {
  const DnsOptions good{.name = "pool.example.com", .port = 1};
  ASSERT_TRUE(dns_seeds(good));
  const auto with = [&](auto change) {
    DnsOptions options = good;
    change(options);
    return refusal(dns_seeds(std::move(options)));
  };
  EXPECT_THAT(with([](auto& o) { o.name = ""; }), HasSubstr("name is"));
  EXPECT_THAT(with([](auto& o) { o.name = "a..b"; }), HasSubstr("name is"));
  EXPECT_THAT(with([](auto& o) { o.name = std::string(64, 'a') + ".b"; }), HasSubstr("name is"));
  EXPECT_THAT(with([](auto& o) { o.name = "10.0.0.1"; }), HasSubstr("static_seeds"));
  EXPECT_THAT(with([](auto& o) { o.port = 0; }), HasSubstr("port is 0"));
  EXPECT_THAT(with([](auto& o) { o.refresh = milliseconds(1); }),
              HasSubstr("refresh is 1 ms; it must be 1000 ms to 86400000 ms"));
  EXPECT_THAT(with([](auto& o) { o.timeout = seconds(61); }), HasSubstr("timeout is 61000 ms"));
  EXPECT_THAT(with([](auto& o) { o.servers = {"ns.example.com:53"}; }), HasSubstr("servers is"));
  EXPECT_THAT(with([](auto& o) { o.servers.assign(9, "10.0.0.1"); }), HasSubstr("at most 8"));
  EXPECT_EQ(with([](auto& o) { o.servers = {"10.0.0.1", "10.0.0.1:5", "::1", "[::1]:5"}; }), "");
}

TEST(DnsSrvSeeds, RefusesABadName) {
  EXPECT_TRUE(dns_srv_seeds({.name = "_kith._tcp.example.com."}));
  EXPECT_THAT(refusal(dns_srv_seeds({.name = "a b"})), HasSubstr("name is \"a b\""));
}

TEST(KubernetesSeeds, RefusesEachBadOption) {
  const KubernetesOptions good{
      .in_namespace = "prod", .service = "cache", .api_server = "https://10.0.0.1:443"};
  ASSERT_TRUE(kubernetes_seeds(good));
  const auto with = [&](auto change) {
    KubernetesOptions options = good;
    change(options);
    return refusal(kubernetes_seeds(std::move(options)));
  };
  EXPECT_THAT(with([](auto& o) { o.service = ""; }), HasSubstr("service is"));
  EXPECT_THAT(with([](auto& o) { o.in_namespace = "a/b"; }), HasSubstr("in_namespace is"));
  EXPECT_THAT(with([](auto& o) { o.api_server = "10.0.0.1:443"; }), HasSubstr("api_server is"));
  EXPECT_THAT(with([](auto& o) { o.api_server = "https://10.0.0.1:443/x"; }),
              HasSubstr("api_server is"));
  EXPECT_THAT(with([](auto& o) { o.port_name = "a\nb"; }), HasSubstr("port_name"));
  EXPECT_THAT(with([](auto& o) { o.watch_time = seconds(0); }), HasSubstr("watch_time is"));
}

TEST(KubernetesSeeds, OutsideAPodTheDefaultsAreRefused) {
  const auto source = kubernetes_seeds({.service = "cache",
                                        .api_server = "https://10.0.0.1:443",
                                        .namespace_file = "/nowhere/namespace"});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(source.error().message, HasSubstr("/nowhere/namespace"));
}

TEST(ConsulSeeds, RefusesEachBadOption) {
  EXPECT_THAT(refusal(consul_seeds({})), HasSubstr("service is empty"));
  EXPECT_THAT(refusal(consul_seeds({.service = "a", .url = "ftp://a:1"})), HasSubstr("url is"));
  EXPECT_THAT(refusal(consul_seeds({.service = "a", .token = "b", .token_file = "c"})),
              HasSubstr("token_file is"));
  EXPECT_THAT(refusal(consul_seeds({.service = "a", .wait = std::chrono::minutes(11)})),
              HasSubstr("wait is"));
  // A password in a URL belongs in no message.
  const std::string message = refusal(consul_seeds({.service = "a", .url = "http://u:secret@a:1"}));
  EXPECT_THAT(message, HasSubstr("url has a user"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("secret")));
}

TEST(EtcdSeeds, RefusesEachBadOption) {
  EXPECT_TRUE(etcd_seeds({.prefix = "/a/"}));
  EXPECT_THAT(refusal(etcd_seeds({})), HasSubstr("prefix is empty"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .urls = {}})), HasSubstr("urls is 0 URLs"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .urls = {"a:1"}})), HasSubstr("urls is"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .register_address = "a"})),
              HasSubstr("register_address is"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .lease = milliseconds(2500)})),
              HasSubstr("lease is"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .lease = seconds(1)})), HasSubstr("lease is"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .user = "root"})), HasSubstr("password"));
  EXPECT_THAT(refusal(etcd_seeds({.prefix = "a", .certificate_file = "c"})), HasSubstr("key_file"));
}

}  // namespace
}  // namespace kith
