// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace kith {

namespace detail {

/// What keeps a value's bytes alive, beside memory of its own. For kith itself.
///
/// The low two bits of an owner say what it is:
/// 0: the address of a Value::Buffer; null: nobody needs to keep the bytes;
/// kHeld: the address of a cell in which a thread says that it uses memory of a store;
/// kCounted: the address of a reference count in memory of a store.
using Owner = std::uintptr_t;
inline constexpr Owner kHeld = 1;
inline constexpr Owner kCounted = 2;
inline constexpr Owner kOwnerKinds = 3;

/// One more owner of what `owner`, which is held or counted, keeps alive: itself counted. 0: there
/// are too many; then the bytes must be copied.
Owner share_lent(Owner owner) noexcept;
/// Gives up an owner that is counted.
void give_back_counted(Owner owner) noexcept;

}  // namespace detail

/// A reference-counted view of immutable bytes: what a cache holds and what a read returns.
///
/// Copying a Value copies a handle, never the bytes. The bytes stay valid and unchanged for as long
/// as any handle to them lives, whatever the cache evicts or replaces meanwhile. Different handles
/// may be used from different threads at once; one handle is as thread-safe as an int.
class Value {
 public:
  /// An empty value. Not a miss: a cache can hold it.
  Value() noexcept = default;

  /// Copies `bytes` into one new allocation. Throws std::bad_alloc as operator new does.
  static Value copy_of(std::string_view bytes) {
    std::byte* writable = nullptr;
    Value value = uninitialized(bytes.size(), &writable);
    if (!bytes.empty()) std::memcpy(writable, bytes.data(), bytes.size());
    return value;
  }

  /// Takes the string's memory over; no byte is copied.
  static Value adopt(std::string&& bytes) {
    auto* buffer = new Adopted(std::move(bytes));
    return Value(buffer, reinterpret_cast<const std::byte*>(buffer->bytes.data()),
                 buffer->bytes.size());
  }

  /// Bytes with no owner, such as a string literal. They must outlive every handle.
  static Value borrow_static(std::string_view bytes) noexcept {
    return Value(nullptr, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  }

  /// A value of `size` bytes that the caller fills through `*writable` before sharing it.
  static Value uninitialized(std::size_t size, std::byte** writable) {
    void* memory = ::operator new(sizeof(Buffer) + size);
    auto* buffer = new (memory) Buffer(&destroy_inline, sizeof(Buffer) + size);
    auto* bytes = static_cast<std::byte*>(memory) + sizeof(Buffer);
    *writable = bytes;
    return Value(buffer, bytes, size);
  }

  /// Bytes that a store lends: `owner` keeps them alive until it is released. For kith itself.
  static Value lent(detail::Owner owner, std::string_view bytes) noexcept {
    return Value(owner, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  }

  Value(const Value& other) : owner_(other.owner_), data_(other.data_), size_(other.size_) {
    if (owner_ == 0) return;
    if (other.lent()) {
      owner_ = detail::share_lent(other.owner_);
      if (owner_ == 0) *this = copy_of(other.view());
    } else {
      buffer()->references.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Value(Value&& other) noexcept
      : owner_(std::exchange(other.owner_, 0)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Value& operator=(Value other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() { release(); }

  void swap(Value& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::string_view view() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  /// A copy of the bytes as a string of their own.
  std::string to_string() const { return std::string(view()); }

  /// A handle to `size` of the same bytes from `offset` on; shares the memory.
  /// Requires offset + size <= this->size().
  Value slice(std::size_t offset, std::size_t size) const {
    Value part(*this);
    part.data_ += offset;
    part.size_ = size;
    return part;
  }

  /// Bytes of memory that this handle keeps alive: more than size() for a slice.
  std::size_t retained_bytes() const noexcept {
    if (lent()) return size_;
    return owner_ == 0 ? 0 : buffer()->footprint;
  }

  /// Whether this is the only handle to its memory, which was not borrowed. Whoever made the memory
  /// with uninitialized() may then write it anew: the acquire pairs with the release of the other
  /// handles' decrements, so that their reads happened before.
  bool unique() const noexcept {
    return owner_ != 0 && !lent() && buffer()->references.load(std::memory_order_acquire) == 1;
  }

  /// Compares the bytes.
  friend bool operator==(const Value& a, const Value& b) noexcept { return a.view() == b.view(); }

 private:
  struct Buffer {
    using Destroy = void (*)(Buffer*) noexcept;
    Buffer(Destroy how, std::size_t bytes) : destroy(how), footprint(bytes) {}
    std::atomic<std::uint32_t> references{1};
    Destroy destroy;
    std::size_t footprint;
  };

  struct Adopted : Buffer {
    explicit Adopted(std::string&& from)
        : Buffer(&destroy_adopted, sizeof(Adopted) + from.capacity()), bytes(std::move(from)) {}
    std::string bytes;
  };

  static void destroy_inline(Buffer* buffer) noexcept {
    buffer->~Buffer();
    ::operator delete(static_cast<void*>(buffer));
  }
  static void destroy_adopted(Buffer* buffer) noexcept { delete static_cast<Adopted*>(buffer); }

  Value(detail::Owner owner, const std::byte* data, std::size_t size) noexcept
      : owner_(owner), data_(data), size_(size) {}
  Value(Buffer* buffer, const std::byte* data, std::size_t size) noexcept
      : Value(reinterpret_cast<detail::Owner>(buffer), data, size) {}

  bool lent() const noexcept { return (owner_ & detail::kOwnerKinds) != 0; }
  Buffer* buffer() const noexcept { return reinterpret_cast<Buffer*>(owner_); }

  void release() noexcept {
    if (owner_ == 0) return;
    if (lent()) return release_lent();
    // The acquire pairs with the release of every other handle's decrement, so that all reads of
    // the bytes happen before the memory is given back.
    if (buffer()->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      buffer()->destroy(buffer());
    }
  }
  void release_lent() noexcept {
    detail::Owner counted = owner_;
    if ((owner_ & detail::kHeld) != 0) {
      // Whoever needs the memory back may have turned the hold into a count meanwhile. Release: the
      // reads of the bytes happen before that.
      auto* const cell = reinterpret_cast<std::atomic<detail::Owner>*>(owner_ & ~detail::kHeld);
      counted = cell->exchange(0, std::memory_order_acq_rel);
    }
    if ((counted & detail::kCounted) != 0) detail::give_back_counted(counted);
  }

  detail::Owner owner_ = 0;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Value& value) {
  return out << value.view();
}

}  // namespace kith
