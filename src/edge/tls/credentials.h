// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/snapshot.h"
#include "edge/tls/context.h"

namespace kith::edge::tls {

/// A node's certificate, key and CA, from files that may change while it runs. Connections begin
/// with what is in use at that moment and keep it. Thread-safe.
class Credentials {
 public:
  /// Errors: invalid_argument, with the option, the file and what is wrong with it.
  static Result<std::shared_ptr<Credentials>> load(
      Settings settings, OwnCertificate own = OwnCertificate::must_be_good);

  /// What is in use.
  std::shared_ptr<const Context> context() const { return context_.load(); }

  /// Reads the files, and takes them into use if they have changed. Blocks for as long as that
  /// takes. True: they are in use from now on. False: nothing has changed. Errors: as load(); what
  /// was in use stays so.
  Result<bool> reload();

 private:
  Credentials(Settings settings, OwnCertificate own, std::shared_ptr<const Context> context,
              Material::Digest digest);

  const Settings settings_;
  const OwnCertificate own_;
  Snapshot<Context> context_;

  /// Held while the files are read.
  Mutex mutex_;
  Material::Digest digest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::edge::tls
