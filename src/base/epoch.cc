// SPDX-License-Identifier: Apache-2.0
#include "base/epoch.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kith::epoch {
namespace {

std::atomic<ThreadRecord*> g_records{nullptr};
std::atomic<std::uint32_t> g_count{0};

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

/// Gives the thread's record to the next thread that needs one.
struct Leave {
  ThreadRecord* record = nullptr;
  ~Leave() {
    if (record == nullptr) return;
    t_record = nullptr;
    record->taken.store(false, std::memory_order_release);
  }
};
thread_local Leave t_leave;

bool registered() {
  static const bool ok = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return ok;
}

/// After it every thread sees what this one wrote before, and this one what they had written.
void fence_all_threads() {
  full_fence();
  if (registered()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace

std::atomic<std::uint64_t> g_epoch{1};
std::atomic<bool> g_pins_need_fence{true};
constinit thread_local ThreadRecord* t_record = nullptr;

ThreadRecord* first_record() { return g_records.load(std::memory_order_acquire); }

ThreadRecord& take_record() {
  // The first thread's first pin decides for all: there was none before it without a fence.
#ifndef __SANITIZE_THREAD__
  if (registered()) g_pins_need_fence.store(false, std::memory_order_relaxed);
#endif
  ThreadRecord* mine = nullptr;
  for_each_record([&](ThreadRecord& record) {
    if (mine == nullptr && !record.taken.exchange(true, std::memory_order_acquire)) mine = &record;
  });
  if (mine == nullptr) {
    mine = new ThreadRecord;
    mine->ordinal = g_count.fetch_add(1, std::memory_order_relaxed);
    mine->taken.store(true, std::memory_order_relaxed);
    mine->next = g_records.load(std::memory_order_relaxed);
    while (!g_records.compare_exchange_weak(mine->next, mine, std::memory_order_acq_rel)) {
    }
  }
  t_record = mine;
  t_leave.record = mine;
  return *mine;
}

std::uint64_t retire() {
  schedule::point("retire");
  return g_epoch.fetch_add(1, std::memory_order_acq_rel);
}

bool all_left(std::uint64_t epoch) {
  schedule::point("all_left: before the fence");
  fence_all_threads();
  bool all = true;
  for_each_record([&](const ThreadRecord& record) {
    schedule::point("all_left: looks");
    const std::uint64_t pinned = record.pinned.load(std::memory_order_acquire);
    all = all && (pinned == 0 || pinned > epoch);
  });
  return all;
}

}  // namespace kith::epoch
