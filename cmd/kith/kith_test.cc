// SPDX-License-Identifier: Apache-2.0
// The command line tool, run as people run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "edge/tls/credentials.h"
#include "edge/tls/testing_kit.h"

namespace kith {
namespace {

using edge::tls::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct Outcome {
  int code = -1;
  /// Of both streams.
  std::string output;
};

/// Runs a line of the shell.
Outcome shell(const std::string& line) {
  Outcome run;
  std::FILE* const pipe = ::popen((line + " 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return run;
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    run.output.append(buffer.data(), size);
  }
  const int status = ::pclose(pipe);
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

class Kith : public ::testing::Test {
 protected:
  /// `arguments` with each @ replaced by the test's folder.
  Outcome kith(const std::string& arguments) const {
    return shell(KITH_COMMAND " " + at(arguments));
  }
  std::string at(std::string text) const {
    std::string result;
    for (const char c : text) result += c == '@' ? folder_.path("") : std::string(1, c);
    return result;
  }
  void make_authority() const {
    const Outcome run = kith("certs init --out @ca --name prod --days 30");
    ASSERT_EQ(run.code, 0) << run.output;
  }
  void make_node(const std::string& more = "") const {
    const Outcome run = kith("certs node node-1 --ca @ca --out @nodes --days 7 " + more);
    ASSERT_EQ(run.code, 0) << run.output;
  }

  TemporaryFolder folder_;
};

TEST_F(Kith, WithoutACommandSaysHowItIsUsed) {
  EXPECT_EQ(kith("").code, 2);
  EXPECT_EQ(kith("frobnicate").code, 2);
  const Outcome help = kith("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.output, AllOf(HasSubstr("keygen"), HasSubstr("certs")));
  EXPECT_THAT(kith("--version").output, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(Kith, KeygenPrintsAKeyOfTheSizeAskedFor) {
  EXPECT_THAT(kith("keygen").output, MatchesRegex("[A-Za-z0-9+/]{43}=\n"));
  EXPECT_THAT(kith("keygen --bytes 32").output, MatchesRegex("[A-Za-z0-9+/]{43}=\n"));
  EXPECT_THAT(kith("keygen --bytes 24").output, MatchesRegex("[A-Za-z0-9+/]{32}\n"));
  EXPECT_THAT(kith("keygen --bytes 16").output, MatchesRegex("[A-Za-z0-9+/]{22}==\n"));
  EXPECT_NE(kith("keygen").output, kith("keygen").output);
  EXPECT_EQ(kith("keygen --bytes 20").code, 2);
}

TEST_F(Kith, KeygenWritesAFileForItsOwnerAndNeverOverAnother) {
  ASSERT_EQ(kith("keygen --out @key").code, 0);
  const std::string key = content_of(at("@key"));
  EXPECT_THAT(key, MatchesRegex("[A-Za-z0-9+/]{43}=\n"));
  EXPECT_EQ(mode_of(at("@key")), 0600u);
  const Outcome again = kith("keygen --out @key");
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.output, AllOf(HasSubstr(at("@key")), HasSubstr("is there already")));
  EXPECT_EQ(content_of(at("@key")), key);
  EXPECT_THAT(kith("keygen --out @no/such/folder/key").output, HasSubstr("No such file"));
}

TEST_F(Kith, CertsMakeWhatOpensslVerifies) {
  make_authority();
  make_node("--dns node-1.example --dns cache.example --ip 10.0.0.1 --ip ::1");
  EXPECT_EQ(mode_of(at("@ca/ca.key")), 0600u);
  EXPECT_EQ(mode_of(at("@nodes/node-1.key")), 0600u);
  for (const char* purpose : {"sslclient", "sslserver"}) {
    const Outcome verified = shell(at("openssl verify -x509_strict -CAfile @ca/ca.pem -purpose ") +
                                   purpose + at(" @nodes/node-1.pem"));
    EXPECT_EQ(verified.code, 0) << verified.output;
  }
  const Outcome named =
      shell(at("openssl verify -CAfile @ca/ca.pem -verify_hostname cache.example "
               "-verify_ip 10.0.0.1 @nodes/node-1.pem"));
  EXPECT_EQ(named.code, 0) << named.output;
  EXPECT_NE(shell(at("openssl verify -CAfile @ca/ca.pem -verify_hostname other.example "
                     "@nodes/node-1.pem"))
                .code,
            0);
  EXPECT_EQ(shell(at("openssl pkey -in @nodes/node-1.key -pubout -out @a && openssl x509 -in "
                     "@nodes/node-1.pem -pubkey -noout -out @b; cmp @a @b"))
                .code,
            0);
}

TEST_F(Kith, CertsMakeWhatANodeTakes) {
  make_authority();
  make_node();
  const auto loaded = edge::tls::Credentials::load({.certificate_file = at("@nodes/node-1.pem"),
                                                    .key_file = at("@nodes/node-1.key"),
                                                    .ca_file = at("@ca/ca.pem"),
                                                    .peer_names = {"kith://prod/*"}});
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ((*loaded)->context()->certificate().names.to_string(), "kith://prod/node-1");
}

TEST_F(Kith, CertsOverwriteNothing) {
  make_authority();
  make_node();
  const std::string ca = content_of(at("@ca/ca.key"));
  const std::string node = content_of(at("@nodes/node-1.pem"));
  const Outcome init = kith("certs init --out @ca");
  EXPECT_EQ(init.code, 1);
  EXPECT_THAT(init.output, HasSubstr("is there already"));
  EXPECT_EQ(kith("certs node node-1 --ca @ca --out @nodes").code, 1);
  EXPECT_EQ(content_of(at("@ca/ca.key")), ca);
  EXPECT_EQ(content_of(at("@nodes/node-1.pem")), node);
  // One of the two files is enough, and the other is not made then.
  std::filesystem::remove(at("@nodes/node-1.key"));
  EXPECT_EQ(kith("certs node node-1 --ca @ca --out @nodes").code, 1);
  EXPECT_FALSE(std::filesystem::exists(at("@nodes/node-1.key")));
}

TEST_F(Kith, CertsSayWhatIsWrong) {
  EXPECT_THAT(kith("certs node a --ca @none --out @nodes").output,
              AllOf(HasSubstr(at("@none/ca.pem")), HasSubstr("No such file")));
  make_authority();
  EXPECT_THAT(kith("certs node a --ca @ca --out @nodes --days 31").output,
              HasSubstr("its CA only until"));
  EXPECT_THAT(kith("certs node a/b --ca @ca --out @nodes").output, HasSubstr("'a/b'"));
  EXPECT_THAT(kith("certs node a --ca @ca --out @nodes --days 7 --dns 'a b'").output,
              HasSubstr("'a b'"));
  EXPECT_THAT(kith("certs node a --ca @ca --out @nodes --days 7 --ip 10.0").output,
              HasSubstr("'10.0'"));
  EXPECT_THAT(kith("certs node a --ca @ca --out @nodes --days 0").output, HasSubstr("--days"));
  EXPECT_EQ(kith("certs node a --ca @ca").code, 2);
  EXPECT_EQ(kith("certs").code, 2);
  EXPECT_FALSE(std::filesystem::exists(at("@nodes")));
}

TEST_F(Kith, CertsShowWhatACertificateSays) {
  make_authority();
  make_node("--dns node-1.example");
  const Outcome node = kith("certs show @nodes/node-1.pem");
  EXPECT_EQ(node.code, 0);
  EXPECT_THAT(node.output,
              AllOf(HasSubstr("CN=node-1"), HasSubstr("CN=prod"),
                    HasSubstr("kith://prod/node-1, node-1.example"), HasSubstr("a node")));
  EXPECT_THAT(kith("certs show @ca/ca.pem").output, HasSubstr("signs others"));
  const Outcome key = kith("certs show @nodes/node-1.key");
  EXPECT_EQ(key.code, 1);
  EXPECT_THAT(key.output, HasSubstr("no certificate in PEM form"));
}

}  // namespace
}  // namespace kith
