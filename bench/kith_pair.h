// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/kith.h>

#include <memory>
#include <string>

#include "bench/child_process.h"
#include "bench/sample.h"

namespace kith::bench {

/// Runs this process as the other node of a KithPair until its standard input ends. Returns main's
/// exit code. `peer` is the address of the asking node; `certificates` as KithPair::start has it.
int serve_kith(const std::string& peer, const std::string& certificates);

/// Makes a CA and the certificates that both nodes of a pair show, in a folder. Empty, or what went
/// wrong.
std::string make_certificates(const std::string& folder);

/// Two nodes of one view in two processes; this one asks only for what the other owns. The cache is
/// coherent, so nothing is kept here and every get crosses.
class KithPair final : public System {
 public:
  /// `self`: this program, which the other process runs as `self --server ADDRESS`, and `--tls
  /// CERTIFICATES` if that is not empty: the folder that make_certificates() filled, for TLS.
  static Result<std::unique_ptr<KithPair>> start(const std::string& self, int processor,
                                                 const std::string& certificates);

  /// `count` keys that the other node owns.
  Workload workload(std::size_t count) const;
  /// Has every key loaded at the other node.
  std::string load_all(const Workload& workload);

  const char* name() const override { return tls_ ? "kith tls" : "kith"; }
  std::string run(const Load& load, std::uint64_t gets, Sample& sample) override;

 private:
  class Run;

  KithPair(Node node, Cache cache, std::unique_ptr<ChildProcess> server, std::string server_address,
           bool tls);
  std::string run_blocking(std::uint64_t gets, Sample& sample);

  // In this order: the server is ended first.
  Node node_;
  Cache cache_;
  const Workload* workload_ = nullptr;
  std::unique_ptr<ChildProcess> server_;
  std::string server_address_;
  bool tls_;
};

}  // namespace kith::bench
