// SPDX-License-Identifier: Apache-2.0
#include "store/compression/compressor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/memory_charge.h"
#include "base/snapshot.h"
#include "base/striped_counter.h"
#include "store/compression/codec.h"
#include "store/compression/idle_pool.h"
#include "store/compression/trainer.h"
#include "store/compression/training_plan.h"

namespace kith::store {
namespace {

constexpr std::size_t kLargest = 1u << 30;
/// An encoder reports to the plan, which has a lock, after so many bytes.
constexpr std::uint64_t kReportBytes = 64u << 10;

const CompressionOptions& checked(const CompressionOptions& options) {
  KITH_CHECK(options.level >= 1 && options.level <= 19);
  KITH_CHECK(options.min_value_bytes >= 1);
  KITH_CHECK(options.min_value_bytes <= options.max_value_bytes);
  KITH_CHECK(options.max_value_bytes <= kLargest);
  KITH_CHECK(options.worthwhile > 0 && options.worthwhile <= 1);
  if (options.dictionary_bytes > 0) {
    KITH_CHECK(options.dictionary_bytes >= 1u << 10 && options.dictionary_bytes <= 1u << 20);
    KITH_CHECK(options.sample_bytes >= options.dictionary_bytes);
    KITH_CHECK(options.sample_bytes <= kLargest);
  }
  return options;
}

}  // namespace

struct Compressor::Impl {
  /// An encoder, and what it made since it reported last.
  struct Worker {
    Worker(int level, MemoryCharge::Total& memory) : encoder(level, memory) {}
    Encoder encoder;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
  };

  explicit Impl(const CompressionOptions& from)
      : options(checked(from)),
        plan(options.sample_bytes, options.dictionary_bytes > 0 ? kMaxDictionaries : 0, memory) {}

  std::size_t max_frame_bytes(std::size_t value_bytes) const;
  std::optional<std::size_t> compress(std::span<const std::byte> value, std::span<std::byte> out);
  std::unique_ptr<Worker> take_worker();
  void account(Worker& worker, std::size_t before, std::size_t after);
  bool decompress(std::span<const std::byte> frame, std::span<std::byte> out);
  void train();
  void publish(std::span<const std::byte> dictionary);
  std::optional<std::size_t> original_size(std::span<const std::byte> frame) const;

  const CompressionOptions options;
  /// Before all that is counted in it.
  MemoryCharge::Total memory{0};
  TrainingPlan plan;

  /// By generation, the first of which is unused; only added to, by the one thread that trains.
  std::array<std::unique_ptr<const DecoderDictionary>, kMaxDictionaries + 1> dictionaries;
  /// How many of them there are: the latest generation. The release of its increase pairs with the
  /// acquire of those who then read the dictionary.
  std::atomic<Generation> latest{kNoDictionary};
  /// The latest one for compression. Older ones go when no worker uses them any more.
  Snapshot<EncoderDictionary> encoder_dictionary;

  IdlePool<Worker> workers;
  IdlePool<Decoder> decoders;

  StripedCounter values;
  StripedCounter compressed;
  StripedCounter bytes_in;
  StripedCounter bytes_out;
  std::atomic<std::uint64_t> trainings{0};
};

Compressor::Compressor(const CompressionOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}

Compressor::~Compressor() = default;

std::size_t Compressor::max_frame_bytes(std::size_t value_bytes) const {
  return impl_->max_frame_bytes(value_bytes);
}

std::optional<std::size_t> Compressor::compress(std::span<const std::byte> value,
                                                std::span<std::byte> out) {
  return impl_->compress(value, out);
}

std::optional<std::size_t> Compressor::original_size(std::span<const std::byte> frame) const {
  return impl_->original_size(frame);
}

bool Compressor::decompress(std::span<const std::byte> frame, std::byte* out,
                            std::size_t original_size) {
  return impl_->original_size(frame) == original_size &&
         impl_->decompress(frame, {out, original_size});
}

bool Compressor::training_due() const { return impl_->plan.due(); }

void Compressor::train() { impl_->train(); }

std::size_t Compressor::memory_bytes() const {
  return sizeof(Impl) + impl_->memory.load(std::memory_order_relaxed);
}

CompressionStats Compressor::stats() const {
  CompressionStats stats;
  stats.values = impl_->values.get();
  stats.compressed = impl_->compressed.get();
  stats.bytes_in = impl_->bytes_in.get();
  stats.bytes_out = impl_->bytes_out.get();
  stats.trainings = impl_->trainings.load(std::memory_order_relaxed);
  stats.dictionaries = impl_->latest.load(std::memory_order_relaxed);
  return stats;
}

std::size_t Compressor::Impl::max_frame_bytes(std::size_t value_bytes) const {
  if (value_bytes < options.min_value_bytes || value_bytes > options.max_value_bytes) return 0;
  return static_cast<std::size_t>(static_cast<double>(value_bytes) * options.worthwhile);
}

std::optional<std::size_t> Compressor::Impl::compress(std::span<const std::byte> value,
                                                      std::span<std::byte> out) {
  values.add();
  const std::size_t limit = max_frame_bytes(value.size());
  if (limit == 0) return std::nullopt;
  plan.offer(value);

  std::unique_ptr<Worker> worker = take_worker();
  const std::size_t bytes = worker->encoder.compress(value, out.first(std::min(out.size(), limit)));
  account(*worker, value.size(), bytes == 0 ? value.size() : bytes);
  workers.give(std::move(worker));
  if (bytes == 0) return std::nullopt;
  compressed.add();
  return bytes;
}

std::unique_ptr<Compressor::Impl::Worker> Compressor::Impl::take_worker() {
  std::unique_ptr<Worker> worker = workers.take();
  if (worker == nullptr) worker = std::make_unique<Worker>(options.level, memory);
  if (worker->encoder.generation() != latest.load(std::memory_order_acquire)) {
    worker->encoder.use(encoder_dictionary.load());
    // What the old one did says nothing about the new one.
    worker->before = 0;
    worker->after = 0;
  }
  return worker;
}

void Compressor::Impl::account(Worker& worker, std::size_t before, std::size_t after) {
  bytes_in.add(before);
  bytes_out.add(after);
  worker.before += before;
  worker.after += after;
  if (worker.before < std::min<std::uint64_t>(kReportBytes, options.sample_bytes)) return;
  plan.observe(std::exchange(worker.before, 0), std::exchange(worker.after, 0));
}

std::optional<std::size_t> Compressor::Impl::original_size(std::span<const std::byte> frame) const {
  if (frame.empty()) return std::nullopt;
  const std::optional<std::uint64_t> size = content_size(frame.subspan(1));
  if (!size.has_value() || *size < options.min_value_bytes || *size > options.max_value_bytes) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(*size);
}

bool Compressor::Impl::decompress(std::span<const std::byte> frame, std::span<std::byte> out) {
  const auto generation = static_cast<Generation>(frame[0]);
  if (generation > latest.load(std::memory_order_acquire)) return false;
  std::unique_ptr<Decoder> decoder = decoders.take();
  if (decoder == nullptr) decoder = std::make_unique<Decoder>(memory);
  const bool whole = decoder->decompress(frame.subspan(1), dictionaries[generation].get(), out);
  decoders.give(std::move(decoder));
  return whole;
}

void Compressor::Impl::train() {
  std::optional<Samples> samples = plan.begin();
  if (!samples.has_value()) return;
  const std::vector<std::byte> dictionary =
      train_dictionary(*samples, options.dictionary_bytes, options.level);
  samples.reset();
  if (!dictionary.empty()) publish(dictionary);
  trainings.fetch_add(1, std::memory_order_relaxed);
  plan.finish(!dictionary.empty());
}

void Compressor::Impl::publish(std::span<const std::byte> dictionary) {
  const auto next = static_cast<Generation>(latest.load(std::memory_order_relaxed) + 1);
  dictionaries[next] = std::make_unique<const DecoderDictionary>(dictionary, memory);
  auto for_encoders =
      std::make_shared<const EncoderDictionary>(dictionary, options.level, next, memory);
  // In this order: whoever has a frame of this generation must find that it exists.
  latest.store(next, std::memory_order_release);
  encoder_dictionary.store(std::move(for_encoders));
  // The idle ones would keep the old dictionary.
  workers.clear();
}

}  // namespace kith::store
