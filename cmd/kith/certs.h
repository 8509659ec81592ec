// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string>
#include <vector>

namespace kith::command {

/// `kith certs init`: a certificate authority for one cluster, ca.pem and ca.key in a folder.
struct CertsInit {
  std::string out;
  std::string cluster = "kith";
  int days = 3650;

  Result<void> run() const;
};

/// `kith certs node`: a node's certificate and key, NAME.pem and NAME.key in a folder. Its name in
/// the cluster is the URI kith://CLUSTER/NAME.
struct CertsNode {
  std::string name;
  /// The folder that `certs init` wrote.
  std::string authority;
  std::string out;
  std::vector<std::string> dns = {};
  std::vector<std::string> addresses = {};
  int days = 365;

  Result<void> run() const;
};

/// `kith certs show`: what the certificates of a file say.
struct CertsShow {
  std::string file;

  Result<void> run() const;
};

}  // namespace kith::command
