// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/discovery.h>
#include <kith/options.h>
#include <kith/result.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/membership/messages.h"

namespace kith::api {

/// Collects what a node's sources of seeds know, and resolves names among them, again and again: a
/// name may lead elsewhere tomorrow. Thread-safe.
class SeedBook {
 public:
  /// Hears all addresses whenever they changed; on a thread of the book's.
  using Sink = std::function<void(std::vector<membership::Address>)>;
  using Say = std::function<void(LogLevel, const std::string&)>;

  explicit SeedBook(std::vector<std::shared_ptr<Discovery>> sources);
  ~SeedBook() { stop(); }
  SeedBook(const SeedBook&) = delete;
  SeedBook& operator=(const SeedBook&) = delete;

  /// Starts the sources. Once. Errors: those of Discovery::start.
  Result<void> start(Sink sink, Say say);
  /// Returns when the sink is not called any more. A name that is being resolved is not waited for.
  /// Idempotent.
  void stop();

 private:
  /// What the thread shares with the book, and may outlive it in.
  struct State;

  const std::vector<std::shared_ptr<Discovery>> sources_;
  const std::shared_ptr<State> state_;
};

}  // namespace kith::api
