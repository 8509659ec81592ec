// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "api/housekeeper.h"
#include "api/loader_pool.h"
#include "edge/driver/driver.h"

namespace kith::api {

/// What a node runs on. Shared by the node and its caches' handles, so that a handle that outlives
/// the node still finds a (stopped) driver to answer it.
struct Engine {
  explicit Engine(int loader_threads, const LogSink& log) : pool(loader_threads, log) {}

  LoaderPool pool;
  Housekeeper housekeeper;
  /// Which of its chores divides the node's memory.
  std::atomic<std::uint32_t> divide_chore{UINT32_MAX};
  std::unique_ptr<edge::Driver> driver;
};

}  // namespace kith::api
