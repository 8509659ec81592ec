// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "edge/tls/testing_kit.h"

namespace kith::edge::tls {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

CertificateText text_of(const std::string& pem) {
  auto read = read_certificates(pem, "it");
  if (!read) throw std::runtime_error(read.error().message);
  return describe(*read->front());
}

TEST(Authority, SignsForBothSidesOfAConnection) {
  const TestAuthority ca("prod");
  const Names names{
      .dns = {"a.example"}, .uris = {"kith://prod/a"}, .addresses = {"10.0.0.1", "::1"}};
  const Validity validity = valid_now();
  const auto made = ca.authority().issue("a", names, validity);
  ASSERT_TRUE(made) << made.error();
  const CertificateText text = text_of(made->certificate);
  EXPECT_EQ(text.subject, "CN=a");
  EXPECT_EQ(text.issuer, "CN=prod");
  EXPECT_THAT(text.names.dns, ElementsAre("a.example"));
  EXPECT_THAT(text.names.uris, ElementsAre("kith://prod/a"));
  EXPECT_THAT(text.names.addresses, ElementsAre("10.0.0.1", "::1"));
  EXPECT_EQ(text.names.to_string(), "kith://prod/a, a.example, 10.0.0.1, ::1");
  EXPECT_EQ(text.not_before, validity.from);
  EXPECT_EQ(text.not_after, validity.until);
  EXPECT_FALSE(text.authority);
  EXPECT_TRUE(text.for_client);
  EXPECT_TRUE(text.for_server);
  EXPECT_THAT(text.key, HasSubstr("prime256v1"));
  EXPECT_THAT(text.fingerprint, MatchesRegex("[0-9a-f]{64}"));
}

TEST(Authority, IsOneAndNobodyWhoDials) {
  const TestAuthority ca("prod");
  const CertificateText text = text_of(ca.certificate());
  EXPECT_TRUE(text.authority);
  EXPECT_FALSE(text.for_client && text.for_server);
  EXPECT_THAT(text.names.to_string(), "no names");
  EXPECT_EQ(ca.authority().cluster(), "prod");
}

TEST(Authority, TwoCertificatesDiffer) {
  const TestAuthority ca;
  EXPECT_NE(text_of(ca.issue("a").certificate).fingerprint,
            text_of(ca.issue("a").certificate).fingerprint);
}

TEST(Authority, RefusesNamesThatAreNone) {
  const TestAuthority ca;
  for (const Names& names : {Names{.dns = {""}}, Names{.dns = {"a b"}}, Names{.dns = {"*.example"}},
                             Names{.dns = {"a..b"}}, Names{.dns = {std::string("a\0b", 3)}},
                             Names{.uris = {"x"}}, Names{.uris = {"kith://a b"}},
                             Names{.addresses = {"10.0.0"}}, Names{.addresses = {"a.example"}}}) {
    const auto made = ca.authority().issue("a", names, valid_now());
    ASSERT_FALSE(made) << names.to_string();
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  }
  for (const std::string subject : {"", "a/b", "a b", "CN=x"}) {
    EXPECT_FALSE(ca.authority().issue(subject, {}, valid_now())) << subject;
  }
  EXPECT_FALSE(ca.authority().issue(std::string(65, 'a'), {}, valid_now()));
}

TEST(Authority, RefusesToOutliveItself) {
  const TestAuthority ca;
  const auto made =
      ca.authority().issue("a", {}, {now_plus({}), now_plus(std::chrono::hours(2000))});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("its CA only until"));
}

TEST(Authority, IsReadOnlyFromACertificateAndItsKey) {
  const TestAuthority ca;
  const TestAuthority other;
  EXPECT_THAT(Authority::read({ca.certificate(), other.key()}).error().message,
              HasSubstr("another certificate"));
  EXPECT_THAT(Authority::read(ca.issue("a")).error().message, HasSubstr("no authority"));
  EXPECT_FALSE(Authority::read({"", ca.key()}));
  EXPECT_FALSE(Authority::read({ca.certificate(), ""}));
}

TEST(ReadCertificates, TakesAllInOrder) {
  const TestAuthority ca;
  const auto read =
      read_certificates(ca.issue("a").certificate + "words between\n" + ca.certificate(), "it");
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(subject_of(*(*read)[0]), "CN=a");
  EXPECT_EQ(subject_of(*(*read)[1]), "CN=test");
}

TEST(ReadCertificates, SaysWhatIsWrong) {
  const TestAuthority ca;
  EXPECT_THAT(read_certificates("", "x.pem").error().message,
              ::testing::AllOf(HasSubstr("x.pem"), HasSubstr("no certificate")));
  std::string damaged = ca.certificate();
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(read_certificates(damaged, "x.pem").error().message, HasSubstr("cannot be read"));
  // A good one before it does not help.
  EXPECT_FALSE(read_certificates(ca.certificate() + damaged, "x.pem"));
  EXPECT_FALSE(read_certificates(ca.certificate().substr(0, ca.certificate().size() / 2), "x.pem"));
}

}  // namespace
}  // namespace kith::edge::tls
