// SPDX-License-Identifier: Apache-2.0
#include "store/compression/trainer.h"

#include <zdict.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>

#include "store/compression/codec.h"

namespace kith::store {
namespace {

/// One sample in so many is not trained from but tried on. A dictionary always suits the samples
/// that it was made of, be they noise.
constexpr std::size_t kOneTriedIn = 8;
/// Less gain is not worth the memory and the time.
constexpr double kUseful = 0.95;

/// Samples of `sizes`, one after the other in `bytes`.
struct Part {
  std::span<const std::byte> bytes;
  std::span<const std::size_t> sizes;
};

/// The first `count` samples, and the rest.
struct Split {
  Split(const Samples& samples, std::size_t count) {
    const std::span<const std::byte> bytes(samples.bytes);
    const std::span<const std::size_t> sizes(samples.sizes);
    const auto first = sizes.first(count);
    const std::size_t first_bytes = std::accumulate(first.begin(), first.end(), std::size_t{0});
    trained = {bytes.first(first_bytes), first};
    tried = {bytes.subspan(first_bytes), sizes.subspan(count)};
  }
  Part trained;
  Part tried;
};

std::vector<std::byte> train(const Part& part, std::size_t dictionary_bytes) {
  std::vector<std::byte> dictionary(dictionary_bytes);
  const std::size_t bytes =
      ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), part.bytes.data(),
                            part.sizes.data(), static_cast<unsigned>(part.sizes.size()));
  dictionary.resize(ZDICT_isError(bytes) ? 0 : bytes);
  return dictionary;
}

/// The samples' bytes when each is kept compressed if that makes it smaller.
std::size_t compressed_bytes(const Part& part, Encoder& encoder) {
  std::vector<std::byte> frame(*std::max_element(part.sizes.begin(), part.sizes.end()));
  std::size_t sum = 0;
  std::size_t offset = 0;
  for (const std::size_t size : part.sizes) {
    const std::size_t bytes =
        encoder.compress(part.bytes.subspan(offset, size), std::span(frame).first(size));
    sum += bytes == 0 ? size : bytes;
    offset += size;
  }
  return sum;
}

bool helps(std::span<const std::byte> dictionary, const Part& part, int level) {
  MemoryCharge::Total ignored{0};
  Encoder encoder(level, ignored);
  const std::size_t without = compressed_bytes(part, encoder);
  encoder.use(std::make_shared<EncoderDictionary>(dictionary, level, Generation{1}, ignored));
  const std::size_t with = compressed_bytes(part, encoder);
  return static_cast<double>(with) <= static_cast<double>(without) * kUseful;
}

}  // namespace

std::vector<std::byte> train_dictionary(const Samples& samples, std::size_t dictionary_bytes,
                                        int level) {
  const std::size_t tried = samples.sizes.size() / kOneTriedIn;
  if (tried == 0) return {};
  const Split split(samples, samples.sizes.size() - tried);
  std::vector<std::byte> dictionary = train(split.trained, dictionary_bytes);
  if (dictionary.empty() || !helps(dictionary, split.tried, level)) return {};
  return dictionary;
}

}  // namespace kith::store
