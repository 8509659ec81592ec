// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace tiles {
namespace {

/// In the child, between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void become(char* const* arguments, pid_t parent, int report) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have died before the line above.
  if (getppid() != parent) _exit(1);
  execv(arguments[0], arguments);
  const int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

kith::Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);

  // Closed by a successful exec; a failed one writes its errno to it.
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return kith::fail(kith::ErrorCode::unavailable, std::string("pipe: ") + std::strerror(errno));
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(pointers.data(), parent, report[1]);
  const int fork_error = errno;
  close(report[1]);
  int exec_error = 0;
  const bool failed =
      pid > 0 && read(report[0], &exec_error, sizeof exec_error) == sizeof exec_error;
  close(report[0]);
  if (pid < 0) {
    return kith::fail(kith::ErrorCode::unavailable,
                      std::string("fork: ") + std::strerror(fork_error));
  }
  ChildProcess child(pid);
  if (failed) {
    child.stop();
    return kith::fail(kith::ErrorCode::unavailable,
                      "cannot run " + arguments[0] + ": " + std::strerror(exec_error));
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ended_(std::move(other.ended_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    stop();
    pid_ = std::exchange(other.pid_, -1);
    ended_ = std::move(other.ended_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { stop(); }

std::optional<std::string> ChildProcess::ended() {
  if (pid_ < 0 || ended_) return ended_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) ended_ = describe(status);
  return ended_;
}

void ChildProcess::ask_to_stop() {
  if (pid_ > 0 && !ended()) kill(pid_, SIGTERM);
}

void ChildProcess::stop() {
  if (pid_ < 0) return;
  ask_to_stop();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!ended() && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (ended()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = describe(status);
}

}  // namespace tiles
