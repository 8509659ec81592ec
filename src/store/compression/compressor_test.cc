// SPDX-License-Identifier: Apache-2.0
#include "store/compression/compressor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace kith::store {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// The frame, or nothing when the value is to be kept as it is.
std::optional<std::string> compress(Compressor& compressor, std::string_view value) {
  std::vector<std::byte> out(compressor.max_frame_bytes(value.size()));
  const std::optional<std::size_t> size = compressor.compress(bytes_of(value), out);
  if (!size.has_value()) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(out.data()), *size);
}

/// The value of exactly that size, or nothing when the frame is refused. Nothing behind it may be
/// written: a sanitizer would not see what zstd does.
std::optional<std::string> restore(Compressor& compressor, std::string_view frame,
                                   std::size_t size) {
  std::vector<std::byte> out(size + 64, std::byte{0x55});
  const bool whole = compressor.decompress(bytes_of(frame), out.data(), size);
  for (std::size_t i = size; i < out.size(); ++i) EXPECT_EQ(out[i], std::byte{0x55});
  if (!whole) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

std::string noise(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
  return bytes;
}

/// Some 150 bytes as a web service would keep them.
std::string user(Rng& rng) {
  static constexpr std::string_view kCities[] = {"Berlin", "Lisbon", "Oslo", "Prague", "Vienna"};
  std::string json = "{\"user_id\":" + std::to_string(rng.below(100'000'000));
  json += ",\"city\":\"" + std::string(kCities[rng.below(5)]) + "\",\"subscribed\":";
  json += rng.chance(0.5) ? "true" : "false";
  json += ",\"last_login\":\"2024-05-1" + std::to_string(rng.below(10)) + "\",\"score\":";
  return json + std::to_string(rng.below(1000)) + ",\"permissions\":[\"read\",\"write\"]}";
}

/// As long as a user, of another vocabulary.
std::string parcel(Rng& rng) {
  static constexpr std::string_view kStates[] = {"shipped", "waiting", "delivered", "returned"};
  std::string xml = "<parcel number='" + std::to_string(rng.below(100'000'000)) + "'><state>";
  xml += std::string(kStates[rng.below(4)]) + "</state><weight unit='gram'>";
  xml += std::to_string(rng.below(10'000)) + "</weight><carrier>Hermes</carrier><warehouse>";
  return xml + std::to_string(rng.below(100)) + "</warehouse></parcel>";
}

CompressionOptions small_options() {
  CompressionOptions options;
  options.dictionary_bytes = 4u << 10;
  options.sample_bytes = 64u << 10;
  return options;
}

/// Offers values until a training is due; false when that does not come.
template <class Make>
bool feed(Compressor& compressor, Make make, Rng& rng, std::size_t at_most = 1'000'000) {
  for (std::size_t i = 0; i < at_most && !compressor.training_due(); ++i) {
    static_cast<void>(compress(compressor, make(rng)));
  }
  return compressor.training_due();
}

template <class Make>
void feed_and_train(Compressor& compressor, Make make, Rng& rng) {
  ASSERT_TRUE(feed(compressor, make, rng));
  compressor.train();
}

/// What a thousand values become, relative to what they were.
template <class Make>
double ratio(Compressor& compressor, Make make) {
  Rng rng(99);
  std::size_t before = 0;
  std::size_t after = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string value = make(rng);
    before += value.size();
    after += compress(compressor, value).value_or(value).size();
  }
  return static_cast<double>(after) / static_cast<double>(before);
}

/// A compressor with a dictionary of users.
class Trained {
 public:
  Trained() : compressor(small_options()), rng(1) { feed_and_train(compressor, user, rng); }
  Compressor compressor;
  Rng rng;
};

RC_GTEST_PROP(Compressor, RestoresAnyBytes, ()) {
  CompressionOptions options = small_options();
  options.min_value_bytes = 1;
  options.worthwhile = 1;
  options.level = *rc::gen::inRange(1, 20);
  Compressor compressor(options);
  const auto piece = *rc::gen::nonEmpty(rc::gen::arbitrary<std::string>());
  std::string value;
  for (int i = *rc::gen::inRange(1, 50); i > 0; --i) value += piece;
  value += *rc::gen::arbitrary<std::string>();
  const auto frame = compress(compressor, value);
  if (!frame.has_value()) return;
  RC_ASSERT(frame->size() <= compressor.max_frame_bytes(value.size()));
  RC_ASSERT(compressor.original_size(bytes_of(*frame)) == value.size());
  RC_ASSERT(restore(compressor, *frame, value.size()) == value);
}

RC_GTEST_PROP(Compressor, RestoresAnyBytesWithADictionary, ()) {
  static Trained trained;
  std::string value = user(trained.rng);
  for (const char& byte : *rc::gen::arbitrary<std::string>()) {
    value.insert(trained.rng.below(value.size() + 1), 1, byte);
  }
  const auto frame = compress(trained.compressor, value);
  if (!frame.has_value()) return;
  RC_ASSERT(frame->front() == 1);
  RC_ASSERT(restore(trained.compressor, *frame, value.size()) == value);
}

TEST(Compressor, ADictionaryMakesSmallValuesMuchSmaller) {
  Compressor compressor(small_options());
  const double without = ratio(compressor, user);
  Rng rng(1);
  feed_and_train(compressor, user, rng);
  const double with = ratio(compressor, user);
  EXPECT_GT(without, 0.7);
  EXPECT_LT(with, 0.35);
}

TEST(Compressor, LeavesIncompressibleValuesAlone) {
  Compressor compressor(small_options());
  Rng rng(1);
  EXPECT_EQ(compress(compressor, noise(rng, 1000)), std::nullopt);
  EXPECT_EQ(compressor.stats().bytes_out, 1000u);
}

TEST(Compressor, LeavesValuesOutsideTheLimitsAlone) {
  CompressionOptions options;
  options.min_value_bytes = 100;
  options.max_value_bytes = 1000;
  Compressor compressor(options);
  EXPECT_EQ(compressor.max_frame_bytes(99), 0u);
  EXPECT_EQ(compress(compressor, std::string(99, 'a')), std::nullopt);
  EXPECT_TRUE(compress(compressor, std::string(100, 'a')).has_value());
  EXPECT_TRUE(compress(compressor, std::string(1000, 'a')).has_value());
  EXPECT_EQ(compress(compressor, std::string(1001, 'a')), std::nullopt);
  EXPECT_EQ(compress(compressor, ""), std::nullopt);
}

TEST(Compressor, KeepsOnlyFramesThatAreWorthwhile) {
  Rng rng(1);
  const std::string value = noise(rng, 700) + std::string(300, 'a');
  CompressionOptions options;
  options.worthwhile = 0.8;
  Compressor generous(options);
  options.worthwhile = 0.6;
  Compressor strict(options);
  EXPECT_TRUE(compress(generous, value).has_value());
  EXPECT_EQ(compress(strict, value), std::nullopt);
}

TEST(Compressor, WritesNothingBeyondTheRoomThatItGets) {
  Compressor compressor(small_options());
  const std::string value(1000, 'a');
  const std::size_t size = compress(compressor, value)->size();
  for (std::size_t room = 0; room <= compressor.max_frame_bytes(value.size()); ++room) {
    std::vector<std::byte> out(room + 1, std::byte{0x55});
    const auto written = compressor.compress(bytes_of(value), std::span(out).first(room));
    EXPECT_EQ(out.back(), std::byte{0x55});
    if (room < size) {
      EXPECT_EQ(written, std::nullopt);
    }
    if (written.has_value()) {
      EXPECT_EQ(*written, size);
    }
  }
}

TEST(Compressor, TrainsNothingWithoutADictionary) {
  CompressionOptions options = small_options();
  options.dictionary_bytes = 0;
  Compressor compressor(options);
  Rng rng(1);
  EXPECT_FALSE(feed(compressor, user, rng, 5000));
  compressor.train();
  EXPECT_EQ(compressor.stats().trainings, 0u);
  EXPECT_EQ(compress(compressor, std::string(100, 'a'))->front(), 0);
}

TEST(Compressor, ValuesFromBeforeTheTrainingStayReadable) {
  Compressor compressor(small_options());
  Rng rng(1);
  const std::string value = user(rng) + user(rng) + user(rng);
  const std::string frame = compress(compressor, value).value();
  feed_and_train(compressor, user, rng);
  EXPECT_EQ(compress(compressor, value)->front(), 1);
  EXPECT_EQ(restore(compressor, frame, value.size()), value);
}

TEST(Compressor, TrainsAgainWhenTheValuesHaveChanged) {
  Trained trained;
  static_cast<void>(feed(trained.compressor, user, trained.rng, 10'000));
  ASSERT_FALSE(trained.compressor.training_due()) << "the same values as were trained for";
  const double before = ratio(trained.compressor, parcel);
  feed_and_train(trained.compressor, parcel, trained.rng);
  EXPECT_EQ(trained.compressor.stats().dictionaries, 2u);
  EXPECT_LT(ratio(trained.compressor, parcel), before / 2);
}

TEST(Compressor, EveryGenerationStaysReadable) {
  CompressionOptions options = small_options();
  options.dictionary_bytes = 1u << 10;
  options.sample_bytes = 4u << 10;
  Compressor compressor(options);
  Rng rng(1);
  std::vector<std::pair<std::string, std::string>> values_and_frames;
  std::uint64_t vocabulary = 0;
  std::vector<std::string> words;
  const auto change = [&] {
    Rng naming(++vocabulary);
    words.clear();
    for (int i = 0; i < 8; ++i) words.push_back(noise(naming, 40));
  };
  const auto make = [&](Rng& random) {
    std::string value;
    for (int i = 0; i < 4; ++i) value += words[random.below(words.size())];
    return value + std::to_string(random.next());
  };
  for (std::size_t round = 1; round <= 6; ++round) {
    change();
    ASSERT_TRUE(feed(compressor, make, rng, 10'000'000)) << round;
    compressor.train();
    ASSERT_EQ(compressor.stats().dictionaries, round);
    const std::string value = make(rng);
    values_and_frames.emplace_back(value, compress(compressor, value).value());
    ASSERT_EQ(values_and_frames.back().second.front(), static_cast<char>(round));
    // The first window sets the mark; then the vocabulary changes.
    const std::uint64_t window = (4 * options.sample_bytes) << round;
    for (std::uint64_t sent = 0; sent < window + window / 2; sent += value.size()) {
      static_cast<void>(compress(compressor, make(rng)));
    }
    ASSERT_FALSE(compressor.training_due());
  }
  for (const auto& [value, frame] : values_and_frames) {
    EXPECT_EQ(restore(compressor, frame, value.size()), value);
  }
}

TEST(Compressor, NoiseGivesNoDictionaryAndIsTriedAgainLater) {
  Compressor compressor(small_options());
  const auto make = [](Rng& rng) { return noise(rng, 200); };
  Rng rng(1);
  feed_and_train(compressor, make, rng);
  EXPECT_EQ(compressor.stats().trainings, 1u);
  EXPECT_EQ(compressor.stats().dictionaries, 0u);
  EXPECT_FALSE(compressor.training_due());
  feed_and_train(compressor, user, rng);
  EXPECT_EQ(compressor.stats().dictionaries, 1u);
}

TEST(Compressor, SamplesAreWorthlessWhenThereAreTooFew) {
  CompressionOptions options = small_options();
  options.sample_bytes = options.dictionary_bytes;
  Compressor compressor(options);
  static_cast<void>(compress(compressor, std::string(10'000, 'a')));
  ASSERT_TRUE(compressor.training_due());
  compressor.train();
  EXPECT_EQ(compressor.stats().trainings, 1u);
  EXPECT_EQ(compressor.stats().dictionaries, 0u);
}

TEST(Compressor, TrainingThatIsNotDueDoesNothing) {
  Compressor compressor(small_options());
  compressor.train();
  EXPECT_EQ(compressor.stats().trainings, 0u);
}

TEST(Compressor, RefusesTruncatedAndExtendedFrames) {
  Trained trained;
  const std::string value = user(trained.rng);
  const std::string frame = compress(trained.compressor, value).value();
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(restore(trained.compressor, frame.substr(0, size), value.size()), std::nullopt);
  }
  EXPECT_EQ(restore(trained.compressor, frame + '\0', value.size()), std::nullopt);
  EXPECT_EQ(restore(trained.compressor, frame + frame.substr(1), value.size()), std::nullopt);
}

TEST(Compressor, RefusesAWrongSize) {
  Trained trained;
  const std::string value = user(trained.rng);
  const std::string frame = compress(trained.compressor, value).value();
  for (const std::size_t size : {std::size_t{0}, value.size() - 1, value.size() + 1}) {
    EXPECT_EQ(restore(trained.compressor, frame, size), std::nullopt);
  }
}

TEST(Compressor, RefusesGenerationsThatThereAreNot) {
  Trained trained;
  const std::string value = user(trained.rng);
  std::string frame = compress(trained.compressor, value).value();
  for (int generation = 2; generation < 256; ++generation) {
    frame[0] = static_cast<char>(generation);
    EXPECT_EQ(restore(trained.compressor, frame, value.size()), std::nullopt);
  }
}

TEST(Compressor, RefusesSizesThatItNeverCompresses) {
  CompressionOptions options;
  Compressor large(options);
  options.max_value_bytes = 1000;
  Compressor small(options);
  const std::string value(2000, 'a');
  const std::string frame = compress(large, value).value();
  EXPECT_EQ(small.original_size(bytes_of(frame)), std::nullopt);
  EXPECT_EQ(restore(small, frame, value.size()), std::nullopt);
}

RC_GTEST_PROP(Compressor, ChangedFramesDoNoHarm, ()) {
  static Trained trained;
  const std::string value = user(trained.rng);
  std::string frame = compress(trained.compressor, value).value();
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    frame[trained.rng.below(frame.size())] = static_cast<char>(trained.rng.below(256));
  }
  static_cast<void>(restore(trained.compressor, frame, value.size()));
  RC_ASSERT(restore(trained.compressor, compress(trained.compressor, value).value(),
                    value.size()) == value);
}

RC_GTEST_PROP(Compressor, RefusesArbitraryBytes, (const std::string& bytes)) {
  static Trained trained;
  RC_ASSERT(trained.compressor.original_size(bytes_of(bytes)) == std::nullopt);
  RC_ASSERT(restore(trained.compressor, bytes, 100) == std::nullopt);
}

TEST(Compressor, CountsWhatItDoes) {
  Compressor compressor(small_options());
  Rng rng(1);
  const std::size_t frame = compress(compressor, std::string(1000, 'a'))->size();
  static_cast<void>(compress(compressor, noise(rng, 500)));
  static_cast<void>(compress(compressor, "short"));
  const CompressionStats stats = compressor.stats();
  EXPECT_EQ(stats.values, 3u);
  EXPECT_EQ(stats.compressed, 1u);
  EXPECT_EQ(stats.bytes_in, 1500u);
  EXPECT_EQ(stats.bytes_out, frame + 500);
}

TEST(Compressor, MemoryGrowsWithSamplesAndShrinksByTheTraining) {
  CompressionOptions options = small_options();
  options.sample_bytes = 4u << 20;
  Compressor compressor(options);
  const std::size_t empty = compressor.memory_bytes();
  EXPECT_LT(empty, 16u << 10);
  Rng rng(1);
  ASSERT_TRUE(feed(compressor, user, rng));
  const std::size_t full = compressor.memory_bytes();
  EXPECT_GT(full, empty + options.sample_bytes);
  EXPECT_LT(full, empty + options.sample_bytes * 2);
  compressor.train();
  const std::size_t trained = compressor.memory_bytes();
  EXPECT_LT(trained, options.sample_bytes / 4);
  EXPECT_GT(trained, empty + 2 * options.dictionary_bytes);
}

TEST(Compressor, AnotherGenerationCostsLittleMemory) {
  Trained trained;
  static_cast<void>(feed(trained.compressor, user, trained.rng, 10'000));
  const std::size_t one = trained.compressor.memory_bytes();
  feed_and_train(trained.compressor, parcel, trained.rng);
  static_cast<void>(ratio(trained.compressor, parcel));
  const std::size_t two = trained.compressor.memory_bytes();
  EXPECT_LT(two, one + (64u << 10));
}

/// Threads that put and read back, each its own values, until told to stop.
class Traffic {
 public:
  Traffic(Compressor& compressor, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, &compressor, i] { run(compressor, i); });
    }
  }
  ~Traffic() { stop(); }
  void stop() {
    stopped_.store(true);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void change() { changed_.store(true); }
  std::uint64_t wrong() const { return wrong_.load(); }

 private:
  void run(Compressor& compressor, int seed) {
    Rng rng(static_cast<std::uint64_t>(seed));
    std::vector<std::pair<std::string, std::string>> kept;
    while (!stopped_.load()) {
      const std::string value = changed_.load() ? parcel(rng) : user(rng);
      if (const auto frame = compress(compressor, value)) {
        if (kept.size() < 1000) kept.emplace_back(value, *frame);
        if (restore(compressor, *frame, value.size()) != value) wrong_.fetch_add(1);
      }
      if (kept.empty()) continue;
      const auto& [old_value, old_frame] = kept[rng.below(kept.size())];
      if (restore(compressor, old_frame, old_value.size()) != old_value) wrong_.fetch_add(1);
    }
  }

  std::atomic<bool> stopped_{false};
  std::atomic<bool> changed_{false};
  std::atomic<std::uint64_t> wrong_{0};
  std::vector<std::thread> threads_;
};

TEST(Compressor, ManyThreadsCompressAndRestoreWhileOthersTrain) {
  Compressor compressor(small_options());
  Traffic traffic(compressor, 4);
  const auto train_until = [&](std::uint64_t dictionaries) {
    while (compressor.stats().dictionaries < dictionaries) {
      compressor.train();
      static_cast<void>(compressor.memory_bytes());
      std::this_thread::yield();
    }
  };
  std::thread other([&] { train_until(2); });
  train_until(1);
  // Enough of the first kind for the mark.
  const std::uint64_t marked = compressor.stats().bytes_in + (2u << 20);
  while (compressor.stats().bytes_in < marked) std::this_thread::yield();
  traffic.change();
  train_until(2);
  other.join();
  traffic.stop();
  EXPECT_EQ(traffic.wrong(), 0u);
  EXPECT_EQ(compressor.stats().dictionaries, 2u);
}

}  // namespace
}  // namespace kith::store
