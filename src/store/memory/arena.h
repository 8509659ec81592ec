// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/lent.h"
#include "base/mutex.h"

namespace kith::store {

/// A place in an arena: its distance from the arena's beginning in units of 4 bytes. 0: none.
using Handle = std::uint32_t;
inline constexpr std::size_t kGranuleBytes = 4;
inline constexpr unsigned kHandleBits = 30;

/// How a slot of an arena begins. The first two words are the user's while the slot is his.
struct SlotHead {
  std::uint32_t next_free;
  /// kGivenUp: the user has given the slot up, but it is still lent. No user may write that.
  std::uint32_t state;
  /// 0: the slot is free.
  Lent lent;
  /// Of slots that come back from values, whatever thread they come from: nobody else looks here
  /// meanwhile.
  std::uint32_t next_returned;

  static constexpr std::uint32_t kGivenUp = UINT32_MAX;
};

/// Memory for many small things of different sizes, in pages of slots of one size each (slab
/// allocation, Bonwick 1994): what is given back is exactly as useful as what was taken.
///
/// Pages are added one at a time by a user who keeps to a budget, and leave when their last slot is
/// given back; then their memory goes back to the system. All lies in one span of addresses that is
/// reserved at first, so that 30 bits name a place. Not thread-safe, but for at() and take_back().
/// What was lent to values may outlive its user: see abandon().
class Arena final : public Lender {
 public:
  /// How many slots a page has at least, and so how much of it may go unused.
  static constexpr std::size_t kMinSlots = 8;
  /// In which the system gives out memory.
  static constexpr std::size_t kSystemPageBytes = 4096;

  struct Abandon {
    void operator()(Arena* arena) const { arena->abandon(); }
  };
  using Pointer = std::unique_ptr<Arena, Abandon>;
  /// `page_bytes`: a power of two from 1 KiB to 64 KiB. Throws std::bad_alloc when the process has
  /// no addresses left.
  static Pointer make(std::size_t page_bytes);

  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::size_t page_bytes() const { return page_bytes_; }
  std::size_t max_slot_bytes() const { return page_bytes_ / kMinSlots; }
  /// What something of `bytes` takes. Requires bytes <= max_slot_bytes().
  std::size_t slot_bytes(std::size_t bytes) const { return class_bytes(class_of(bytes)); }

  /// A slot with one reference to it, the user's. 0: a page must be added first.
  Handle allocate(std::size_t bytes);
  /// Adds an empty page for things of `bytes`. False: there are no addresses left.
  bool add_page(std::size_t bytes);
  /// Gives the user's reference up; the slot is free when there is no other, else when the last one
  /// is gone and collect() was called. True: it is free.
  bool give_up(Handle handle);
  void collect();
  void take_back(Lent& lent) noexcept override;

  void* at(Handle handle) const { return base_ + std::size_t{handle} * kGranuleBytes; }
  Handle handle_of(const void* slot) const {
    return static_cast<Handle>(
        static_cast<std::size_t>(static_cast<const std::byte*>(slot) - base_) / kGranuleBytes);
  }
  /// Whether the place is a slot that is its user's, for handles that may be out of date.
  bool in_use(Handle handle) const;

  /// Memory of all pages that it has, and of what it needs to know about them.
  std::size_t bytes() const;
  /// Of those: what was ever used, and so is there in fact.
  std::size_t resident_bytes() const;
  /// Of those: slots that are free in pages that have others in use.
  std::size_t free_slot_bytes() const { return free_slot_bytes_; }
  /// And: empty pages that are kept. add_page() takes those first.
  std::size_t spare_bytes() const { return spare_pages_ * page_bytes_; }

  /// The first of the next pages that are worth being made a huge page of: nearly all of their
  /// memory is used, and they are read at random, where a third of a hit is the search for the
  /// page. Not earlier, because a huge page is there as a whole. Each is named once. -1: there are
  /// none.
  std::int64_t next_to_collapse();
  /// Makes a huge page of those. Takes milliseconds, and may run beside everything else. False: the
  /// system cannot do it, and nothing is lost.
  bool collapse(std::int64_t first) const;
  /// To be called when collapse() has done it.
  void note_collapsed(std::int64_t first);

  /// A page that is sparsely used, of slots of which at least a page's worth is free in other
  /// pages. It gives out no slots until it is either empty or restored. -1: there is none.
  std::int64_t isolate_sparse_page();
  /// Makes an isolated page one like all others.
  void restore_page(std::int64_t page);
  /// Calls fn(handle) for each of a page's slots that is taken or still lent. fn may give it up.
  template <class Fn>
  void for_each_taken(std::int64_t page, Fn&& fn) {
    const std::size_t bytes = class_bytes(info(page).size_class);
    const std::size_t slots = info(page).used;
    for (std::size_t i = 0; i < slots; ++i) {
      auto* const slot = reinterpret_cast<SlotHead*>(page_address(page) + i * bytes);
      if (slot->lent.references.load(std::memory_order_acquire) != 0) fn(handle_of(slot));
    }
  }
  /// As for_each_taken, of all pages.
  template <class Fn>
  void for_each_taken(Fn&& fn) {
    for (std::uint32_t page = 0; page < fresh_page_; ++page) {
      if (info(page).state != PageState::empty) for_each_taken(std::int64_t{page}, fn);
    }
  }

 private:
  enum class PageState : std::uint8_t { empty, partial, full, isolated };
  struct Page {
    std::uint32_t next;
    std::uint32_t previous;
    /// Free slots that were taken before, by number plus one.
    std::uint16_t first_free;
    /// Slots that were ever taken since the page was added.
    std::uint16_t used;
    std::uint16_t taken;
    PageState state;
    std::uint16_t size_class;
    bool resident;
    /// Pages of the system that were ever used.
    std::uint8_t touched;
  };
  static constexpr std::uint32_t kNoPage = UINT32_MAX;
  static constexpr std::size_t kStepBytes = 4;
  static constexpr std::size_t kStepLimit = 256;
  static constexpr std::size_t kSteps = kStepLimit / kStepBytes;
  static constexpr std::size_t kClasses = kSteps + 65536 / kStepLimit + 1;
  /// Empty pages whose memory is kept for the next that is needed.
  static constexpr std::size_t kSparePages = 2;

  explicit Arena(std::size_t page_bytes);
  ~Arena();
  /// Called instead of the destructor: the memory lives until the last value that uses it is gone.
  void abandon();

  std::size_t class_of(std::size_t bytes) const;
  std::size_t class_bytes(std::size_t size_class) const;
  std::size_t slots_of(std::size_t size_class) const {
    return page_bytes_ / class_bytes(size_class);
  }
  Page& info(std::int64_t page) const { return pages_[page]; }
  std::byte* page_address(std::int64_t page) const {
    return first_page_ + static_cast<std::size_t>(page) * page_bytes_;
  }
  std::int64_t page_of(Handle handle) const;
  void free(Handle handle);
  void link(std::int64_t page);
  void unlink(std::int64_t page);
  void drop_page(std::int64_t page);
  void push(std::uint32_t& list, std::int64_t page);
  void remove(std::uint32_t& list, std::int64_t page);
  void release_system_page(std::int64_t page);
  void touch(Page& page, std::size_t bytes);
  std::uint32_t pages_in_huge_page() const;

  const std::size_t page_bytes_;
  const unsigned page_shift_;
  std::byte* base_ = nullptr;
  Page* pages_ = nullptr;
  std::byte* first_page_ = nullptr;
  std::uint32_t max_pages_ = 0;

  /// Pages from here on were never used.
  std::uint32_t fresh_page_ = 0;
  /// The first of the pages that next_to_collapse() looks at next.
  std::uint32_t collapse_at_ = 0;
  /// Empty pages whose memory went back, and those whose memory is there, by Page::next.
  std::uint32_t empty_pages_ = kNoPage;
  std::uint32_t spares_ = kNoPage;
  std::size_t resident_pages_ = 0;
  /// Pages of the system.
  std::size_t touched_ = 0;
  std::size_t spare_pages_ = 0;
  std::size_t free_slot_bytes_ = 0;
  /// Of each size: pages with both taken and free slots, and the number of their free slots.
  struct Class {
    std::uint32_t partial = kNoPage;
    std::uint32_t free_slots = 0;
  };
  std::array<Class, kClasses> classes_;

  Mutex returned_mutex_;
  /// Slots that take_back() got, by SlotHead::next_returned.
  Handle returned_ ABSL_GUARDED_BY(returned_mutex_) = 0;
  std::atomic<bool> any_returned_{false};
  /// Slots that were given up and not taken back since.
  std::size_t lent_out_ ABSL_GUARDED_BY(returned_mutex_) = 0;
  bool abandoned_ ABSL_GUARDED_BY(returned_mutex_) = false;
  /// Slots that are still lent, once it is abandoned.
  std::size_t still_lent_ ABSL_GUARDED_BY(returned_mutex_) = 0;
};

}  // namespace kith::store
