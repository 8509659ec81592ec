// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/memory_charge.h"

namespace kith::store {

/// The number of a dictionary, in the order of training from 1 on.
using Generation = std::uint8_t;
/// Compressed without a dictionary.
inline constexpr Generation kNoDictionary = 0;

/// A dictionary prepared for compression at one level. Immutable.
class EncoderDictionary {
 public:
  /// Copies the dictionary. Throws std::bad_alloc when there is no memory, and so do all
  /// constructors here.
  EncoderDictionary(std::span<const std::byte> dictionary, int level, Generation generation,
                    MemoryCharge::Total& memory);
  ~EncoderDictionary();
  EncoderDictionary(const EncoderDictionary&) = delete;
  EncoderDictionary& operator=(const EncoderDictionary&) = delete;

  Generation generation() const { return generation_; }

 private:
  friend class Encoder;
  struct Native;

  Generation generation_;
  std::unique_ptr<const Native> native_;
  MemoryCharge charge_;
};

/// A dictionary prepared for decompression. Immutable.
class DecoderDictionary {
 public:
  DecoderDictionary(std::span<const std::byte> dictionary, MemoryCharge::Total& memory);
  ~DecoderDictionary();
  DecoderDictionary(const DecoderDictionary&) = delete;
  DecoderDictionary& operator=(const DecoderDictionary&) = delete;

 private:
  friend class Decoder;
  struct Native;

  std::unique_ptr<const Native> native_;
  MemoryCharge charge_;
};

/// The working memory of one compression at a time. One thread at a time.
class Encoder {
 public:
  /// Begins without a dictionary.
  Encoder(int level, MemoryCharge::Total& memory);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// Compresses with this dictionary from now on; null: without one.
  void use(std::shared_ptr<const EncoderDictionary> dictionary);
  Generation generation() const {
    return dictionary_ == nullptr ? kNoDictionary : dictionary_->generation();
  }

  /// Writes the byte of the generation and the compressed value to `out`, which must not overlap
  /// the value. Returns how many bytes that makes; zero: more than fit, and `out` is undefined.
  std::size_t compress(std::span<const std::byte> value, std::span<std::byte> out);

 private:
  struct Native;

  std::unique_ptr<const Native> native_;
  std::shared_ptr<const EncoderDictionary> dictionary_;
  MemoryCharge charge_;
};

/// The working memory of one decompression at a time. One thread at a time.
class Decoder {
 public:
  explicit Decoder(MemoryCharge::Total& memory);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Restores a value from what follows the byte of the generation. True: all of `out`, and nothing
  /// else, was written. False: that is no single, whole frame of as many bytes as `out` has; `out`
  /// is undefined. `dictionary` is null when there was none.
  bool decompress(std::span<const std::byte> frame, const DecoderDictionary* dictionary,
                  std::span<std::byte> out);

 private:
  struct Native;

  std::unique_ptr<const Native> native_;
  MemoryCharge charge_;
};

/// How many bytes the frame behind the byte of the generation says that it restores; nothing if
/// that is no beginning of a frame. Whether the rest is in order only Decoder finds out.
std::optional<std::uint64_t> content_size(std::span<const std::byte> frame);

}  // namespace kith::store
