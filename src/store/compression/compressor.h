// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace kith::store {

struct CompressionOptions {
  /// zstd's level, 1 to 19: higher is smaller and slower to compress; reading costs the same. Above
  /// 3 lower max_value_bytes too (8 KiB at 6), or one put takes longer than a millisecond.
  int level = 3;
  /// Largest size of a dictionary; 1 KiB to 1 MiB. Zero: no dictionary is trained. Each one trained
  /// is kept for ever, up to kMaxDictionaries of them.
  std::size_t dictionary_bytes = 64u << 10;
  /// Smaller values are left alone. At least 1.
  std::size_t min_value_bytes = 64;
  /// Larger values are left alone, so that no put takes longer than a millisecond: at level 3 it
  /// takes 0.4 ms for 32 KiB of JSON, 0.8 ms for 64 KiB and 1.3 ms for 128 KiB; a read takes a
  /// fifth. At least min_value_bytes, at most 1 GiB.
  std::size_t max_value_bytes = 32u << 10;
  /// How much of the values is copied before a training: about a hundred times the dictionary, at
  /// least as much as it, at most 1 GiB. Fewer give a worse dictionary; more take memory until
  /// they have come in, and make the training longer. Unused without a dictionary.
  std::size_t sample_bytes = 100 * (64u << 10);
  /// A frame larger than this share of its value is not worth the time to read it: the value stays
  /// as it is. Above 0, at most 1.
  double worthwhile = 0.9;
};

struct CompressionStats {
  std::uint64_t values = 0;        ///< Offered to compress().
  std::uint64_t compressed = 0;    ///< Of these, made into a frame.
  std::uint64_t bytes_in = 0;      ///< Of the values within the limits of size.
  std::uint64_t bytes_out = 0;     ///< Of the same, frames where there is one.
  std::uint64_t trainings = 0;     ///< Ended, whether a dictionary came of it or not.
  std::uint64_t dictionaries = 0;  ///< In use for values that come from now on or came earlier.
};

/// Makes the values of one cache smaller: zstd, with a dictionary trained from the cache's own
/// values, which is what makes small ones shrink. Thread-safe; compress and decompress wait for no
/// training.
///
/// A frame is one byte, the generation, and a frame of zstd. Generation 0 has no dictionary:
/// values that come while samples for the first one are collected are compressed without, for the
/// larger ones shrink well enough and keep no memory of samples waiting. Generations 1 to 15 are
/// the dictionaries in the order of their training. None is ever dropped, so each frame stays
/// readable for as long as the compressor lives, whoever still holds it; after the 15th no more are
/// trained. That lasts: a new one is due only when values have come to compress clearly worse than
/// right after the last training, and each training doubles how many bytes that is judged by.
///
/// Frames mean something to the compressor that made them only: they are no format to send or to
/// store. They have no checksum, as values in memory have none.
class Compressor {
 public:
  static constexpr std::size_t kMaxDictionaries = 15;

  /// Requires options within their ranges.
  explicit Compressor(const CompressionOptions& options);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// The most bytes that a frame for a value of this size can have. Zero: such values are left
  /// alone.
  std::size_t max_frame_bytes(std::size_t value_bytes) const;

  /// Writes the value's frame to the beginning of `out`, which must not overlap the value, and
  /// returns its size. Nothing: the value is to be kept as it is, or does not fit; `out` is then
  /// undefined. Never uses more than max_frame_bytes(value.size()); with less room than that, zstd
  /// may want a few bytes more than the frame has. May copy up to 16 KiB of the value as a sample.
  /// Throws std::bad_alloc as operator new does.
  std::optional<std::size_t> compress(std::span<const std::byte> value, std::span<std::byte> out);

  /// The size of the value that a frame restores. Nothing: this is no frame of this compressor.
  std::optional<std::size_t> original_size(std::span<const std::byte> frame) const;

  /// Restores the value, of `original_size` bytes exactly, to `out`, which has room for it and does
  /// not overlap the frame. False: this is no whole frame of this compressor of that size; what
  /// `out` then holds is undefined, and nothing beyond it was written. Bytes that were changed such
  /// that they are a valid frame still are not noticed. Throws std::bad_alloc as operator new does.
  bool decompress(std::span<const std::byte> frame, std::byte* out, std::size_t original_size);

  /// Whether train() has something to do. Cheap enough to ask at each put.
  bool training_due() const;
  /// Trains a dictionary, if that is due, and compresses with it from then on. For a thread in the
  /// background: takes a tenth of a second for each MiB of samples, and some 10 MiB beside them.
  /// Of several calls at once one trains and the others return. When there is no gain in a
  /// dictionary there is none; samples are collected again later.
  void train();

  /// Of samples, dictionaries and the working memory of zstd, which is kept for as many calls as
  /// went on at once, up to 16 in each direction. Without what a training takes while it goes on,
  /// and without frames.
  std::size_t memory_bytes() const;
  /// Each field is exact; together they are of about the same moment.
  CompressionStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::store
