// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>

/// Where the order of threads matters: between two steps of an algorithm without locks, and at
/// locks. In builds with tests (KITH_SCHEDULE_POINTS, for all of kith or for none of it) a test can
/// have a say there which thread goes on; elsewhere none of this is code. docs/notes.md, "Reading
/// without locks".
namespace kith::schedule {

/// What decides for the threads that it is set for.
class Hook {
 public:
  /// The thread has come to a point. Others may run before this returns.
  virtual void at(const char* where) = 0;
  /// The thread cannot go on before freed(lock).
  virtual void blocked(const void* lock) = 0;
  virtual void freed(const void* lock) = 0;

 protected:
  ~Hook() = default;
};

#ifdef KITH_SCHEDULE_POINTS

inline constexpr bool kEnabled = true;

/// This thread's. Null, as nearly always: it runs freely.
inline constinit thread_local Hook* t_hook = nullptr;

inline void set_hook(Hook* hook) { t_hook = hook; }
inline bool controlled() { return t_hook != nullptr; }
inline void point(const char* where) {
  if (Hook* const hook = t_hook) hook->at(where);
}
inline void blocked(const void* lock) { t_hook->blocked(lock); }
inline void freed(const void* lock) {
  if (Hook* const hook = t_hook) hook->freed(lock);
}
/// Nobody may read these bytes any more: has who does it all the same read nonsense.
inline void spoil(void* memory, std::size_t bytes) {
  if (controlled()) std::memset(memory, 0xdb, bytes);
}

/// While one lives, what the thread does concerns nobody else, so its points are none.
class Alone {
 public:
  Alone() : hook_(t_hook) { t_hook = nullptr; }
  ~Alone() { t_hook = hook_; }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  Hook* const hook_;
};

#else

inline constexpr bool kEnabled = false;

constexpr void set_hook(Hook*) {}
constexpr bool controlled() { return false; }
constexpr void point(const char*) {}
constexpr void blocked(const void*) {}
constexpr void freed(const void*) {}
constexpr void spoil(void*, std::size_t) {}

class Alone {
 public:
  Alone() {}  // Written out, so that nobody warns that it is not used.
};

#endif

}  // namespace kith::schedule
