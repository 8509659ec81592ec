// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "edge/tls/testing_kit.h"

namespace kith::edge::tls {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Role = Session::Role;

std::shared_ptr<const Context> context_of(const CertificateAndKey& own, const std::string& ca,
                                          const std::string& rule = kTestRule) {
  return TestFiles(own, ca, rule).load(OwnCertificate::may_be_bad)->context();
}

std::string_view text_of(Session::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void give(Session& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto space = to.space();
    const std::size_t size = std::min(space.size(), bytes.size());
    ASSERT_GT(size, 0u);
    std::memcpy(space.data(), bytes.data(), size);
    to.commit(size);
    bytes.remove_prefix(size);
  }
}

std::string take_output(Session& from) {
  std::string bytes(text_of(from.output()));
  from.sent(bytes.size());
  return bytes;
}

/// One side of a connection that exists in memory alone.
struct Side {
  Side(std::shared_ptr<const Context> context, Role role) : session(std::move(context), role) {}

  /// Goes on with the handshake; afterwards reads.
  void step() {
    if (!problem.empty()) return;
    if (!established) {
      const Result<bool> done = session.handshake();
      if (!done) {
        problem = done.error().message;
        code = done.error().code;
      } else {
        established = *done;
      }
      if (!established) return;
    }
    std::vector<std::byte> buffer(100'000);
    while (true) {
      const Result<std::size_t> size = session.read(buffer);
      if (!size) {
        problem = size.error().message;
        code = size.error().code;
        return;
      }
      if (*size == 0) return;
      heard.append(text_of(std::span(buffer).first(*size)));
    }
  }
  void say(std::string_view text) {
    const std::vector<Session::Bytes> parts = {std::as_bytes(std::span(text))};
    const auto written = session.write(parts);
    ASSERT_TRUE(written) << written.error();
    ASSERT_EQ(*written, text.size());
  }

  Session session;
  bool established = false;
  std::string problem;
  ErrorCode code = ErrorCode::internal;
  std::string heard;
};

/// Carries bytes both ways until there are none, as each side says `words` once it may.
void talk(Side& dialer, Side& acceptor, std::string_view words = "hello") {
  bool said = false;
  for (int round = 0; round < 20; ++round) {
    dialer.step();
    if (dialer.established && dialer.problem.empty() && !std::exchange(said, true)) {
      dialer.say(words);
    }
    const std::string there = take_output(dialer.session);
    give(acceptor.session, there);
    acceptor.step();
    const std::string back = take_output(acceptor.session);
    give(dialer.session, back);
    if (there.empty() && back.empty()) return;
  }
  ADD_FAILURE() << "they do not stop talking";
}

TEST(Session, TwoOfOneClusterUnderstandEachOther) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b);
  EXPECT_EQ(b.heard, "hello");
  b.say("hello yourself");
  give(a.session, take_output(b.session));
  a.step();
  EXPECT_EQ(a.heard, "hello yourself");
}

TEST(Session, NothingOfWhatIsSaidCanBeReadOnTheWay) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b);
  a.say("a secret that must not be seen");
  EXPECT_EQ(take_output(a.session).find("secret"), std::string::npos);
}

/// A pair of which one side is wrong, and what each of them says about it.
struct Misfit {
  const char* name;
  bool dialer_is_wrong;
  CertificateAndKey (*own)(const TestAuthority& ca, const TestAuthority& other);
  /// Of the side that refuses.
  const char* refusal;
  /// Of the side that is refused.
  const char* lament;
};

class Misfits : public ::testing::TestWithParam<Misfit> {};

TEST_P(Misfits, AreToldWhyOnBothSidesAndNothingIsHeardOfThem) {
  const TestAuthority ca;
  const TestAuthority other("other");
  // Trusts both, so that it is refused and does not refuse.
  const auto wrong =
      context_of(GetParam().own(ca, other), ca.certificate() + other.certificate(), "*");
  const auto right = context_of(ca.issue("a"), ca.certificate());
  Side dialer(GetParam().dialer_is_wrong ? wrong : right, Role::dials);
  Side acceptor(GetParam().dialer_is_wrong ? right : wrong, Role::accepts);
  talk(dialer, acceptor);
  const Side& refusing = GetParam().dialer_is_wrong ? acceptor : dialer;
  const Side& refused = GetParam().dialer_is_wrong ? dialer : acceptor;
  EXPECT_THAT(refusing.problem, HasSubstr(GetParam().refusal));
  EXPECT_THAT(refused.problem, HasSubstr(GetParam().lament));
  EXPECT_EQ(refusing.code, ErrorCode::failed_precondition);
  EXPECT_EQ(refused.code, ErrorCode::failed_precondition);
  EXPECT_FALSE(refusing.established);
  EXPECT_EQ(acceptor.heard, "");
  EXPECT_EQ(dialer.heard, "");
}

CertificateAndKey of_another_ca(const TestAuthority&, const TestAuthority& other) {
  return other.issue("x");
}
CertificateAndKey of_another_ca_of_this_name(const TestAuthority&, const TestAuthority&) {
  return TestAuthority("test").issue("x");
}
CertificateAndKey expired_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", expired());
}
CertificateAndKey too_early_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", not_yet_valid());
}
CertificateAndKey foreign_one(const TestAuthority& ca, const TestAuthority&) {
  return ca.issue("x", valid_now(), "foreign");
}
CertificateAndKey authority_itself(const TestAuthority& ca, const TestAuthority&) {
  return {ca.certificate(), ca.key()};
}

std::vector<Misfit> misfits() {
  std::vector<Misfit> all;
  for (const bool dialer : {true, false}) {
    const auto add = [&](const char* name, auto own, const char* refusal, const char* lament) {
      all.push_back({name, dialer, own, refusal, lament});
    };
    add("another_ca", of_another_ca,
        "its certificate is not of this cluster's CA: it was issued "
        "by CN=other",
        "not of its CA");
    add("another_ca_of_the_same_name", of_another_ca_of_this_name,
        "its certificate is not of this cluster's CA", "not of its CA");
    add("expired", expired_one, "its certificate expired on 20", "certificate: expired");
    add("not_yet_valid", too_early_one, "its certificate is not valid before 20", "not valid yet");
    add("foreign_name", foreign_one,
        "its certificate has the names kith://foreign/x: none matches peer_names, kith://test/*",
        "peer_names");
    add("not_for_this_purpose", authority_itself, "serverAuth and clientAuth",
        "not for this purpose");
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Each, Misfits, ::testing::ValuesIn(misfits()), [](const auto& test) {
  return std::string(test.param.dialer_is_wrong ? "dialer_" : "acceptor_") + test.param.name;
});

/// A dialing side as OpenSSL makes it by default, without a certificate: no Session of ours.
class Stranger {
 public:
  explicit Stranger(int version, bool knows_protocol = true)
      : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_.get())) {
    SSL_set_min_proto_version(ssl_.get(), version);
    SSL_set_max_proto_version(ssl_.get(), version);
    if (knows_protocol) SSL_set_alpn_protos(ssl_.get(), kProtocol, sizeof(kProtocol));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  void use(const CertificateAndKey& own) {
    const auto certificates = read_certificates(own.certificate, "it");
    const auto key = read_key(own.key, "it");
    SSL_use_certificate(ssl_.get(), certificates->front().get());
    SSL_use_PrivateKey(ssl_.get(), key->get());
  }
  /// Until nothing more comes; says "hello" as soon as it may.
  void talk_to(Side& acceptor) {
    for (int round = 0; round < 10; ++round) {
      if (SSL_do_handshake(ssl_.get()) == 1) SSL_write(ssl_.get(), "hello", 5);
      std::string bytes(100'000, '\0');
      const int size = BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), 100'000);
      if (size > 0)
        give(acceptor.session, std::string_view(bytes).substr(0, static_cast<std::size_t>(size)));
      acceptor.step();
      const std::string back = take_output(acceptor.session);
      BIO_write(SSL_get_rbio(ssl_.get()), back.data(), static_cast<int>(back.size()));
      if (size <= 0 && back.empty()) return;
    }
  }

 private:
  ContextHandle context_;
  ConnectionHandle ssl_;
};

class Strangers : public ::testing::Test {
 protected:
  TestAuthority ca_;
  Side acceptor_{context_of(ca_.issue("a"), ca_.certificate()), Role::accepts};
};

TEST_F(Strangers, WithoutACertificateAreRefused) {
  Stranger(TLS1_3_VERSION).talk_to(acceptor_);
  EXPECT_EQ(acceptor_.problem, "it shows no certificate");
  EXPECT_EQ(acceptor_.heard, "");
}

TEST_F(Strangers, OfAnOlderTlsAreRefused) {
  Stranger(TLS1_2_VERSION).talk_to(acceptor_);
  EXPECT_EQ(acceptor_.problem, "it does not speak TLS 1.3");
}

TEST_F(Strangers, OfTheClusterWithAnotherProtocolAreRefused) {
  Stranger stranger(TLS1_3_VERSION, false);
  stranger.use(ca_.issue("b"));
  stranger.talk_to(acceptor_);
  EXPECT_EQ(acceptor_.problem, "it speaks TLS, but not kith's protocol in it");
  EXPECT_EQ(acceptor_.heard, "");
}

TEST_F(Strangers, OfTheClusterWhoHaveAllAreHeard) {
  Stranger stranger(TLS1_3_VERSION);
  stranger.use(ca_.issue("b"));
  stranger.talk_to(acceptor_);
  EXPECT_EQ(acceptor_.problem, "");
  EXPECT_THAT(acceptor_.heard, HasSubstr("hello"));
}

TEST_F(Strangers, WhoSpeakPlaintextAreKnownByTheirFirstBytes) {
  for (const std::string_view bytes :
       {std::string_view("GET / HTTP/1.1\r\n"), std::string_view("\x20\0\0\0\x01", 5),
        std::string_view("\x16\0\0\0\x01", 5), std::string_view("\x16\x03\x09", 3),
        std::string_view("\0", 1), std::string_view("\x80", 1)}) {
    Side acceptor(context_of(ca_.issue("a"), ca_.certificate()), Role::accepts);
    give(acceptor.session, bytes);
    acceptor.step();
    EXPECT_EQ(acceptor.problem, "it speaks plaintext, and this node TLS");
    EXPECT_TRUE(acceptor.session.met_plaintext());
  }
}

TEST(Session, ADialerThatIsAnsweredInPlaintextSaysSo) {
  const TestAuthority ca;
  Side dialer(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  dialer.step();
  give(dialer.session, std::string_view("\x31\0\0\0\x09", 5));
  dialer.step();
  EXPECT_EQ(dialer.problem, "it speaks plaintext, and this node TLS");
}

TEST(Session, ComesThroughInPiecesOfAByte) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  const auto carry = [](Side& from, Side& to) {
    for (const char byte : take_output(from.session)) {
      give(to.session, std::string_view(&byte, 1));
      to.step();
      ASSERT_EQ(to.problem, "");
    }
  };
  for (int round = 0; round < 4; ++round) {
    a.step();
    carry(a, b);
    carry(b, a);
  }
  ASSERT_TRUE(a.established && b.established);
  a.say(std::string(40'000, 'x') + "end");
  carry(a, b);
  EXPECT_EQ(b.heard, std::string(40'000, 'x') + "end");
}

TEST(Session, ManySmallPartsShareRecordsAndLargeOnesAreTakenInTurn) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b, "");
  const std::string small(100, 's');
  std::vector<Session::Bytes> parts(100, std::as_bytes(std::span(small)));
  ASSERT_EQ(a.session.write(parts), Result<std::size_t>(10'000));
  // One record: its frame, its tag, and no more.
  EXPECT_LT(a.session.output().size(), 10'000u + 64u);
  give(b.session, take_output(a.session));
  b.step();
  EXPECT_EQ(b.heard.size(), 10'000u);

  const std::string large(1'000'000, 'l');
  parts = {std::as_bytes(std::span(small)), std::as_bytes(std::span(large))};
  const auto taken = a.session.write(parts);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, Session::kLeastWritten);
}

TEST(Session, BytesOfAllSizesComeOutAsTheyWentIn) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b, "");
  Rng rng(7);
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    std::vector<std::string> texts;
    std::vector<Session::Bytes> parts;
    for (std::int64_t n = rng.between(1, 5); n > 0; --n) {
      const int size = rng.between(0, 1) == 0 ? 40'000 : 200;
      texts.emplace_back(static_cast<std::size_t>(rng.between(0, size)),
                         static_cast<char>('a' + rng.between(0, 25)));
    }
    std::string all;
    for (const std::string& text : texts) {
      parts.push_back(std::as_bytes(std::span(text)));
      all += text;
    }
    const auto taken = a.session.write(parts);
    ASSERT_TRUE(taken) << taken.error();
    ASSERT_GE(*taken, std::min(all.size(), Session::kLeastWritten));
    expected += all.substr(0, *taken);
    give(b.session, std::string());
    std::string bytes = take_output(a.session);
    while (!bytes.empty()) {
      const std::size_t piece = std::min<std::size_t>(bytes.size(), 20'000);
      give(b.session, std::string_view(bytes).substr(0, piece));
      bytes.erase(0, piece);
      b.step();
    }
  }
  EXPECT_EQ(b.problem, "");
  EXPECT_TRUE(b.heard == expected);
}

TEST(Session, RenewsItsKeyAndIsStillUnderstood) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b, "");
  a.session.renew_key_after(3);
  b.session.renew_key_after(5);
  std::size_t longest = 0;
  std::size_t shortest = 1000;
  for (int i = 0; i < 50; ++i) {
    a.say("ping");
    const std::string there = take_output(a.session);
    longest = std::max(longest, there.size());
    shortest = std::min(shortest, there.size());
    give(b.session, there);
    b.step();
    b.say("pong");
    give(a.session, take_output(b.session));
    a.step();
  }
  EXPECT_GT(longest, shortest);  // The message that announces the new key.
  EXPECT_EQ(b.heard.size(), 200u);
  EXPECT_EQ(a.heard.size(), 200u);
}

TEST(Session, ARecordThatWasChangedOnTheWayEndsIt) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b, "");
  a.say("first");
  std::string bytes = take_output(a.session);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  give(b.session, bytes);
  b.step();
  EXPECT_EQ(b.heard, "");
  EXPECT_THAT(b.problem, HasSubstr("not in order"));
}

TEST(Session, ARecordThatIsSentAgainEndsIt) {
  const TestAuthority ca;
  Side a(context_of(ca.issue("a"), ca.certificate()), Role::dials);
  Side b(context_of(ca.issue("b"), ca.certificate()), Role::accepts);
  talk(a, b, "");
  a.say("once");
  const std::string bytes = take_output(a.session);
  give(b.session, bytes);
  give(b.session, bytes);
  b.step();
  EXPECT_EQ(b.heard, "once");
  EXPECT_NE(b.problem, "");
}

/// The bytes of a good dialer, cut, changed, or followed by noise: none makes an acceptor hear
/// anything, and none makes it misbehave.
TEST(Session, FirstBytesThatWereChangedAreNeverHeard) {
  const TestAuthority ca;
  const auto own = context_of(ca.issue("a"), ca.certificate());
  const auto peer = context_of(ca.issue("b"), ca.certificate());
  constexpr std::uint64_t kSeed = 20'261'121;
  Rng rng(kSeed);
  int refused = 0;
  for (int run = 0; run < 2000; ++run) {
    Side dialer(peer, Role::dials);
    Side acceptor(own, Role::accepts);
    dialer.step();
    std::string bytes = take_output(dialer.session);
    const auto at = [&] {
      return static_cast<std::size_t>(rng.between(0, static_cast<std::int64_t>(bytes.size()) - 1));
    };
    switch (rng.between(0, 3)) {
      case 0:
        bytes.resize(at());
        break;
      case 1:
        for (std::int64_t n = rng.between(1, 8); n > 0; --n) {
          bytes[at()] = static_cast<char>(rng.next());
        }
        break;
      case 2:
        for (std::size_t i = at(); i < bytes.size(); ++i) bytes[i] = static_cast<char>(rng.next());
        break;
      default:
        bytes.insert(at(), std::string(static_cast<std::size_t>(rng.between(1, 2000)), '\x16'));
        break;
    }
    give(acceptor.session, bytes);
    acceptor.step();
    EXPECT_EQ(acceptor.heard, "") << "run " << run << " of seed " << kSeed;
    EXPECT_FALSE(acceptor.established) << "run " << run << " of seed " << kSeed;
    if (!acceptor.problem.empty()) ++refused;
  }
  // The others were cut off, or changed where nothing was lost, and wait for more.
  EXPECT_GT(refused, 500);
}

/// As above, of the second flight: the certificate, the proof, and the first words.
TEST(Session, AProofThatWasChangedIsNoProof) {
  const TestAuthority ca;
  const auto own = context_of(ca.issue("a"), ca.certificate());
  const auto peer = context_of(ca.issue("b"), ca.certificate());
  constexpr std::uint64_t kSeed = 4711;
  Rng rng(kSeed);
  for (int run = 0; run < 300; ++run) {
    Side dialer(peer, Role::dials);
    Side acceptor(own, Role::accepts);
    dialer.step();
    give(acceptor.session, take_output(dialer.session));
    acceptor.step();
    give(dialer.session, take_output(acceptor.session));
    dialer.step();
    std::string bytes = take_output(dialer.session);
    // Not the first record, which TLS 1.3 sends for old middle boxes and nobody reads.
    const auto at =
        static_cast<std::size_t>(rng.between(20, static_cast<std::int64_t>(bytes.size()) - 1));
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.between(0, 7)));
    give(acceptor.session, bytes);
    acceptor.step();
    EXPECT_FALSE(acceptor.established) << "run " << run << " of seed " << kSeed;
  }
}

}  // namespace
}  // namespace kith::edge::tls
