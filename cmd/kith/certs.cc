// SPDX-License-Identifier: Apache-2.0
#include "cmd/kith/certs.h"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <utility>

#include "cmd/kith/files.h"
#include "edge/tls/authority.h"
#include "edge/tls/certificate.h"

namespace kith::command {

namespace {

namespace tls = edge::tls;

/// Clocks of a cluster's machines may differ by so much when certificates are new.
constexpr std::chrono::hours kBackdated(1);
/// A century: later dates are asked for by mistake.
constexpr int kMostDays = 36'525;

Result<tls::Validity> validity_of(int days) {
  if (days < 1 || days > kMostDays) {
    return fail(ErrorCode::invalid_argument, "--days is " + std::to_string(days) +
                                                 "; it must be 1 to " + std::to_string(kMostDays));
  }
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return tls::Validity{now - kBackdated, now + std::chrono::days(days)};
}

std::string in_folder(const std::string& folder, const std::string& file) {
  return (std::filesystem::path(folder) / file).string();
}

/// Both files, or none.
Result<void> write_pair(const tls::CertificateAndKey& pem, const std::string& certificate,
                        const std::string& key) {
  if (auto is_new = must_be_new(certificate); !is_new) return is_new;
  if (auto written = write_new_file(key, pem.key, Access::owner_only); !written) return written;
  auto written = write_new_file(certificate, pem.certificate, Access::everybody);
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(key, ignored);
  }
  return written;
}

void print(const tls::CertificateText& text) {
  const char* const use = text.authority                       ? "signs others"
                          : text.for_client && text.for_server ? "a node: dials and accepts"
                          : text.for_client                    ? "dials only"
                          : text.for_server                    ? "accepts only"
                                                               : "none that kith has";
  std::cout << "subject      " << text.subject << "\nissuer       " << text.issuer
            << "\nnames        " << text.names.to_string() << "\nvalid from   "
            << tls::to_string(text.not_before) << "\nvalid until  "
            << tls::to_string(text.not_after) << "\nuse          " << use << "\nkey          "
            << text.key << "\nsha256       " << text.fingerprint << "\n";
}

}  // namespace

Result<void> CertsInit::run() const {
  const auto validity = validity_of(days);
  if (!validity) return tl::unexpected(validity.error());
  const auto pem = tls::Authority::make(cluster, *validity);
  if (!pem) return tl::unexpected(pem.error());
  if (auto made = make_folder(out); !made) return made;
  const std::string certificate = in_folder(out, "ca.pem");
  const std::string key = in_folder(out, "ca.key");
  if (auto written = write_pair(*pem, certificate, key); !written) return written;
  std::cout << certificate << ": the CA of the cluster " << cluster << ", valid until "
            << tls::to_string(validity->until) << ". Every node needs it\n"
            << key << ": its key. Keep it away from the nodes: who has it can make nodes\n"
            << "next: kith certs node NAME --ca " << out << " --out FOLDER\n";
  return {};
}

Result<void> CertsNode::run() const {
  const auto validity = validity_of(days);
  if (!validity) return tl::unexpected(validity.error());
  tls::CertificateAndKey ca;
  for (const auto& [file, content] :
       {std::pair("ca.pem", &ca.certificate), std::pair("ca.key", &ca.key)}) {
    Result<std::string> read = read_file(in_folder(authority, file));
    if (!read) return tl::unexpected(read.error());
    *content = *std::move(read);
  }
  const auto signer = tls::Authority::read(ca);
  if (!signer) return tl::unexpected(signer.error());
  const tls::Names names{
      .dns = dns, .uris = {"kith://" + signer->cluster() + "/" + name}, .addresses = addresses};
  const auto pem = signer->issue(name, names, *validity);
  if (!pem) return tl::unexpected(pem.error());
  if (auto made = make_folder(out); !made) return made;
  const std::string certificate = in_folder(out, name + ".pem");
  const std::string key = in_folder(out, name + ".key");
  if (auto written = write_pair(*pem, certificate, key); !written) return written;
  std::cout << certificate << ": " << names.to_string() << ", valid until "
            << tls::to_string(validity->until) << '\n'
            << key << ": its key\n"
            << "for TlsOptions: certificate_file \"" << certificate << "\", key_file \"" << key
            << "\", ca_file \"" << in_folder(authority, "ca.pem") << "\", peer_names {\"kith://"
            << signer->cluster() << "/*\"}\n";
  return {};
}

Result<void> CertsShow::run() const {
  const Result<std::string> pem = read_file(file);
  if (!pem) return tl::unexpected(pem.error());
  const auto certificates = tls::read_certificates(*pem, file);
  if (!certificates) return tl::unexpected(certificates.error());
  const char* separator = "";
  for (const auto& certificate : *certificates) {
    std::cout << std::exchange(separator, "\n");
    print(tls::describe(*certificate));
  }
  return {};
}

}  // namespace kith::command
