// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/lzw.h"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace kith::wire::gossip {
namespace {

constexpr std::uint32_t kClear = 256;
constexpr std::uint32_t kEnd = 257;
constexpr unsigned kFirstWidth = 9;
constexpr unsigned kLastWidth = 12;
constexpr std::uint32_t kCodes = 1u << kLastWidth;

// Both directions count `last`: the code that the table got last, or kEnd when it is empty. A code
// is counted for each one that is written, also for the first after a clear, which defines none; so
// both sides widen at the same place.

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  void put(std::uint32_t code, unsigned width) {
    bits_ |= code << count_;
    for (count_ += width; count_ >= 8; count_ -= 8) {
      out_.push_back(static_cast<char>(bits_ & 0xff));
      bits_ >>= 8;
    }
  }
  void flush() {
    if (count_ > 0) out_.push_back(static_cast<char>(bits_ & 0xff));
  }

 private:
  std::string& out_;
  /// Never more than 7 + 12 bits.
  std::uint32_t bits_ = 0;
  unsigned count_ = 0;
};

// Which code stands for a code's string with one byte more: a hash table with open addressing. The
// table of codes begins anew at 4095, so it is never more than half full.
class Successors {
 public:
  std::optional<std::uint32_t> find(std::uint32_t code, std::uint8_t byte) const {
    const std::uint32_t entry = slots_[slot_of(code << 8 | byte)];
    if (entry == 0) return std::nullopt;
    return entry & (kCodes - 1);
  }
  void add(std::uint32_t code, std::uint8_t byte, std::uint32_t successor) {
    const std::uint32_t pair = code << 8 | byte;
    slots_[slot_of(pair)] = pair << kLastWidth | successor;
  }
  void clear() { slots_.fill(0); }

 private:
  static constexpr std::size_t kSlots = std::size_t{1} << 13;

  /// Where the pair is, or would be.
  std::size_t slot_of(std::uint32_t pair) const {
    std::size_t slot = (pair * 2654435769u) >> (32 - 13);
    while (slots_[slot] != 0 && slots_[slot] >> kLastWidth != pair) slot = (slot + 1) % kSlots;
    return slot;
  }

  /// 20 bits of code and byte, 12 bits of successor. Zero: free; no successor is zero.
  std::array<std::uint32_t, kSlots> slots_{};
};

class Encoder {
 public:
  explicit Encoder(std::string& out) : bits_(out) {}

  void encode(std::string_view input) {
    bits_.put(kClear, width_);
    if (!input.empty()) {
      auto code = static_cast<std::uint32_t>(static_cast<std::uint8_t>(input[0]));
      for (const char next : input.substr(1)) {
        const auto byte = static_cast<std::uint8_t>(next);
        if (const auto longer = successors_.find(code, byte)) {
          code = *longer;
          continue;
        }
        bits_.put(code, width_);
        if (advance()) successors_.add(code, byte, last_);
        code = byte;
      }
      bits_.put(code, width_);
      advance();
    }
    bits_.put(kEnd, width_);
    bits_.flush();
  }

 private:
  /// To the next code. False: there is none, and the table begins anew.
  bool advance() {
    ++last_;
    if (last_ == 1u << width_) ++width_;
    if (last_ < kCodes - 1) return true;
    bits_.put(kClear, width_);
    successors_.clear();
    width_ = kFirstWidth;
    last_ = kEnd;
    return false;
  }

  BitWriter bits_;
  Successors successors_;
  std::uint32_t last_ = kEnd;
  unsigned width_ = kFirstWidth;
};

class Decoder {
 public:
  Decoder(std::string_view input, std::size_t max_bytes) : input_(input), max_bytes_(max_bytes) {}

  Result<std::string> decode() {
    while (true) {
      const auto code = take();
      if (!code) return fail(ErrorCode::invalid_argument, "LZW that ends early");
      if (*code == kEnd) return std::move(out_);
      if (*code == kClear) {
        last_ = kEnd;
        width_ = kFirstWidth;
        previous_.reset();
        continue;
      }
      // The code that is being defined right now stands for the previous string with its own first
      // byte once more. No previous string, and the code is last_: the table is full, and defines
      // it.
      const bool is_newest = previous_ && *code == last_;
      if (*code > last_) {
        return fail(ErrorCode::invalid_argument, "LZW with a code that is not defined");
      }
      const std::size_t size = is_newest ? length_of(*previous_) + 1u : length_of(*code);
      if (size > max_bytes_ - out_.size()) {
        return fail(ErrorCode::too_large, "compressed gossip message over the size limit");
      }
      const std::uint8_t first = append(is_newest ? *previous_ : *code);
      if (is_newest) out_.push_back(static_cast<char>(first));
      advance(*code, first);
    }
  }

 private:
  std::optional<std::uint32_t> take() {
    while (count_ < width_) {
      if (input_.empty()) return std::nullopt;
      bits_ |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(input_[0])) << count_;
      count_ += 8;
      input_.remove_prefix(1);
    }
    const std::uint32_t code = bits_ & ((1u << width_) - 1);
    bits_ >>= width_;
    count_ -= width_;
    return code;
  }

  std::uint32_t length_of(std::uint32_t code) const { return code < kClear ? 1 : length_[code]; }

  /// Appends the code's string, from its end to its front, and returns its first byte. Every entry
  /// refers to an earlier one, so the walk ends.
  std::uint8_t append(std::uint32_t code) {
    std::size_t at = out_.size() + length_of(code);
    out_.resize(at);
    while (code >= kClear) {
      out_[--at] = static_cast<char>(byte_[code]);
      code = prefix_[code];
    }
    out_[--at] = static_cast<char>(code);
    return static_cast<std::uint8_t>(code);
  }

  void advance(std::uint32_t code, std::uint8_t first) {
    if (previous_) {
      prefix_[last_] = static_cast<std::uint16_t>(*previous_);
      byte_[last_] = first;
      length_[last_] = static_cast<std::uint16_t>(length_of(*previous_) + 1);
    }
    previous_ = code;
    ++last_;
    if (last_ < 1u << width_) return;
    if (width_ < kLastWidth) {
      ++width_;
    } else {
      // Full: nothing is added until a clear.
      --last_;
      previous_.reset();
    }
  }

  std::string_view input_;
  const std::size_t max_bytes_;
  std::string out_;

  std::uint32_t bits_ = 0;
  unsigned count_ = 0;
  unsigned width_ = kFirstWidth;
  std::uint32_t last_ = kEnd;
  /// Of the last string, to which the next one adds a byte.
  std::optional<std::uint32_t> previous_;

  // Of codes from 258 to last_: all but the last byte as a code, the last byte, the length.
  std::array<std::uint16_t, kCodes> prefix_;
  std::array<std::uint8_t, kCodes> byte_;
  std::array<std::uint16_t, kCodes> length_;
};

}  // namespace

std::string lzw_compress(std::string_view input) {
  std::string out;
  Encoder(out).encode(input);
  return out;
}

Result<std::string> lzw_decompress(std::string_view input, std::size_t max_bytes) {
  return Decoder(input, max_bytes).decode();
}

}  // namespace kith::wire::gossip
