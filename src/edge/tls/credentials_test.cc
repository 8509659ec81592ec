// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "edge/tls/testing_kit.h"

namespace kith::edge::tls {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string problem(const Settings& settings) {
  const auto loaded = Credentials::load(settings);
  if (loaded) return "none";
  EXPECT_EQ(loaded.error().code, ErrorCode::invalid_argument);
  return loaded.error().message;
}

TEST(Credentials, HoldTheCertificateThatPeersSee) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  EXPECT_EQ(files.load()->context()->certificate().names.to_string(), "kith://test/a");
}

TEST(Credentials, MayHaveAChain) {
  // The certificate of the CA after the node's own does not harm.
  const TestAuthority ca;
  CertificateAndKey own = ca.issue("a");
  own.certificate += ca.certificate();
  const TestFiles files(own, ca.certificate());
  EXPECT_EQ(problem(files.settings()), "none");
}

TEST(Credentials, NameTheFileThatIsNotThere) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  for (const auto& [option, member] :
       {std::pair("certificate_file", &Settings::certificate_file),
        std::pair("key_file", &Settings::key_file), std::pair("ca_file", &Settings::ca_file)}) {
    Settings settings = files.settings();
    settings.*member = "/nowhere/x.pem";
    EXPECT_THAT(problem(settings),
                AllOf(HasSubstr(option), HasSubstr("'/nowhere/x.pem'"), HasSubstr("No such file")));
    settings.*member = "";
    EXPECT_THAT(problem(settings), AllOf(HasSubstr(option), HasSubstr("is empty")));
    settings.*member = std::filesystem::temp_directory_path();
    EXPECT_THAT(problem(settings), AllOf(HasSubstr(option), HasSubstr("cannot be read")));
  }
}

TEST(Credentials, RefuseAKeyThatBelongsToAnotherCertificate) {
  const TestAuthority ca;
  const CertificateAndKey own = ca.issue("a");
  const TestFiles files({own.certificate, ca.issue("a").key}, ca.certificate());
  EXPECT_THAT(problem(files.settings()), AllOf(HasSubstr("key_file"), HasSubstr("belong")));
}

TEST(Credentials, RefuseAKeyWithAPassPhraseWithoutAskingForIt) {
  const TestAuthority ca;
  const CertificateAndKey own = ca.issue("a");
  const TestFiles files({own.certificate,
                         "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                         "-----END ENCRYPTED PRIVATE KEY-----\n"},
                        ca.certificate());
  EXPECT_THAT(problem(files.settings()), HasSubstr("pass phrase"));
}

TEST(Credentials, RefuseWhatPeersWouldRefuse) {
  const TestAuthority ca;
  const TestAuthority other;
  EXPECT_THAT(problem(TestFiles(ca.issue("a"), other.certificate()).settings()),
              AllOf(HasSubstr("certificate_file"), HasSubstr("not of this cluster's CA")));
  EXPECT_THAT(problem(TestFiles(ca.issue("a", expired()), ca.certificate()).settings()),
              HasSubstr("expired on 20"));
  EXPECT_THAT(problem(TestFiles(ca.issue("a", not_yet_valid()), ca.certificate()).settings()),
              AllOf(HasSubstr("is not valid before 20"), HasSubstr("the clock here says 20")));
  EXPECT_THAT(problem(TestFiles(ca.issue("a", valid_now(), "b"), ca.certificate()).settings()),
              AllOf(HasSubstr("kith://b/a"), HasSubstr("kith://test/*")));
  EXPECT_THAT(problem(TestFiles({ca.certificate(), ca.key()}, ca.certificate(), "*").settings()),
              HasSubstr("serverAuth and clientAuth"));
}

TEST(Credentials, RefuseARuleThatIsNone) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  Settings settings = files.settings();
  settings.peer_names = {};
  EXPECT_THAT(problem(settings), HasSubstr("peer_names"));
  settings.peer_names = {"a*"};
  EXPECT_THAT(problem(settings), AllOf(HasSubstr("peer_names"), HasSubstr("'a*'")));
}

TEST(Reload, OfFilesThatDidNotChangeDoesNothing) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  const auto credentials = files.load();
  const auto before = credentials->context();
  EXPECT_EQ(credentials->reload(), Result<bool>(false));
  EXPECT_EQ(credentials->context(), before);
}

TEST(Reload, TakesWhatChangedAndLeavesThoseBeforeAlone) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  const auto credentials = files.load();
  const auto before = credentials->context();
  files.replace(ca.issue("b"), ca.certificate());
  EXPECT_EQ(credentials->reload(), Result<bool>(true));
  EXPECT_EQ(credentials->context()->certificate().subject, "CN=b");
  EXPECT_EQ(before->certificate().subject, "CN=a");
}

TEST(Reload, ThatFailsKeepsWhatWasThereUntilTheFilesAreGood) {
  const TestAuthority ca;
  const TestFiles files(ca.issue("a"), ca.certificate());
  const auto credentials = files.load();
  const CertificateAndKey next = ca.issue("b");
  // In the middle of being replaced: the certificate is there already, the key is not.
  files.replace({next.certificate, ca.issue("a").key}, ca.certificate());
  const auto half = credentials->reload();
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().message, HasSubstr("does not belong"));
  EXPECT_EQ(credentials->context()->certificate().subject, "CN=a");
  files.replace(next, ca.certificate());
  EXPECT_EQ(credentials->reload(), Result<bool>(true));
  EXPECT_EQ(credentials->context()->certificate().subject, "CN=b");
}

}  // namespace
}  // namespace kith::edge::tls
