// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tiles {

/// A program that this one started, and that ends with it: with the object, and, should this
/// process die without destroying the object, by a signal of the kernel. Not thread-safe.
class ChildProcess {
 public:
  /// Runs arguments[0] with the rest; its output goes where ours goes. Call from the main thread:
  /// the child ends when the thread that started it does. Errors: unavailable.
  static kith::Result<ChildProcess> start(const std::vector<std::string>& arguments);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  /// How it ended, in words. Empty: it runs.
  std::optional<std::string> ended();

  /// Asks it to end. Does not wait.
  void ask_to_stop();
  /// Asks it to end and waits; kills it after five seconds.
  void stop();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  /// Set once it was waited for. From then on the pid may be another's.
  std::optional<std::string> ended_;
};

}  // namespace tiles
