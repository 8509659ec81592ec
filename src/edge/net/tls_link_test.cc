// SPDX-License-Identifier: Apache-2.0
// Links and acceptors over loopback, with TLS on both sides, on one, or on neither.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "edge/net/acceptor.h"
#include "edge/net/connection.h"
#include "edge/net/link.h"
#include "edge/tls/testing_kit.h"
#include "wire/peer/codec.h"

namespace kith::edge {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tls::CertificateAndKey;
using tls::Credentials;
using tls::OwnCertificate;
using tls::TestAuthority;
using tls::TestFiles;
using wire::peer::Message;
using wire::peer::Ping;
using wire::peer::Pong;
using wire::peer::ValueReply;

constexpr auto kPatience = std::chrono::seconds(20);

/// A loop of the test's own thread.
struct TestLoop {
  /// Runs turns until it holds; false: it does not within the tests' patience.
  bool until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      if (context.run_one_for(std::chrono::milliseconds(20)) > 0) context.poll();
      queue.flush();
    }
    return true;
  }

  boost::asio::io_context context;
  FlushQueue queue;
};

/// The accepting side: answers each Ping with a Pong, and each Get with as many bytes as its key
/// says.
class Server final : private Acceptor::Listener {
 public:
  Server(TestLoop& loop, std::shared_ptr<const Credentials> credentials,
         const Acceptor::Limits& limits = {})
      : loop_(loop), acceptor_(*Acceptor::open(loop.context, Address{"127.0.0.1", 0}, limits)) {
    self_ = {.name = "127.0.0.1:" + std::to_string(acceptor_->port()),
             .boot = BootId{1},
             .slices = 1,
             .tls = std::move(credentials)};
    acceptor_->start(self_, *this, loop.queue);
  }

  const std::string& name() const { return self_.name; }
  std::uint16_t port() const { return acceptor_->port(); }
  std::size_t accepted() const { return callers_.size(); }
  int messages() const { return messages_; }
  const std::vector<std::string>& refused() const { return refused_; }
  bool refused_with(std::string_view part) const {
    for (const std::string& line : refused_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  struct Caller final : Connection::Listener {
    Caller(Server& server_, Channel channel)
        : server(server_),
          connection(server.loop_.context, std::move(channel), {}, *this, server.loop_.queue) {}
    void on_message(const Message& message) override {
      ++server.messages_;
      if (const auto* ping = std::get_if<Ping>(&message)) {
        connection.send(Pong{.request = ping->request});
      }
      if (const auto* get = std::get_if<wire::peer::Get>(&message)) {
        ValueReply reply;
        reply.request = get->request;
        reply.value = Value::adopt(std::string(std::stoul(std::string(get->key)), 'v'));
        connection.send(reply);
      }
    }
    void on_closed(std::string_view) override {}

    Server& server;
    Connection connection;
  };

  void on_accepted(Acceptor::Accepted accepted) override {
    callers_.push_back(std::make_unique<Caller>(*this, std::move(accepted.channel)));
    callers_.back()->connection.send(wire::peer::HelloOk{
        .version = accepted.version, .slices = 1, .boot = self_.boot, .name = self_.name});
  }
  void on_refused(std::string_view who, std::string_view why) override {
    refused_.push_back(std::string(who) + ": " + std::string(why));
  }

  TestLoop& loop_;
  std::unique_ptr<Acceptor> acceptor_;
  Identity self_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::vector<std::string> refused_;
  int messages_ = 0;
};

/// The dialing side.
class Client final : private Link::Listener {
 public:
  Client(TestLoop& loop, std::shared_ptr<const Credentials> credentials, const std::string& peer)
      : self_{.name = "client:1", .boot = BootId{2}, .slices = 1, .tls = std::move(credentials)},
        link_(loop.context, self_, peer, peer, 0, 7, *this, loop.queue) {}

  Link& link() { return link_; }
  bool up() const { return link_.up(); }
  const std::vector<Link::Down>& downs() const { return downs_; }
  std::size_t pongs() const { return pongs_; }
  const std::vector<Value>& values() const { return values_; }

 private:
  void on_up(Link&, BootId, std::uint16_t) override {}
  void on_down(Link&, const Link::Down& down) override { downs_.push_back(down); }
  void on_message(Link&, const Message& message) override {
    if (std::holds_alternative<Pong>(message)) ++pongs_;
    if (const auto* reply = std::get_if<ValueReply>(&message)) values_.push_back(reply->value);
  }

  const Identity self_;
  std::vector<Link::Down> downs_;
  std::size_t pongs_ = 0;
  std::vector<Value> values_;
  Link link_;
};

/// A blocking socket, for what no Link would send.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  }
  RawSocket(RawSocket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() {
    if (socket_ >= 0) ::close(socket_);
  }

  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// What has come, without waiting.
  std::string received() const {
    std::string bytes(100'000, '\0');
    const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }

 private:
  int socket_;
};

class TlsLink : public ::testing::Test {
 protected:
  std::shared_ptr<Credentials> credentials(const CertificateAndKey& own) {
    return TestFiles(own, ca_.certificate()).load();
  }

  TestLoop loop_;
  TestAuthority ca_;
};

TEST_F(TlsLink, CarriesMessagesOfAllSizes) {
  Server server(loop_, credentials(ca_.issue("s")));
  Client client(loop_, credentials(ca_.issue("c")), server.name());
  ASSERT_TRUE(loop_.until([&] { return client.up(); }));
  const std::vector<std::size_t> sizes = {0,      1,      2048,   2049,   16'383,    16'384,
                                          16'385, 40'000, 65'536, 70'000, 1'000'000, 20'000'000};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string key = std::to_string(sizes[i]);
    client.link().send(wire::peer::Get{.request = i + 1, .key = key});
  }
  ASSERT_TRUE(loop_.until([&] { return client.values().size() == sizes.size(); }));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(client.values()[i].view() == std::string(sizes[i], 'v')) << sizes[i];
  }
  EXPECT_THAT(server.refused(), IsEmpty());
  EXPECT_THAT(client.downs(), IsEmpty());
}

TEST_F(TlsLink, CarriesManySmallMessages) {
  Server server(loop_, credentials(ca_.issue("s")));
  Client client(loop_, credentials(ca_.issue("c")), server.name());
  ASSERT_TRUE(loop_.until([&] { return client.up(); }));
  constexpr std::size_t kMany = 50'000;
  for (std::size_t i = 1; i <= kMany; ++i) client.link().send(Ping{.request = i});
  EXPECT_TRUE(loop_.until([&] { return client.pongs() == kMany; }));
}

TEST_F(TlsLink, WithoutTlsIsRefusedAndTold) {
  Server server(loop_, credentials(ca_.issue("s")));
  Client client(loop_, nullptr, server.name());
  ASSERT_TRUE(loop_.until([&] { return !client.downs().empty() && !server.refused().empty(); }));
  EXPECT_EQ(server.refused().front(),
            "a peer at 127.0.0.1: it speaks plaintext, and this node TLS");
  EXPECT_EQ(client.downs().front().why,
            "it refuses: " + server.name() + " takes TLS only, and this connection is plaintext");
  EXPECT_TRUE(client.downs().front().misconfigured);
  EXPECT_EQ(server.accepted(), 0u);
}

TEST_F(TlsLink, ToANodeWithoutTlsIsRefusedAndTold) {
  Server server(loop_, nullptr);
  Client client(loop_, credentials(ca_.issue("c")), server.name());
  ASSERT_TRUE(loop_.until([&] { return !client.downs().empty() && !server.refused().empty(); }));
  EXPECT_EQ(server.refused().front(),
            "a peer at 127.0.0.1: it speaks TLS, and this node plaintext");
  EXPECT_EQ(client.downs().front().why, "it speaks plaintext, and this node TLS");
  EXPECT_TRUE(client.downs().front().misconfigured);
  EXPECT_EQ(server.accepted(), 0u);
}

/// One side has a certificate that the other does not take.
struct BadCertificate {
  const char* name;
  CertificateAndKey (*own)(const TestAuthority& ca, const TestAuthority& other);
  const char* refusal;
  const char* lament;
};

class BadCertificates : public TlsLink, public ::testing::WithParamInterface<BadCertificate> {
 protected:
  std::shared_ptr<Credentials> bad() {
    const TestFiles files(GetParam().own(ca_, other_), ca_.certificate() + other_.certificate(),
                          "*");
    return files.load(OwnCertificate::may_be_bad);
  }
  TestAuthority other_{"other"};
};

TEST_P(BadCertificates, OfTheOneThatDialsAreRefusedAndItIsTold) {
  Server server(loop_, credentials(ca_.issue("s")));
  Client client(loop_, bad(), server.name());
  ASSERT_TRUE(loop_.until([&] { return !client.downs().empty() && !server.refused().empty(); }));
  EXPECT_THAT(server.refused().front(), HasSubstr(GetParam().refusal));
  EXPECT_THAT(client.downs().front().why, HasSubstr(GetParam().lament));
  EXPECT_TRUE(client.downs().front().misconfigured);
  EXPECT_FALSE(client.downs().front().was_up);
  EXPECT_EQ(server.accepted(), 0u);
  EXPECT_EQ(server.messages(), 0);
}

TEST_P(BadCertificates, OfTheOneThatAcceptsAreRefusedAndItIsTold) {
  Server server(loop_, bad());
  Client client(loop_, credentials(ca_.issue("c")), server.name());
  ASSERT_TRUE(loop_.until([&] { return !client.downs().empty() && !server.refused().empty(); }));
  EXPECT_THAT(client.downs().front().why, HasSubstr(GetParam().refusal));
  EXPECT_TRUE(client.downs().front().misconfigured);
  EXPECT_THAT(server.refused().front(), HasSubstr(GetParam().lament));
  EXPECT_EQ(server.accepted(), 0u);
}

CertificateAndKey of_another_ca(const TestAuthority&, const TestAuthority& other) {
  return other.issue("x");
}
CertificateAndKey expired_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", tls::expired());
}
CertificateAndKey too_early_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", tls::not_yet_valid());
}
CertificateAndKey foreign_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", tls::valid_now(), "foreign");
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadCertificates,
    ::testing::Values(
        BadCertificate{"wrong_ca", of_another_ca,
                       "its certificate is not of this cluster's CA: it was issued by CN=other",
                       "it refuses this node's certificate: not of its CA"},
        BadCertificate{"expired", expired_one, "its certificate expired on 20",
                       "it refuses this node's certificate: expired"},
        BadCertificate{"not_yet_valid", too_early_one, "its certificate is not valid before 20",
                       "it refuses this node's certificate: not valid yet"},
        BadCertificate{"foreign_name", foreign_one,
                       "its certificate has the names kith://foreign/x: none matches peer_names, "
                       "kith://test/*",
                       "it refuses this node's certificate: its rule for names"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(TlsLink, StaysUpWhenTheCertificatesAreReplaced) {
  const TestFiles files(ca_.issue("s"), ca_.certificate());
  const std::shared_ptr<Credentials> own = files.load();
  Server server(loop_, own);
  Client before(loop_, credentials(ca_.issue("c")), server.name());
  ASSERT_TRUE(loop_.until([&] { return before.up(); }));

  const TestAuthority next("next");
  files.replace(next.issue("s"), next.certificate());
  ASSERT_EQ(own->reload(), Result<bool>(true));
  before.link().send(Ping{.request = 1});
  EXPECT_TRUE(loop_.until([&] { return before.pongs() == 1; }));

  Client after(loop_, TestFiles(next.issue("d"), next.certificate()).load(), server.name());
  EXPECT_TRUE(loop_.until([&] { return after.up(); }));
  // Who has to come again with what was replaced is not let in.
  before.link().redial();
  EXPECT_TRUE(loop_.until([&] { return !before.downs().empty(); }));
  EXPECT_THAT(before.downs().front().why, HasSubstr("not of this cluster's CA"));
}

TEST_F(TlsLink, ThatIsSlowInItsHandshakeIsGivenUp) {
  Server server(loop_, credentials(ca_.issue("s")));
  const RawSocket slow(server.port());
  slow.send("\x16");
  ASSERT_TRUE(loop_.until([&] { return !server.refused().empty(); }));
  EXPECT_EQ(server.refused().front(), "a peer at 127.0.0.1: no TLS handshake within two seconds");
}

TEST_F(TlsLink, ThatIsOneOfManyUnfinishedIsTurnedAwayAndTheRestStayPossible) {
  Server server(loop_, credentials(ca_.issue("s")), {.max_connections = 100, .max_silent = 3});
  {
    std::vector<RawSocket> slow;
    for (int i = 0; i < 4; ++i) {
      slow.emplace_back(server.port());
      slow.back().send("\x16\x03");
    }
    ASSERT_TRUE(loop_.until([&] { return !server.refused().empty(); }));
    EXPECT_THAT(server.refused().front(), HasSubstr("too many connections are open"));
  }
  Client client(loop_, credentials(ca_.issue("c")), server.name());
  EXPECT_TRUE(loop_.until([&] { return client.up(); }));
}

TEST_F(TlsLink, ThatEndsInItsHandshakeIsForgotten) {
  Server server(loop_, credentials(ca_.issue("s")));
  RawSocket(server.port()).send("\x16\x03\x01");
  ASSERT_TRUE(loop_.until([&] { return !server.refused().empty(); }));
  EXPECT_THAT(server.refused().front(), HasSubstr("during the TLS handshake"));
}

TEST_F(TlsLink, ToOneThatNeverAnswersIsGivenUp) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listening, 16), 0);
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size), 0);
  Client client(loop_, credentials(ca_.issue("c")),
                "127.0.0.1:" + std::to_string(ntohs(at.sin_port)));
  EXPECT_TRUE(loop_.until([&] { return !client.downs().empty(); }));
  EXPECT_EQ(client.downs().front().why, "it accepts but does not answer the TLS handshake");
  ::close(listening);
}

/// Noise, beginnings of TLS, and of frames of ours: none is let in, none is heard, and afterwards a
/// good one is.
TEST_F(TlsLink, IsNotTakenForOneByAnyOtherFirstBytes) {
  constexpr std::uint64_t kSeed = 31;
  Rng rng(kSeed);
  Server server(loop_, credentials(ca_.issue("s")));
  const auto peer = credentials(ca_.issue("c"));
  std::string greeting;
  static_cast<void>(wire::peer::encode(
      wire::peer::Hello{.slice = 0, .boot = BootId{9}, .name = "x:1", .target = server.name()},
      greeting));
  std::size_t sent = 0;
  for (int run = 0; run < 200; ++run) {
    std::string bytes;
    switch (rng.between(0, 2)) {
      case 0:
        bytes = greeting;
        break;
      case 1: {
        tls::Session session(peer->context(), tls::Session::Role::dials);
        ASSERT_TRUE(session.handshake());
        const auto hello = session.output();
        bytes.assign(reinterpret_cast<const char*>(hello.data()), hello.size());
        bytes += greeting;
        break;
      }
      default:
        bytes.assign("\x16\x03\x01", 3);
        for (std::int64_t n = rng.between(0, 600); n > 0; --n) {
          bytes += static_cast<char>(rng.next());
        }
        break;
    }
    for (std::int64_t n = rng.between(0, 4); n > 0; --n) {
      bytes[static_cast<std::size_t>(rng.between(0, static_cast<std::int64_t>(bytes.size()) - 1))] =
          static_cast<char>(rng.next());
    }
    if (rng.between(0, 3) == 0) {
      bytes.resize(
          static_cast<std::size_t>(rng.between(1, static_cast<std::int64_t>(bytes.size()))));
    }
    const RawSocket stranger(server.port());
    stranger.send(bytes);
    ++sent;
    // Some are left in the middle of it.
    for (std::int64_t n = rng.between(0, 5); n > 0; --n) {
      loop_.context.restart();
      loop_.context.poll();
      loop_.queue.flush();
    }
  }
  ASSERT_TRUE(loop_.until([&] { return server.refused().size() == sent; })) << "seed " << kSeed;
  EXPECT_EQ(server.accepted(), 0u);
  EXPECT_EQ(server.messages(), 0);
  Client client(loop_, peer, server.name());
  EXPECT_TRUE(loop_.until([&] { return client.up(); }));
}

TEST_F(TlsLink, OfAStrangerIsToldNoSecret) {
  // What a stranger gets to see of a node that takes TLS only: one frame, and no more.
  Server server(loop_, credentials(ca_.issue("s")));
  const RawSocket stranger(server.port());
  stranger.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(loop_.until([&] { return !server.refused().empty(); }));
  EXPECT_TRUE(server.refused_with("it speaks plaintext"));
  std::string answer;
  ASSERT_TRUE(loop_.until([&] { return !(answer += stranger.received()).empty(); }));
  EXPECT_THAT(answer, HasSubstr("takes TLS only"));
}

}  // namespace
}  // namespace kith::edge
