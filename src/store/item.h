// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/entry.h"
#include "base/key.h"
#include "base/lent.h"
#include "store/memory/arena.h"

namespace kith::store {

/// The 8 bytes there.
inline std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

/// Whether `bytes` are there.
bool equal_bytes(const char* there, std::string_view bytes);

/// What an item has that few items have.
struct Extension {
  /// When the two are too large for a slot.
  std::string key;
  Value value;
  Tags tags;
  Version version;
  /// Memory that hangs on the item beside its slot, this included, as the budget counts it.
  std::uint64_t charge = 0;
};

/// An entry in a slot of an arena: this head, the key, the value, then what the flags say.
///
/// Written before anybody can find it, and not changed after that, but for the links, which belong
/// to the shard's lock, `uses`, and the count of the references.
struct Item {
  enum Flag : std::uint8_t {
    kNegative = 1,
    // Two bits at kHoldingShift.
    kMortal = 8,       // A Life follows.
    kExtended = 16,    // The address of an Extension follows.
    kOutside = 32,     // Its key and value are the extension's; none are here.
    kCompressed = 64,  // The value's bytes are a frame of the store's Compressor.
  };
  static constexpr unsigned kHoldingShift = 1;
  static constexpr std::uint8_t kHoldingMask = 3;
  /// Of key_size and value_size.
  static constexpr unsigned kSizeBits = 13;
  /// The epoch is the one of the extension's version.
  static constexpr std::uint32_t kOwnEpoch = 63;

  /// For entries that do not live for ever.
  struct Life {
    TimePoint expires;
    TimePoint stale_until;
    std::uint32_t load_cost_us;
  };

  // The neighbours in the eviction queue, and which queue it is; 0: none.
  std::uint32_t newer : kHandleBits;
  std::uint32_t queue : 2;
  std::uint32_t older : kHandleBits;
  std::uint32_t unused : 2;
  Lent lent;
  /// How often it was of use lately. Written by every reader, so never exact.
  std::atomic<std::uint8_t> uses;
  std::uint8_t flags;
  std::uint32_t key_size : kSizeBits;
  std::uint32_t value_size : kSizeBits;
  /// The version's, by the number that the shard gave it.
  std::uint32_t epoch : 6;
  /// The version's.
  std::uint32_t sequence;

  bool has(Flag flag) const { return (flags & flag) != 0; }
  Holding holding() const { return static_cast<Holding>(flags >> kHoldingShift & kHoldingMask); }

  Life life() const {
    Life life;
    std::memcpy(static_cast<void*>(&life), rest(), kLifeBytes);
    return life;
  }
  TimePoint expires() const { return has(kMortal) ? life().expires : TimePoint::max(); }
  TimePoint stale_until() const { return has(kMortal) ? life().stale_until : TimePoint::max(); }

  /// Null: it has none.
  Extension* extension() const {
    if (!has(kExtended)) return nullptr;
    Extension* extension = nullptr;
    std::memcpy(&extension, rest() + (has(kMortal) ? kLifeBytes : 0), sizeof(extension));
    return extension;
  }

  std::string_view key() const {
    if (has(kOutside)) return extension()->key;
    return {bytes_here(), key_size};
  }
  /// has_key() for keys that are short and here, which most are: else false.
  bool has_short_key(std::string_view wanted) const {
    const std::size_t size = wanted.size();
    if (key_size != size || size - 8 > 8) return false;
    const char* const here = bytes_here();
    // The words may overlap.
    return ((word_at(here) ^ word_at(wanted.data())) |
            (word_at(here + size - 8) ^ word_at(wanted.data() + size - 8))) == 0;
  }
  bool has_key(std::string_view wanted) const {
    if (key_size == wanted.size()) return equal_bytes(bytes_here(), wanted);
    return has(kOutside) && extension()->key == wanted;
  }
  std::string_view value() const {
    return has(kOutside) ? extension()->value.view() : value_here();
  }
  /// value() of one that is not outside.
  std::string_view value_here() const { return {bytes_here() + key_size, value_size}; }
  /// Whether it is an owned value without any of the flags but kExtended, and not empty.
  bool plain() const {
    static_assert(static_cast<int>(Holding::owned) == 0);
    constexpr unsigned kOthers =
        kNegative | kHoldingMask << kHoldingShift | kMortal | kOutside | kCompressed;
    return (flags & kOthers) == 0 && value_size != 0;
  }

  /// Another use; counts up to `most`.
  void touch(std::uint8_t most) {
    // Relaxed, and two steps: a use that is lost among others is no loss, and an entry that is used
    // all the time is only read.
    const std::uint8_t before = uses.load(std::memory_order_relaxed);
    if (before < most) {
      uses.store(static_cast<std::uint8_t>(before + 1), std::memory_order_relaxed);
    }
  }

  static constexpr std::size_t kLifeBytes = 2 * sizeof(TimePoint) + sizeof(std::uint32_t);
  /// Of an item with these flags and sizes.
  static std::size_t bytes(std::uint8_t flags, std::size_t key_size, std::size_t value_size) {
    return sizeof(Item) + key_size + value_size + ((flags & kMortal) != 0 ? kLifeBytes : 0) +
           ((flags & kExtended) != 0 ? sizeof(Extension*) : 0);
  }
  std::size_t bytes() const { return bytes(flags, key_size, value_size); }
  char* bytes_here() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes_here() const { return reinterpret_cast<const char*>(this + 1); }
  const char* rest() const { return bytes_here() + key_size + value_size; }
};
static_assert(sizeof(Item) == 20 && alignof(Item) == kGranuleBytes);
static_assert(offsetof(Item, lent) == offsetof(SlotHead, lent));

}  // namespace kith::store
