// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made when they are needed.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "edge/tls/authority.h"
#include "edge/tls/credentials.h"

namespace kith::edge::tls {

/// A folder that goes away with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::trunc) << content;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

inline SystemTime now_plus(std::chrono::hours hours) {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()) +
         hours;
}
inline Validity valid_now() {
  return {now_plus(-std::chrono::hours(1)), now_plus(std::chrono::hours(24))};
}
inline Validity expired() {
  return {now_plus(-std::chrono::hours(48)), now_plus(-std::chrono::hours(24))};
}
inline Validity not_yet_valid() {
  return {now_plus(std::chrono::hours(24)), now_plus(std::chrono::hours(48))};
}

/// A CA with its certificate.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& cluster = "test")
      : pem_(must(Authority::make(
            cluster, {now_plus(-std::chrono::hours(100)), now_plus(std::chrono::hours(1000))}))),
        authority_(must(Authority::read(pem_))) {}

  const std::string& certificate() const { return pem_.certificate; }
  const std::string& key() const { return pem_.key; }
  /// For the node "kith://test/NAME".
  CertificateAndKey issue(const std::string& name, const Validity& validity = valid_now(),
                          const std::string& cluster = "test") const {
    return must(
        authority_.issue(name, Names{.uris = {"kith://" + cluster + "/" + name}}, validity));
  }
  const Authority& authority() const { return authority_; }

 private:
  template <class T>
  static T must(Result<T> made) {
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }

  CertificateAndKey pem_;
  Authority authority_;
};

inline constexpr const char* kTestRule = "kith://test/*";

/// A node's files, in a folder of their own.
class TestFiles {
 public:
  TestFiles(const CertificateAndKey& own, const std::string& ca, std::string rule = kTestRule)
      : settings_{.certificate_file = folder_.path("node.pem"),
                  .key_file = folder_.path("node.key"),
                  .ca_file = folder_.path("ca.pem"),
                  .peer_names = {std::move(rule)}} {
    replace(own, ca);
  }
  void replace(const CertificateAndKey& own, const std::string& ca) const {
    folder_.write("node.pem", own.certificate);
    folder_.write("node.key", own.key);
    folder_.write("ca.pem", ca);
  }

  const Settings& settings() const { return settings_; }
  std::shared_ptr<Credentials> load(OwnCertificate own = OwnCertificate::must_be_good) const {
    auto loaded = Credentials::load(settings_, own);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return *std::move(loaded);
  }

 private:
  TemporaryFolder folder_;
  Settings settings_;
};

}  // namespace kith::edge::tls
