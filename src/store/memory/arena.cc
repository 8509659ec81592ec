// SPDX-License-Identifier: Apache-2.0
#include "store/memory/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/schedule_point.h"

namespace kith::store {
namespace {

constexpr std::uintptr_t kHugePageBytes = 2u << 20;

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// MADV_COLLAPSE, which not all headers know.
constexpr int kCollapse = 25;

/// Addresses without memory behind them, aligned to their number.
std::byte* reserve(std::size_t bytes) {
  void* const wide = ::mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (wide == MAP_FAILED) throw std::bad_alloc();
  const auto begin = reinterpret_cast<std::uintptr_t>(wide);
  const std::uintptr_t aligned = round_up(begin, bytes);
  if (aligned > begin) ::munmap(wide, aligned - begin);
  ::munmap(reinterpret_cast<void*>(aligned + bytes), begin + bytes - aligned);
  return reinterpret_cast<std::byte*>(aligned);
}

}  // namespace

Arena::Pointer Arena::make(std::size_t page_bytes) { return Pointer(new Arena(page_bytes)); }

Arena::Arena(std::size_t page_bytes)
    : page_bytes_(page_bytes), page_shift_(static_cast<unsigned>(std::countr_zero(page_bytes))) {
  KITH_CHECK(std::has_single_bit(page_bytes) && page_bytes >= 1024 && page_bytes <= 65536);
  base_ = reserve(kSpanBytes);
  // The owner's address, the table of the pages, the pages.
  *reinterpret_cast<Lender**>(base_) = this;
  pages_ = reinterpret_cast<Page*>(base_ + 64);
  const std::size_t table = 64 + kSpanBytes / page_bytes * sizeof(Page);
  const std::size_t before = round_up(table, 65536);
  first_page_ = base_ + before;
  max_pages_ = static_cast<std::uint32_t>((kSpanBytes - before) / page_bytes);
  collapse_at_ = static_cast<std::uint32_t>((kHugePageBytes - before % kHugePageBytes) %
                                            kHugePageBytes / page_bytes);
}

Arena::~Arena() { ::munmap(base_, kSpanBytes); }

void Arena::abandon() {
  const auto begin = reinterpret_cast<std::uintptr_t>(base_);
  // Nobody looks for anything in here any more, so what is held now is all that ever will be.
  count_holds([begin](const Lent& lent) {
    return reinterpret_cast<std::uintptr_t>(&lent) - begin < kSpanBytes;
  });
  schedule::point("abandon: has counted");
  bool unused = false;
  {
    MutexLock lock(&returned_mutex_);
    // What was given up and not taken back is counted already, even while its last value is about
    // to call take_back().
    still_lent_ = lent_out_;
    for_each_taken([this](Handle handle) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      auto* const slot = static_cast<SlotHead*>(at(handle));
      if (slot->state == SlotHead::kGivenUp) return;
      schedule::point("abandon: gives a slot up");
      if (slot->lent.references.fetch_sub(1, std::memory_order_acq_rel) > 1) ++still_lent_;
    });
    abandoned_ = true;
    unused = still_lent_ == 0;
  }
  if (unused) delete this;
}

void Arena::take_back(Lent& lent) noexcept {
  auto* const slot =
      reinterpret_cast<SlotHead*>(reinterpret_cast<std::byte*>(&lent) - offsetof(SlotHead, lent));
  bool unused = false;
  {
    MutexLock lock(&returned_mutex_);
    if (abandoned_) {
      unused = --still_lent_ == 0;
    } else {
      --lent_out_;
      slot->next_returned = returned_;
      returned_ = handle_of(slot);
      any_returned_.store(true, std::memory_order_relaxed);
    }
  }
  if (unused) delete this;
}

void Arena::collect() {
  if (!any_returned_.load(std::memory_order_relaxed)) return;
  Handle returned = 0;
  {
    MutexLock lock(&returned_mutex_);
    std::swap(returned, returned_);
    any_returned_.store(false, std::memory_order_relaxed);
  }
  schedule::point("collect: has a list");
  while (returned != 0) {
    const Handle next = static_cast<SlotHead*>(at(returned))->next_returned;
    free(returned);
    returned = next;
  }
}

bool Arena::give_up(Handle handle) {
  auto* const slot = static_cast<SlotHead*>(at(handle));
  slot->state = SlotHead::kGivenUp;
  schedule::point("give_up: marked");
  // Acquire: the reads of all who had references happen before the slot is written anew. Nobody can
  // come to have one who has none: ours is the last, or a value's is.
  if (slot->lent.references.load(std::memory_order_acquire) == 1) {
    free(handle);
    return true;
  }
  {
    MutexLock lock(&returned_mutex_);
    ++lent_out_;
  }
  schedule::point("give_up: lent out");
  release(slot->lent);
  return false;
}

std::size_t Arena::class_of(std::size_t bytes) const {
  KITH_CHECK(bytes <= max_slot_bytes());
  bytes = round_up(std::max(bytes, sizeof(SlotHead)), kGranuleBytes);
  if (bytes <= kStepLimit) return (bytes + kStepBytes - 1) / kStepBytes;
  // As many to the page as fit, so that little is left at its end.
  const std::size_t size_class = kSteps + page_bytes_ / bytes;
  return class_bytes(size_class) >= bytes ? size_class : size_class - 1;
}

std::size_t Arena::class_bytes(std::size_t size_class) const {
  if (size_class <= kSteps) return size_class * kStepBytes;
  return page_bytes_ / (size_class - kSteps) / kGranuleBytes * kGranuleBytes;
}

Handle Arena::allocate(std::size_t bytes) {
  Class& size = classes_[class_of(bytes)];
  if (size.partial == kNoPage) return 0;
  const std::int64_t page = size.partial;
  Page& from = info(page);
  const std::size_t slot_bytes = class_bytes(from.size_class);
  std::size_t number = from.used;
  SlotHead* slot = nullptr;
  if (from.first_free != 0) {
    number = from.first_free - std::size_t{1};
    slot = reinterpret_cast<SlotHead*>(page_address(page) + number * slot_bytes);
    from.first_free = static_cast<std::uint16_t>(slot->next_free);
  } else {
    slot = reinterpret_cast<SlotHead*>(page_address(page) + number * slot_bytes);
    ++from.used;
    touch(from, from.used * slot_bytes);
  }
  slot->state = 0;
  slot->lent.references.store(1, std::memory_order_relaxed);
  --size.free_slots;
  free_slot_bytes_ -= slot_bytes;
  if (++from.taken == slots_of(from.size_class)) {
    unlink(page);
    from.state = PageState::full;
  }
  return handle_of(slot);
}

void Arena::free(Handle handle) {
  const std::int64_t page = page_of(handle);
  Page& to = info(page);
  const std::size_t slot_bytes = class_bytes(to.size_class);
  auto* const slot = static_cast<SlotHead*>(at(handle));
  const auto offset =
      static_cast<std::size_t>(reinterpret_cast<std::byte*>(slot) - page_address(page));
  schedule::spoil(slot + 1, slot_bytes - sizeof(SlotHead));
  slot->lent.references.store(0, std::memory_order_relaxed);
  slot->next_free = to.first_free;
  to.first_free = static_cast<std::uint16_t>(offset / slot_bytes + 1);
  --to.taken;
  if (to.state != PageState::isolated) {
    ++classes_[to.size_class].free_slots;
    free_slot_bytes_ += slot_bytes;
    if (to.state == PageState::full) link(page);
  }
  if (to.taken == 0) drop_page(page);
}

bool Arena::add_page(std::size_t bytes) {
  std::int64_t page = 0;
  if (spares_ != kNoPage) {
    page = spares_;
    remove(spares_, page);
    --spare_pages_;
    --resident_pages_;
  } else if (empty_pages_ != kNoPage) {
    page = empty_pages_;
    remove(empty_pages_, page);
  } else if (fresh_page_ < max_pages_) {
    page = fresh_page_++;
  } else {
    return false;
  }
  Page& added = info(page);
  ++resident_pages_;
  const auto size_class = static_cast<std::uint16_t>(class_of(bytes));
  const std::uint8_t touched = added.touched;
  added = Page();
  added.touched = touched;
  added.size_class = size_class;
  added.resident = true;
  classes_[size_class].free_slots += static_cast<std::uint32_t>(slots_of(size_class));
  free_slot_bytes_ += slots_of(size_class) * class_bytes(size_class);
  link(page);
  return true;
}

std::uint32_t Arena::pages_in_huge_page() const {
  return static_cast<std::uint32_t>(kHugePageBytes >> page_shift_);
}

std::int64_t Arena::next_to_collapse() {
  const std::uint32_t count = pages_in_huge_page();
  while (collapse_at_ + count <= fresh_page_) {
    const std::uint32_t first = collapse_at_;
    collapse_at_ += count;
    std::size_t touched = 0;
    for (std::uint32_t page = first; page < first + count; ++page) touched += info(page).touched;
    constexpr std::size_t kAll = kHugePageBytes / kSystemPageBytes;
    if (touched >= kAll - kAll / 16) return first;
  }
  return -1;
}

bool Arena::collapse(std::int64_t first) const {
  return ::madvise(page_address(first), kHugePageBytes, kCollapse) == 0;
}

void Arena::note_collapsed(std::int64_t first) {
  const std::int64_t end = first + pages_in_huge_page();
  for (std::int64_t page = first; page < end; ++page) {
    if (info(page).resident) {
      touch(info(page), page_bytes_);
    } else {
      // Given back before, or meanwhile, and there again.
      release_system_page(page);
    }
  }
}

void Arena::drop_page(std::int64_t page) {
  Page& dropped = info(page);
  if (dropped.state == PageState::partial) {
    const std::size_t slots = slots_of(dropped.size_class);
    unlink(page);
    classes_[dropped.size_class].free_slots -= static_cast<std::uint32_t>(slots);
    free_slot_bytes_ -= slots * class_bytes(dropped.size_class);
  }
  dropped.state = PageState::empty;
  push(spares_, page);
  ++spare_pages_;
  if (spare_pages_ > kSparePages) release_system_page(page);
}

/// Gives back the memory of an empty page, or, of pages smaller than the system's, that of all
/// which share one: if they are all empty.
void Arena::release_system_page(std::int64_t page) {
  const auto count =
      static_cast<std::int64_t>(std::max<std::size_t>(kSystemPageBytes >> page_shift_, 1));
  const std::int64_t first = page / count * count;
  for (std::int64_t i = first; i < first + count; ++i) {
    if (info(i).state != PageState::empty) return;
  }
  ::madvise(page_address(first), static_cast<std::size_t>(count) << page_shift_, MADV_DONTNEED);
  for (std::int64_t i = first; i < first + count; ++i) {
    Page& released = info(i);
    if (!released.resident) continue;
    released.resident = false;
    touched_ -= released.touched;
    released.touched = 0;
    --resident_pages_;
    --spare_pages_;
    remove(spares_, i);
    push(empty_pages_, i);
  }
}

bool Arena::in_use(Handle handle) const {
  const std::int64_t page = page_of(handle);
  if (page < 0 || info(page).state == PageState::empty) return false;
  const auto* const slot = static_cast<const SlotHead*>(at(handle));
  const auto offset =
      static_cast<std::size_t>(reinterpret_cast<const std::byte*>(slot) - page_address(page));
  const std::size_t bytes = class_bytes(info(page).size_class);
  return offset % bytes == 0 && offset / bytes < info(page).used &&
         slot->lent.references.load(std::memory_order_relaxed) != 0 &&
         slot->state != SlotHead::kGivenUp;
}

void Arena::touch(Page& page, std::size_t bytes) {
  const std::size_t touched = (bytes + kSystemPageBytes - 1) / kSystemPageBytes;
  if (touched <= page.touched) return;
  touched_ += touched - page.touched;
  page.touched = static_cast<std::uint8_t>(touched);
}

std::size_t Arena::resident_bytes() const {
  const std::size_t table = 64 + fresh_page_ * sizeof(Page);
  // Small pages share one of the system.
  return round_up(table, kSystemPageBytes) +
         std::min(touched_ * kSystemPageBytes, resident_pages_ * page_bytes_);
}

std::size_t Arena::bytes() const {
  const std::size_t table = 64 + fresh_page_ * sizeof(Page);
  return resident_pages_ * page_bytes_ + round_up(table, kSystemPageBytes);
}

std::int64_t Arena::isolate_sparse_page() {
  std::size_t best = 0;
  std::size_t most = 0;
  for (std::size_t i = 1; i < kClasses; ++i) {
    if (classes_[i].partial == kNoPage) continue;
    // The slots of the page that is given up must find room in others of its kind.
    const std::size_t free_slots = classes_[i].free_slots;
    if (free_slots < slots_of(i) || free_slots * class_bytes(i) <= most) continue;
    most = free_slots * class_bytes(i);
    best = i;
  }
  if (best == 0) return -1;
  constexpr int kCandidates = 16;
  std::uint32_t sparsest = classes_[best].partial;
  std::uint32_t page = sparsest;
  for (int i = 0; i < kCandidates && page != kNoPage; ++i, page = info(page).next) {
    if (info(page).taken < info(sparsest).taken) sparsest = page;
  }
  Page& isolated = info(sparsest);
  const std::size_t free_slots = slots_of(best) - isolated.taken;
  unlink(sparsest);
  classes_[best].free_slots -= static_cast<std::uint32_t>(free_slots);
  free_slot_bytes_ -= free_slots * class_bytes(best);
  isolated.state = PageState::isolated;
  return sparsest;
}

void Arena::restore_page(std::int64_t page) {
  Page& restored = info(page);
  if (restored.state != PageState::isolated) return;  // It is empty meanwhile.
  const std::size_t free_slots = slots_of(restored.size_class) - restored.taken;
  classes_[restored.size_class].free_slots += static_cast<std::uint32_t>(free_slots);
  free_slot_bytes_ += free_slots * class_bytes(restored.size_class);
  if (free_slots == 0) {
    restored.state = PageState::full;
  } else {
    link(page);
  }
}

std::int64_t Arena::page_of(Handle handle) const {
  const std::byte* const address = static_cast<const std::byte*>(at(handle));
  return (address - first_page_) >> page_shift_;
}

void Arena::link(std::int64_t page) {
  info(page).state = PageState::partial;
  push(classes_[info(page).size_class].partial, page);
}

void Arena::unlink(std::int64_t page) { remove(classes_[info(page).size_class].partial, page); }

void Arena::push(std::uint32_t& list, std::int64_t page) {
  Page& added = info(page);
  added.previous = kNoPage;
  added.next = list;
  if (list != kNoPage) info(list).previous = static_cast<std::uint32_t>(page);
  list = static_cast<std::uint32_t>(page);
}

void Arena::remove(std::uint32_t& list, std::int64_t page) {
  const Page& removed = info(page);
  if (removed.next != kNoPage) info(removed.next).previous = removed.previous;
  (removed.previous == kNoPage ? list : info(removed.previous).next) = removed.next;
}

}  // namespace kith::store
