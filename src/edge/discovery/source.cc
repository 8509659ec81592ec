// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/source.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <exception>
#include <random>
#include <system_error>
#include <utility>

namespace kith::edge::discovery {

namespace {

/// Before an inquiry that threw begins anew.
constexpr Duration kAfterException = std::chrono::seconds(5);

}  // namespace

Source::Source(std::string name, std::unique_ptr<Inquiry> inquiry)
    : name_(std::move(name)), inquiry_(std::move(inquiry)) {}

Source::~Source() { stop(); }

Result<void> Source::start(Listener listener) {
  MutexLock lock(&mutex_);
  if (started_) {
    return fail(ErrorCode::failed_precondition, name_ + " was started before; make another one");
  }
  if (!stop_.valid()) {
    return fail(ErrorCode::resource_exhausted, name_ + ": the process has no descriptor left");
  }
  started_ = true;
  // Signals are the program's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> outcome;
  try {
    thread_ =
        std::thread([this, report = Report(name_, std::move(listener))]() mutable { run(report); });
  } catch (const std::system_error& error) {
    outcome = fail(ErrorCode::resource_exhausted, name_ + ": no thread: " + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return outcome;
}

void Source::stop() {
  if (stop_.valid()) stop_.raise();
  if (running_ == std::this_thread::get_id()) return;
  MutexLock lock(&mutex_);
  started_ = true;
  if (thread_.joinable()) thread_.join();
}

void Source::run(Report& report) {
  running_ = std::this_thread::get_id();
  pthread_setname_np(pthread_self(), "kith-seeds");
  while (!stop_.raised()) {
    try {
      inquiry_->run(report, stop_);
    } catch (const std::exception& error) {
      report.trouble(error.what());
      stop_.sleep(kAfterException);
    }
  }
}

std::shared_ptr<Discovery> make_source(std::string name, std::unique_ptr<Inquiry> inquiry) {
  return std::make_shared<Source>(std::move(name), std::move(inquiry));
}

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace kith::edge::discovery
