// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace kith::bench {

/// Binds the calling process to one processor. Negative: leaves it as it is.
void pin_to_processor(int processor);

/// A program started by this one, on one processor, with pipes at its standard input and output. It
/// is ended with its parent and with this object.
class ChildProcess {
 public:
  /// `processor` negative: any. The program is found through PATH unless it has a slash.
  ChildProcess(const std::vector<std::string>& command, int processor);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// The next line of its output without the newline; empty at its end. Blocks.
  std::string read_line();
  /// False once it has ended.
  bool running();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  bool reaped_ = false;
};

}  // namespace kith::bench
