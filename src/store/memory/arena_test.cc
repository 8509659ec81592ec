// SPDX-License-Identifier: Apache-2.0
#include "store/memory/arena.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "base/lent.h"

namespace kith::store {
namespace {

constexpr std::size_t kPageBytes = 4096;

Handle must_allocate(Arena& arena, std::size_t bytes) {
  Handle handle = arena.allocate(bytes);
  if (handle == 0) {
    EXPECT_TRUE(arena.add_page(bytes));
    handle = arena.allocate(bytes);
  }
  EXPECT_NE(handle, 0u);
  return handle;
}

SlotHead& head_of(Arena& arena, Handle handle) { return *static_cast<SlotHead*>(arena.at(handle)); }

std::vector<Handle> fill_page(Arena& arena, std::size_t bytes) {
  EXPECT_TRUE(arena.add_page(bytes));
  std::vector<Handle> handles;
  for (std::size_t i = 0; i < arena.page_bytes() / arena.slot_bytes(bytes); ++i) {
    handles.push_back(arena.allocate(bytes));
    EXPECT_NE(handles.back(), 0u);
  }
  return handles;
}

std::vector<Handle> taken_in(Arena& arena, std::int64_t page) {
  std::vector<Handle> handles;
  arena.for_each_taken(page, [&](Handle handle) { handles.push_back(handle); });
  return handles;
}

TEST(Arena, GivesNothingOutBeforeAPageIsAdded) {
  const auto arena = Arena::make(kPageBytes);
  EXPECT_EQ(arena->allocate(100), 0u);
  ASSERT_TRUE(arena->add_page(100));
  EXPECT_NE(arena->allocate(100), 0u);
}

TEST(Arena, APageServesOneSizeOnly) {
  const auto arena = Arena::make(kPageBytes);
  ASSERT_TRUE(arena->add_page(100));
  EXPECT_EQ(arena->allocate(40), 0u);
}

TEST(Arena, APageHasAtLeastEightSlots) {
  for (std::size_t page_bytes = 1024; page_bytes <= 65536; page_bytes *= 2) {
    const auto arena = Arena::make(page_bytes);
    EXPECT_EQ(arena->max_slot_bytes(), page_bytes / Arena::kMinSlots);
    for (std::size_t bytes = 1; bytes <= arena->max_slot_bytes(); ++bytes) {
      ASSERT_LE(arena->slot_bytes(bytes) * Arena::kMinSlots, page_bytes) << bytes;
    }
  }
}

// Sizes from 257 bytes on in pages of 32 and 64 KiB.
TEST(Arena, ASlotIsLargeEnough) {
  for (std::size_t page_bytes = 1024; page_bytes <= 65536; page_bytes *= 2) {
    const auto arena = Arena::make(page_bytes);
    for (std::size_t bytes = 1; bytes <= arena->max_slot_bytes(); ++bytes) {
      ASSERT_GE(arena->slot_bytes(bytes), std::max(bytes, sizeof(SlotHead))) << page_bytes;
    }
  }
}

TEST(Arena, ASlotIsNotMuchLargerThanItMustBe) {
  const auto arena = Arena::make(kPageBytes);
  std::size_t before = 0;
  for (std::size_t bytes = sizeof(SlotHead); bytes <= arena->max_slot_bytes(); ++bytes) {
    const std::size_t slot = arena->slot_bytes(bytes);
    EXPECT_EQ(slot % kGranuleBytes, 0u);
    EXPECT_GE(slot, before) << "of " << bytes;
    // Small ones go by steps; of the others one more would not fit the page.
    const bool tight = bytes <= 256 ? slot < bytes + kGranuleBytes
                                    : kPageBytes < (kPageBytes / slot + 1) * (bytes + 3);
    EXPECT_TRUE(tight) << slot << " for " << bytes;
    before = slot;
  }
}

TEST(Arena, GivesOutEverySlotOfAPageOnce) {
  const auto arena = Arena::make(kPageBytes);
  const std::vector<Handle> handles = fill_page(*arena, 100);
  EXPECT_EQ(std::set<Handle>(handles.begin(), handles.end()).size(), handles.size());
  EXPECT_EQ(arena->allocate(100), 0u);
  EXPECT_EQ(arena->free_slot_bytes(), 0u);
}

TEST(Arena, HandsWhatWasGivenUpOutAgain) {
  const auto arena = Arena::make(kPageBytes);
  const std::vector<Handle> handles = fill_page(*arena, 100);
  EXPECT_TRUE(arena->give_up(handles[5]));
  EXPECT_TRUE(arena->give_up(handles[9]));
  EXPECT_EQ(arena->free_slot_bytes(), 2 * arena->slot_bytes(100));
  const std::set<Handle> again = {arena->allocate(100), arena->allocate(100)};
  EXPECT_EQ(again, (std::set<Handle>{handles[5], handles[9]}));
  EXPECT_EQ(arena->allocate(100), 0u);
}

TEST(Arena, HandlesAndAddressesAreTheSameThing) {
  const auto arena = Arena::make(kPageBytes);
  const Handle handle = must_allocate(*arena, 100);
  EXPECT_EQ(arena->handle_of(arena->at(handle)), handle);
  EXPECT_LT(handle, Handle{1} << kHandleBits);
}

TEST(Arena, KnowsWhatIsInUse) {
  const auto arena = Arena::make(kPageBytes);
  const Handle first = must_allocate(*arena, 100);
  const Handle second = must_allocate(*arena, 100);
  EXPECT_TRUE(arena->in_use(first));
  EXPECT_FALSE(arena->in_use(0));
  EXPECT_FALSE(arena->in_use(first + 1)) << "not where a slot begins";
  EXPECT_FALSE(arena->in_use(second + (second - first))) << "never taken";
  EXPECT_FALSE(arena->in_use(first + 1000 * kPageBytes / kGranuleBytes)) << "never a page";
  arena->give_up(first);
  EXPECT_FALSE(arena->in_use(first));
  EXPECT_TRUE(arena->in_use(second));
  arena->give_up(second);
  EXPECT_FALSE(arena->in_use(second)) << "its page is empty";
}

TEST(Arena, WhatIsStillLentIsNotInUse) {
  const auto arena = Arena::make(kPageBytes);
  const Handle handle = must_allocate(*arena, 100);
  const Handle other = must_allocate(*arena, 100);
  head_of(*arena, handle).lent.references.fetch_add(1);
  EXPECT_FALSE(arena->give_up(handle));
  EXPECT_FALSE(arena->in_use(handle));
  EXPECT_TRUE(arena->in_use(other));
  release(head_of(*arena, handle).lent);
}

/// Pages as they are seen from outside.

TEST(Arena, ItsBytesAreItsPages) {
  const auto arena = Arena::make(kPageBytes);
  const std::size_t empty = arena->bytes();
  ASSERT_TRUE(arena->add_page(100));
  EXPECT_EQ(arena->bytes(), empty + kPageBytes);
  EXPECT_EQ(arena->free_slot_bytes(), kPageBytes / arena->slot_bytes(100) * arena->slot_bytes(100));
  ASSERT_TRUE(arena->add_page(40));
  EXPECT_EQ(arena->bytes(), empty + 2 * kPageBytes);
}

TEST(Arena, TheTableOfThePagesCounts) {
  const auto arena = Arena::make(1024);
  const std::size_t empty = arena->bytes();
  constexpr std::size_t kPages = 1000;
  for (std::size_t i = 0; i < kPages; ++i) ASSERT_TRUE(arena->add_page(100));
  EXPECT_GE(arena->bytes(), empty + kPages * 1024 + 4096);
  EXPECT_LE(arena->bytes(), empty + kPages * 1024 + kPages * 32);
}

TEST(Arena, EmptyPagesLeaveButForASpareTwo) {
  const auto arena = Arena::make(kPageBytes);
  std::vector<Handle> handles;
  constexpr std::size_t kPages = 10;
  for (std::size_t i = 0; i < kPages; ++i) {
    const std::vector<Handle> more = fill_page(*arena, 100);
    handles.insert(handles.end(), more.begin(), more.end());
  }
  const std::size_t full = arena->bytes();
  for (const Handle handle : handles) EXPECT_TRUE(arena->give_up(handle));
  EXPECT_EQ(arena->bytes(), full - (kPages - 2) * kPageBytes);
  EXPECT_EQ(arena->spare_bytes(), 2 * kPageBytes);
  EXPECT_EQ(arena->free_slot_bytes(), 0u);
  EXPECT_EQ(arena->allocate(100), 0u) << "an empty page serves nobody";
}

TEST(Arena, SmallPagesLeaveWithAllThatShareAPageOfTheSystem) {
  constexpr std::size_t kSmall = 1024;
  constexpr std::size_t kPages = 40;
  const auto arena = Arena::make(kSmall);
  std::vector<std::vector<Handle>> pages;
  for (std::size_t i = 0; i < kPages; ++i) pages.push_back(fill_page(*arena, 100));
  const std::size_t full = arena->bytes();
  const auto empty = [&](std::size_t page) {
    for (const Handle handle : pages[page]) arena->give_up(handle);
  };
  for (std::size_t i = 0; i < kPages; ++i) {
    if (i % 4 != 3) empty(i);
  }
  EXPECT_EQ(arena->bytes(), full) << "a page of the system is there as a whole or not at all";
  EXPECT_EQ(arena->spare_bytes(), kPages / 4 * 3 * kSmall);
  for (std::size_t i = 3; i < kPages / 2; i += 4) empty(i);
  EXPECT_EQ(arena->bytes(), full - kPages / 2 * kSmall);
  EXPECT_EQ(arena->spare_bytes(), kPages / 2 / 4 * 3 * kSmall);
  for (std::size_t i = kPages / 2 + 3; i < kPages; i += 4) empty(i);
  EXPECT_EQ(arena->spare_bytes(), 0u);
  EXPECT_EQ(arena->bytes(), full - kPages * kSmall);
  for (std::size_t i = 0; i < kPages; ++i) fill_page(*arena, 60);
  EXPECT_EQ(arena->bytes(), full) << "they come back, and nothing else";
}

TEST(Arena, NamesWhatIsFullForHugePagesOnce) {
  constexpr std::size_t kHuge = 2u << 20;
  const auto arena = Arena::make(kPageBytes);
  EXPECT_EQ(arena->next_to_collapse(), -1);
  std::vector<std::vector<Handle>> pages;
  // Enough for two, wherever the first begins.
  for (std::size_t i = 0; i < 3 * kHuge / kPageBytes; ++i) {
    pages.push_back(fill_page(*arena, 100));
  }
  std::set<std::int64_t> named;
  for (std::int64_t first = 0; (first = arena->next_to_collapse()) >= 0;) {
    EXPECT_TRUE(named.insert(first).second);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(
                  arena->at(pages[static_cast<std::size_t>(first)].front())) %
                  kHuge,
              0u);
  }
  EXPECT_GE(named.size(), 2u);
  // A page that leaves meanwhile is not counted, and not there either.
  const auto first = static_cast<std::size_t>(*named.begin());
  const std::size_t full = arena->resident_bytes();
  for (std::size_t i = first; i < first + 4; ++i) {
    for (const Handle handle : pages[i]) arena->give_up(handle);
  }
  if (!arena->collapse(*named.begin())) GTEST_SKIP() << "the system has no huge pages";
  arena->note_collapsed(*named.begin());
  EXPECT_EQ(arena->resident_bytes(), full - 2 * kPageBytes) << "two are kept as spare";
  for (std::size_t i = first + 4; i < first + kHuge / kPageBytes; ++i) {
    EXPECT_TRUE(arena->in_use(pages[i].back()));
  }
}

TEST(Arena, EmptyPagesServeOtherSizes) {
  const auto arena = Arena::make(kPageBytes);
  for (const Handle handle : fill_page(*arena, 100)) arena->give_up(handle);
  const std::size_t before = arena->bytes();
  const std::vector<Handle> handles = fill_page(*arena, 40);
  EXPECT_EQ(arena->bytes(), before) << "the spare page was not used";
  EXPECT_EQ(arena->spare_bytes(), 0u);
  for (const Handle handle : handles) EXPECT_TRUE(arena->in_use(handle));
}

TEST(Arena, PagesThatLeftComeBack) {
  const auto arena = Arena::make(kPageBytes);
  std::size_t full = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<Handle> handles;
    for (int i = 0; i < 8; ++i) {
      const std::vector<Handle> more = fill_page(*arena, 100);
      handles.insert(handles.end(), more.begin(), more.end());
    }
    if (round == 0) full = arena->bytes();
    EXPECT_EQ(arena->bytes(), full);
    for (const Handle handle : handles) std::memset(arena->at(handle), 'x', 6);
    for (const Handle handle : handles) arena->give_up(handle);
  }
}

// Isolated pages.

TEST(Arena, IsolatesTheSparsestPage) {
  const auto arena = Arena::make(kPageBytes);
  const std::vector<Handle> dense = fill_page(*arena, 100);
  const std::vector<Handle> sparse = fill_page(*arena, 100);
  for (std::size_t i = 1; i < sparse.size(); ++i) arena->give_up(sparse[i]);
  EXPECT_EQ(arena->isolate_sparse_page(), -1) << "no room for its slots elsewhere";
  arena->give_up(dense[0]);
  const std::int64_t page = arena->isolate_sparse_page();
  ASSERT_GE(page, 0);
  EXPECT_EQ(taken_in(*arena, page), std::vector<Handle>{sparse[0]});
}

TEST(Arena, AnIsolatedPageGivesNothingOutUntilItIsRestored) {
  const auto arena = Arena::make(kPageBytes);
  const std::vector<Handle> one = fill_page(*arena, 100);
  const std::vector<Handle> two = fill_page(*arena, 100);
  for (std::size_t i = 1; i < one.size(); ++i) arena->give_up(one[i]);
  for (std::size_t i = 2; i < two.size(); ++i) arena->give_up(two[i]);
  const std::size_t slot = arena->slot_bytes(100);
  const std::size_t free_before = arena->free_slot_bytes();
  const std::int64_t page = arena->isolate_sparse_page();
  ASSERT_GE(page, 0);
  EXPECT_EQ(arena->free_slot_bytes(), free_before - (one.size() - 1) * slot);

  std::size_t given_out = 0;
  while (arena->allocate(100) != 0) ++given_out;
  EXPECT_EQ(given_out, two.size() - 2);
  arena->restore_page(page);
  EXPECT_EQ(arena->free_slot_bytes(), (one.size() - 1) * slot);
  while (arena->allocate(100) != 0) ++given_out;
  EXPECT_EQ(given_out, one.size() - 1 + two.size() - 2);
  EXPECT_EQ(arena->free_slot_bytes(), 0u);
}

TEST(Arena, AnIsolatedPageThatIsEmptiedIsFree) {
  const auto arena = Arena::make(kPageBytes);
  const std::vector<Handle> one = fill_page(*arena, 100);
  const std::vector<Handle> two = fill_page(*arena, 100);
  for (std::size_t i = 3; i < one.size(); ++i) arena->give_up(one[i]);
  for (std::size_t i = 4; i < two.size(); ++i) arena->give_up(two[i]);
  const std::int64_t page = arena->isolate_sparse_page();
  ASSERT_GE(page, 0);
  int moved = 0;
  arena->for_each_taken(page, [&](Handle handle) {
    EXPECT_NE(arena->allocate(100), 0u);
    EXPECT_TRUE(arena->give_up(handle));
    ++moved;
  });
  EXPECT_EQ(moved, 3);
  EXPECT_EQ(arena->spare_bytes(), kPageBytes);
  arena->restore_page(page);  // Nothing is left to restore.
  EXPECT_EQ(arena->free_slot_bytes(), (two.size() - 4 - 3) * arena->slot_bytes(100));
}

TEST(Arena, FindsAllThatIsTaken) {
  const auto arena = Arena::make(kPageBytes);
  std::set<Handle> taken;
  for (const std::size_t bytes : {20u, 100u, 500u}) {
    for (int i = 0; i < 100; ++i) taken.insert(must_allocate(*arena, bytes));
  }
  for (auto at = taken.begin(); at != taken.end();) {
    if (*at % 8 == 0) {
      arena->give_up(*at);
      at = taken.erase(at);
    } else {
      ++at;
    }
  }
  std::set<Handle> found;
  arena->for_each_taken([&](Handle handle) { found.insert(handle); });
  EXPECT_EQ(found, taken);
}

RC_GTEST_PROP(Arena, LiveSlotsNeverOverlapAndKeepWhatIsInThem, ()) {
  const std::size_t page_bytes = std::size_t{1024} << *rc::gen::inRange(0, 5);
  const auto arena = Arena::make(page_bytes);
  const std::size_t empty = arena->bytes();
  /// By the first address: the end, the handle, and what was written all over it.
  struct Live {
    std::size_t end;
    std::size_t bytes;
    char fill;
  };
  std::map<std::size_t, Live> live;
  const auto begin = reinterpret_cast<std::uintptr_t>(arena->at(0));
  const auto user_bytes = [&](std::size_t start) {
    return reinterpret_cast<char*>(begin + start) + sizeof(SlotHead);
  };
  const auto intact = [&](const std::pair<const std::size_t, Live>& slot) {
    const char* const bytes = user_bytes(slot.first);
    return std::all_of(bytes, bytes + slot.second.bytes - sizeof(SlotHead),
                       [&](char byte) { return byte == slot.second.fill; });
  };
  const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint32_t>>>(
      rc::gen::pair(rc::gen::inRange(0, 100), rc::gen::arbitrary<std::uint32_t>()));
  char next_fill = 0;
  for (const auto& [what, number] : steps) {
    if (what < 60 || live.empty()) {
      const std::size_t repeat = 1 + number % 7;
      for (std::size_t i = 0; i < repeat; ++i) {
        const std::size_t span = arena->max_slot_bytes() - sizeof(SlotHead);
        const std::size_t bytes = sizeof(SlotHead) + number / 7 % (what % 4 == 0 ? span : 40);
        const Handle handle = must_allocate(*arena, bytes);
        const std::size_t start = std::size_t{handle} * kGranuleBytes;
        const std::size_t end = start + arena->slot_bytes(bytes);
        const auto after = live.lower_bound(start);
        RC_ASSERT((after == live.end() || after->first >= end));
        RC_ASSERT((after == live.begin() || std::prev(after)->second.end <= start));
        std::memset(user_bytes(start), ++next_fill, bytes - sizeof(SlotHead));
        live[start] = {end, bytes, next_fill};
      }
    } else {
      const std::size_t repeat = what < 95 ? 1 : live.size();
      for (std::size_t i = 0; i < repeat; ++i) {
        auto at = live.lower_bound(live.begin()->first + number % page_bytes);
        if (at == live.end()) at = live.begin();
        RC_ASSERT(intact(*at));
        RC_ASSERT(arena->give_up(static_cast<Handle>(at->first / kGranuleBytes)));
        live.erase(at);
      }
    }
  }
  std::size_t live_bytes = 0;
  for (const auto& slot : live) {
    RC_ASSERT(intact(slot));
    RC_ASSERT(arena->in_use(static_cast<Handle>(slot.first / kGranuleBytes)));
    live_bytes += slot.second.end - slot.first;
  }
  RC_ASSERT(arena->bytes() >= live_bytes + arena->free_slot_bytes() + arena->spare_bytes());
  std::size_t taken = 0;
  arena->for_each_taken([&](Handle) { ++taken; });
  RC_ASSERT(taken == live.size());
  for (const auto& slot : live) arena->give_up(static_cast<Handle>(slot.first / kGranuleBytes));
  RC_ASSERT(arena->free_slot_bytes() == 0u);
  RC_ASSERT(arena->bytes() >= empty + arena->spare_bytes());
}

// Lending: an arena is the one lender there is.

/// A slot with bytes in it, which can be lent as a store does.
class Loan {
 public:
  Loan(Arena& arena, std::string_view bytes) : arena_(arena), size_(bytes.size()) {
    handle_ = must_allocate(arena, sizeof(SlotHead) + size_);
    std::memcpy(text(), bytes.data(), size_);
  }

  Value value() const {
    const Pin pin;
    return lend(lent(), {text(), size_}, pin);
  }
  Lent& lent() const { return head_of(arena_, handle_).lent; }
  int references() const { return lent().references.load(); }
  void count() const {
    count_holds([this](const Lent& held) { return &held == &lent(); });
  }
  /// As a store does: what is held is counted before the store's reference goes.
  bool give_up() const {
    count();
    return arena_.give_up(handle_);
  }
  Handle handle() const { return handle_; }
  /// Whether it is the memory of the loan that the value shows.
  bool shown_by(const Value& value) const {
    return static_cast<const void*>(value.data()) == text();
  }

 private:
  char* text() const { return static_cast<char*>(arena_.at(handle_)) + sizeof(SlotHead); }

  Arena& arena_;
  const std::size_t size_;
  Handle handle_ = 0;
};

TEST(Lent, AHitShowsTheMemoryItselfAndDoesNotCount) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Value value = loan.value();
  EXPECT_EQ(value.view(), "bytes");
  EXPECT_TRUE(loan.shown_by(value));
  EXPECT_EQ(loan.references(), 1);
  EXPECT_EQ(value.retained_bytes(), 5u);
  EXPECT_FALSE(value.unique());
}

TEST(Lent, ACopyCountsWhileItLives) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Value value = loan.value();
  {
    const Value copy = value;
    EXPECT_TRUE(loan.shown_by(copy));
    EXPECT_EQ(loan.references(), 2);
    const Value copy_of_copy = copy;
    EXPECT_EQ(loan.references(), 3);
  }
  EXPECT_EQ(loan.references(), 1);
}

TEST(Lent, ASliceCountsAsACopyDoes) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "some bytes");
  Value slice = loan.value().slice(5, 5);
  EXPECT_EQ(slice.view(), "bytes");
  EXPECT_EQ(loan.references(), 2);
  slice = Value();
  EXPECT_EQ(loan.references(), 1);
}

TEST(Lent, MovingAValueCountsNothing) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  Value first = loan.value();
  const Value second = std::move(first);
  EXPECT_EQ(second.view(), "bytes");
  EXPECT_EQ(loan.references(), 1);
  EXPECT_FALSE(loan.give_up()) << "the hold moved with the value";
}

TEST(Lent, ValuesOfHitsKeepASlotThatWasGivenUp) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Loan neighbour(*arena, "other");
  std::optional<Value> value = loan.value();
  EXPECT_FALSE(loan.give_up());
  EXPECT_EQ(value->view(), "bytes");
  EXPECT_EQ(loan.references(), 1) << "the hold's, now that it counts";
  value.reset();
  EXPECT_EQ(loan.references(), 0);
}

TEST(Lent, WhatNobodyHoldsIsFreeAtOnce) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  { const Value value = loan.value(); }
  EXPECT_TRUE(loan.give_up());
}

TEST(Lent, ASlotIsFreeWhenTheLastValueIsGoneAndItWasCollected) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Loan neighbour(*arena, "other");
  const std::size_t free_before = arena->free_slot_bytes();
  std::optional<Value> value = loan.value();
  std::optional<Value> copy = *value;
  EXPECT_FALSE(loan.give_up());
  value.reset();
  arena->collect();
  EXPECT_EQ(arena->free_slot_bytes(), free_before);
  copy.reset();
  EXPECT_EQ(arena->free_slot_bytes(), free_before);
  arena->collect();
  EXPECT_EQ(arena->free_slot_bytes(), free_before + arena->slot_bytes(sizeof(SlotHead) + 5));
  EXPECT_EQ(arena->allocate(sizeof(SlotHead) + 5), loan.handle());
}

TEST(Lent, CollectsManySlotsAtOnce) {
  const auto arena = Arena::make(kPageBytes);
  std::vector<Loan> loans;
  std::vector<Value> values;
  for (int i = 0; i < 1000; ++i) {
    loans.emplace_back(*arena, "bytes");
    values.push_back(loans.back().value());
  }
  for (const Loan& loan : loans) EXPECT_FALSE(loan.give_up());
  values.clear();
  const std::size_t before = arena->bytes();
  arena->collect();
  EXPECT_LT(arena->bytes(), before);
  EXPECT_EQ(arena->free_slot_bytes(), 0u);
  arena->for_each_taken([](Handle handle) { ADD_FAILURE() << handle; });
}

TEST(Lent, HoldsAreCountedOnce) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Value value = loan.value();
  loan.count();
  EXPECT_EQ(loan.references(), 2);
  loan.count();
  EXPECT_EQ(loan.references(), 2);
}

TEST(Lent, HoldsOfOthersAreNotCounted) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Loan other(*arena, "other");
  const Value value = loan.value();
  const Value other_value = other.value();
  loan.count();
  EXPECT_EQ(loan.references(), 2);
  EXPECT_EQ(other.references(), 1);
}

TEST(Lent, ACopyOfAHoldThatWasCountedCounts) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  std::optional<Value> value = loan.value();
  loan.count();
  const Value copy = *value;
  EXPECT_EQ(loan.references(), 3);
  value.reset();
  EXPECT_EQ(loan.references(), 2);
  EXPECT_EQ(copy.view(), "bytes");
}

TEST(Lent, HitsCountWhenTheThreadHasNoHoldsLeft) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  std::vector<Value> values;
  const int holds = epoch::ThreadRecord::kHolds;
  for (int i = 0; i < holds; ++i) values.push_back(loan.value());
  EXPECT_EQ(loan.references(), 1);
  for (int i = 0; i < 10; ++i) values.push_back(loan.value());
  EXPECT_EQ(loan.references(), 1 + 10);
  loan.count();
  EXPECT_EQ(loan.references(), 1 + 10 + holds);
  values.clear();
  EXPECT_EQ(loan.references(), 1);
}

TEST(Lent, HoldsAreUsedAgain) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  for (int i = 0; i < 300; ++i) {
    const Value value = loan.value();
    ASSERT_EQ(loan.references(), 1) << i;
  }
}

TEST(Lent, TooManyCopiesGetMemoryOfTheirOwn) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  const Value value = loan.value();
  std::vector<Value> copies;
  while (copies.size() < 70000) {
    copies.push_back(value);
    if (!loan.shown_by(copies.back())) break;
  }
  EXPECT_GE(copies.size(), 10000u);
  ASSERT_LT(copies.size(), 65536u) << "the count went around";
  const int full = loan.references();
  EXPECT_EQ(copies.back().view(), "bytes");
  EXPECT_GT(copies.back().retained_bytes(), 5u);
  const Value copy_of_counted = copies.front();
  EXPECT_FALSE(loan.shown_by(copy_of_counted));
  EXPECT_EQ(copy_of_counted.view(), "bytes");
  EXPECT_EQ(loan.references(), full);
  copies.clear();
  EXPECT_EQ(loan.references(), 1);
}

TEST(Lent, HitsOfWhatHasTooManyCopiesAreCopies) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  std::vector<Value> values;
  while (values.size() < 70000) {
    values.push_back(loan.value());
    if (!loan.shown_by(values.back())) break;
  }
  ASSERT_LT(values.size(), 65536u);
  EXPECT_EQ(values.back().view(), "bytes");
  // The holds can be counted all the same.
  const int full = loan.references();
  loan.count();
  EXPECT_EQ(loan.references(), full + static_cast<int>(epoch::ThreadRecord::kHolds));
  values.clear();
  EXPECT_EQ(loan.references(), 1);
}

TEST(Lent, AnotherThreadMayEndAHold) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  Value value = loan.value();
  std::thread([moved = std::move(value), &loan] { EXPECT_TRUE(loan.shown_by(moved)); }).join();
  EXPECT_TRUE(loan.give_up()) << "the hold is still there";
}

TEST(Lent, AHoldOutlivesItsThread) {
  const auto arena = Arena::make(kPageBytes);
  const Loan loan(*arena, "bytes");
  std::optional<Value> value;
  std::thread([&] { value = loan.value(); }).join();
  EXPECT_FALSE(loan.give_up());
  EXPECT_EQ(value->view(), "bytes");
  value.reset();
  EXPECT_EQ(loan.references(), 0);
}

TEST(Lent, ThreadsThatEndHoldsWhileTheyAreCountedAgree) {
  const auto arena = Arena::make(kPageBytes);
  for (int round = 0; round < 50; ++round) {
    const Loan loan(*arena, "bytes");
    const Loan other(*arena, "other");
    std::vector<Value> values;
    for (int i = 0; i < 40; ++i) values.push_back(loan.value());
    std::atomic<bool> go{false};
    {
      std::jthread ender([&, mine = std::move(values)]() mutable {
        go.wait(false);
        for (Value& value : mine) {
          const Value copy = value;
          EXPECT_EQ(copy.view(), "bytes");
          value = Value();
        }
      });
      go.store(true);
      go.notify_one();
      loan.give_up();
    }
    EXPECT_EQ(loan.references(), 0);
    arena->collect();
    EXPECT_FALSE(arena->in_use(loan.handle()));
    EXPECT_TRUE(other.give_up());
  }
  EXPECT_EQ(arena->free_slot_bytes(), 0u) << "a slot did not come back";
}

// An arena is abandoned at its end.

TEST(Arena, ValuesOutliveIt) {
  auto arena = Arena::make(kPageBytes);
  const Loan entry(*arena, "entry");
  const Loan evicted(*arena, "evicted");
  const Loan forgotten(*arena, "forgotten");
  std::optional<Value> held = entry.value();
  std::optional<Value> counted = *held;
  std::optional<Value> of_evicted = evicted.value();
  EXPECT_FALSE(evicted.give_up());
  arena.reset();
  EXPECT_EQ(held->view(), "entry");
  held.reset();
  EXPECT_EQ(of_evicted->view(), "evicted");
  of_evicted.reset();
  EXPECT_EQ(counted->view(), "entry");
  const Value last = *counted;
  counted.reset();
  EXPECT_EQ(last.view(), "entry");
}

TEST(Arena, MayBeAbandonedWithSlotsToCollect) {
  auto arena = Arena::make(kPageBytes);
  const Loan evicted(*arena, "evicted");
  const Loan entry(*arena, "entry");
  Value value = evicted.value();
  const Value other = entry.value();
  EXPECT_FALSE(evicted.give_up());
  value = Value();
  arena.reset();
  EXPECT_EQ(other.view(), "entry");
}

TEST(Arena, ThreadsMayEndTheLastValuesTogether) {
  for (int round = 0; round < 20; ++round) {
    auto arena = Arena::make(kPageBytes);
    std::vector<Value> values;
    for (int i = 0; i < 20; ++i) values.push_back(Loan(*arena, "bytes").value());
    std::vector<Value> copies = values;
    arena.reset();
    const auto end = [](std::vector<Value>& mine) {
      while (!mine.empty()) {
        EXPECT_EQ(mine.back().view(), "bytes");
        mine.pop_back();
      }
    };
    std::jthread one([&] { end(values); });
    std::jthread two([&] { end(copies); });
  }
}

TEST(Arena, ValuesMayEndWhileItIsAbandoned) {
  for (int round = 0; round < 50; ++round) {
    auto arena = Arena::make(kPageBytes);
    std::vector<Value> values;
    for (int i = 0; i < 20; ++i) values.push_back(Loan(*arena, "bytes").value());
    std::jthread ender([&] { values.clear(); });
    arena.reset();
  }
}

}  // namespace
}  // namespace kith::store
