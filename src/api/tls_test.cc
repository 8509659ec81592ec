// SPDX-License-Identifier: Apache-2.0
// Nodes that prove to each other who they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <absl/base/thread_annotations.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/testing_kit.h"
#include "base/mutex.h"
#include "edge/tls/testing_kit.h"

namespace kith::api {
namespace {

using edge::tls::TestAuthority;
using edge::tls::TestFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;

TlsOptions options_of(const TestFiles& files) {
  const edge::tls::Settings& settings = files.settings();
  return {.certificate_file = settings.certificate_file,
          .key_file = settings.key_file,
          .ca_file = settings.ca_file,
          .peer_names = settings.peer_names};
}

/// What a node says. Outlives it.
class Lines {
 public:
  LogSink sink() {
    return [this](LogLevel, std::string_view line) {
      MutexLock lock(&mutex_);
      text_.append(line).append("\n");
      changed_.notify_all();
    };
  }
  bool wait_for(std::string_view part) {
    MutexLock lock(&mutex_);
    return api::wait_for(mutex_, changed_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return text_.find(part) != std::string::npos;
    });
  }
  std::string text() {
    MutexLock lock(&mutex_);
    return text_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

class TlsNodes : public ::testing::TestWithParam<int> {
 protected:
  Node start(const std::string& name, NodeOptions options = {}) {
    files_.push_back(std::make_unique<TestFiles>(ca_.issue(name), ca_.certificate()));
    options.tls = options_of(*files_.back());
    options.loops = GetParam();
    options.log = lines_.sink();
    return start_node(std::move(options));
  }
  static void join(Node& a, Node& b) {
    ASSERT_TRUE(a.set_peers({b.address()}));
    ASSERT_TRUE(b.set_peers({a.address()}));
  }
  void expect_fills_once(Node& a, Node& b, const std::string& cache) {
    Origin origin;
    const Cache in_a = open_cache(a, cache, {}, origin.loader());
    const Cache in_b = open_cache(b, cache, {}, origin.loader());
    for (int i = 0; i < 50; ++i) {
      const std::string key = "key" + std::to_string(i);
      EXPECT_EQ(text_of(in_a.get(key, patient())), key + "!");
      EXPECT_EQ(text_of(in_b.get(key, patient())), key + "!");
    }
    EXPECT_EQ(origin.loads(), 50);
  }

  Lines lines_;
  TestAuthority ca_;
  std::vector<std::unique_ptr<TestFiles>> files_;
};
INSTANTIATE_TEST_SUITE_P(Loops, TlsNodes, ::testing::Values(1, 2));

TEST_P(TlsNodes, FillEachKeyOnce) {
  Node a = start("a");
  Node b = start("b");
  join(a, b);
  ASSERT_TRUE(a.wait_connected(kPatience)) << lines_.text();
  ASSERT_TRUE(b.wait_connected(kPatience)) << lines_.text();
  expect_fills_once(a, b, "c");
}

TEST_P(TlsNodes, CarryLargeValuesAndManyAtOnce) {
  Node a = start("a");
  Node b = start("b");
  join(a, b);
  ASSERT_TRUE(a.wait_connected(kPatience)) << lines_.text();
  ASSERT_TRUE(b.wait_connected(kPatience)) << lines_.text();
  const auto load = [](const LoadRequest& request) -> LoadResult {
    return Value::adopt(std::string(request.key.size() * 100'000, request.key.back()));
  };
  const Cache in_a = open_cache(a, "c", {}, Loader(load));
  const Cache in_b = open_cache(b, "c", {}, Loader(load));
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(std::to_string(i));
  for (const Cache* cache : {&in_a, &in_b}) {
    const auto values = cache->get_many(keys, patient());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      ASSERT_TRUE(values[i]) << values[i].error();
      const std::string expected(keys[i].size() * 100'000, keys[i].back());
      EXPECT_TRUE((*values[i])->view() == expected) << keys[i];
    }
  }
}

TEST_P(TlsNodes, RefuseOneWithoutTlsAndItIsTold) {
  Node a = start("a");
  Lines lines;
  Node plain = start_node({.peers = {a.address()}, .log = lines.sink()});
  ASSERT_TRUE(a.set_peers({plain.address()}));
  EXPECT_TRUE(
      lines_.wait_for("refuses a peer at 127.0.0.1: it speaks plaintext, and this node TLS"))
      << lines_.text();
  EXPECT_TRUE(lines.wait_for("takes TLS only, and this connection is plaintext")) << lines.text();
  // And the other way.
  EXPECT_TRUE(lines.wait_for("refuses a peer at 127.0.0.1: it speaks TLS, and this node plaintext"))
      << lines.text();
  EXPECT_TRUE(lines_.wait_for("cannot connect to " + plain.address() + ": it speaks plaintext"))
      << lines_.text();
  EXPECT_FALSE(a.wait_connected(std::chrono::milliseconds(100)));
}

TEST_P(TlsNodes, RefuseOneOfAnotherCaAndItIsTold) {
  Node a = start("a");
  const TestAuthority other("other");
  const TestFiles files(other.issue("x"), ca_.certificate() + other.certificate());
  Lines lines;
  Node x = start_node({.peers = {a.address()}, .tls = options_of(files), .log = lines.sink()});
  ASSERT_TRUE(a.set_peers({x.address()}));
  EXPECT_TRUE(
      lines_.wait_for("refuses a peer at 127.0.0.1: its certificate is not of this "
                      "cluster's CA: it was issued by CN=other"))
      << lines_.text();
  EXPECT_TRUE(lines.wait_for("cannot connect to " + a.address() +
                             ": it refuses this node's certificate: not of its CA"))
      << lines.text();
  EXPECT_TRUE(lines_.wait_for("cannot connect to " + x.address() + ": its certificate is not of"))
      << lines_.text();
}

TEST_P(TlsNodes, TakeNewCertificatesIntoUseWhileTheyRun) {
  Node a = start("a");
  Node b = start("b");
  join(a, b);
  ASSERT_TRUE(a.wait_connected(kPatience)) << lines_.text();
  ASSERT_TRUE(b.wait_connected(kPatience)) << lines_.text();
  // A new CA: first it is trusted beside the old one, then it signs.
  const TestAuthority next("next");
  const std::string both = ca_.certificate() + next.certificate();
  files_[0]->replace(ca_.issue("a"), both);
  files_[1]->replace(ca_.issue("b"), both);
  ASSERT_TRUE(a.reload_certificates());
  ASSERT_TRUE(b.reload_certificates());
  files_[0]->replace(next.issue("a"), next.certificate());
  files_[1]->replace(next.issue("b"), next.certificate());
  ASSERT_TRUE(a.reload_certificates());
  ASSERT_TRUE(b.reload_certificates());
  // Those who are connected stay so, and those who come anew come with the new ones.
  expect_fills_once(a, b, "c");
  files_.push_back(std::make_unique<TestFiles>(next.issue("d"), next.certificate()));
  Node d = start_node({.peers = {a.address()},
                       .loops = GetParam(),
                       .tls = options_of(*files_.back()),
                       .log = lines_.sink()});
  ASSERT_TRUE(a.set_peers({d.address()}));
  ASSERT_TRUE(a.wait_connected(kPatience)) << lines_.text();
  ASSERT_TRUE(d.wait_connected(kPatience)) << lines_.text();
  expect_fills_once(a, d, "e");
}

TEST_P(TlsNodes, KeepWhatTheyHaveWhenAFileIsBroken) {
  Node a = start("a");
  files_[0]->replace({"no certificate", "no key"}, "no CA");
  const auto reloaded = a.reload_certificates();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(reloaded.error().message, AllOf(HasSubstr("tls.certificate_file"),
                                              HasSubstr("has no certificate in PEM form")));
  Node b = start("b");
  join(a, b);
  EXPECT_TRUE(a.wait_connected(kPatience)) << lines_.text();
  EXPECT_TRUE(b.wait_connected(kPatience)) << lines_.text();
}

TEST(TlsNode, LooksAtItsFilesByItselfAndSaysWhatItFinds) {
  Lines lines;
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  TlsOptions tls = options_of(files);
  tls.reload_interval = std::chrono::seconds(1);
  Node node = start_node({.tls = tls, .log = lines.sink()});
  files.replace(ca.issue("b"), "broken");
  EXPECT_TRUE(lines.wait_for("the certificates stay as they were: tls.ca_file")) << lines.text();
  files.replace(ca.issue("b"), ca.certificate());
  EXPECT_TRUE(lines.wait_for("new certificates are in use: kith://test/b, valid until"))
      << lines.text();
}

TEST(TlsNode, SaysThatItsCertificateIsNearlyOver) {
  Lines lines;
  const TestAuthority ca;
  const TestFiles files(ca.issue("a", {edge::tls::now_plus(-std::chrono::hours(90)),
                                       edge::tls::now_plus(std::chrono::hours(10))}),
                        ca.certificate());
  TlsOptions tls = options_of(files);
  tls.reload_interval = std::chrono::seconds(1);
  Node node = start_node({.tls = tls, .log = lines.sink()});
  EXPECT_TRUE(lines.wait_for("nobody has renewed it")) << lines.text();
}

TEST(TlsNode, DoesNotStartWithFilesThatAreNotInOrder) {
  const auto node = Node::start({.tls = TlsOptions{.certificate_file = "/nowhere/a.pem",
                                                   .key_file = "/nowhere/a.key",
                                                   .ca_file = "/nowhere/ca.pem",
                                                   .peer_names = {"*"}}});
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(node.error().message,
              AllOf(HasSubstr("tls.certificate_file '/nowhere/a.pem'"), HasSubstr("No such file")));
}

TEST(TlsNode, WithTlsMayListenOnAllAddresses) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  Node node =
      start_node({.listen = "0.0.0.0:0", .advertise = "127.0.0.1:7400", .tls = options_of(files)});
  EXPECT_EQ(node.address(), "127.0.0.1:7400");
}

TEST(PlainNode, HasNoCertificatesToReload) {
  Node node = start_node();
  const auto reloaded = node.reload_certificates();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace kith::api
