// SPDX-License-Identifier: Apache-2.0
//
// Reads arbitrary bytes as a trace, in each of the formats. Whatever comes of it must not depend on
// how the bytes were cut into chunks, and stay within the trace's bound; what is refused must say
// where.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "bench/hitrate/byte_source.h"
#include "bench/hitrate/formats.h"
#include "bench/hitrate/trace.h"

namespace {

using namespace kith::bench::hitrate;  // NOLINT(google-build-using-namespace)

/// A line of a few bytes may ask for as many.
constexpr std::size_t kMaxRequests = 1u << 16;

class Bytes final : public ByteSource {
 public:
  Bytes(std::string_view bytes, std::size_t chunk)
      : ByteSource("input"), left_(bytes), chunk_(chunk) {}

  kith::Result<std::string_view> next() override {
    const std::string_view part = left_.substr(0, chunk_);
    left_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view left_;
  const std::size_t chunk_;
};

struct Outcome {
  Trace trace{"input", kMaxRequests};
  std::string error;
};

Outcome read(const Format& format, std::string_view bytes, std::size_t chunk, bool compressed) {
  std::unique_ptr<ByteSource> source = std::make_unique<Bytes>(bytes, chunk);
  if (compressed) source = ByteSource::decompressed(std::move(source));
  Outcome outcome;
  if (const auto result = format.read(*source, outcome.trace); !result) {
    outcome.error = result.error().message;
    KITH_CHECK(result.error().code == kith::ErrorCode::invalid_argument);
    KITH_CHECK(outcome.error.starts_with("input: "));
    KITH_CHECK(outcome.error.size() < 200);
  }
  return outcome;
}

void check(Trace& trace) {
  KITH_CHECK(trace.requests() <= kMaxRequests);
  trace.finish();
  KITH_CHECK(trace.unique_objects() <= trace.requests());
  KITH_CHECK(trace.unique_bytes() >= trace.unique_objects());
  for (std::size_t i = 0; i < trace.requests(); ++i) KITH_CHECK(trace.size(i) > 0);
}

}  // namespace

// The first byte, modulo their number, is the format, compressed in the second half of its values.
// The second one says how long chunks are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Format& format = formats()[data[0] % formats().size()];
  const bool compressed = data[0] >= 128;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  Outcome whole = read(format, bytes, size, compressed);
  const Outcome parts = read(format, bytes, std::size_t{data[1]} + 1, compressed);
  KITH_CHECK(whole.error.empty() == parts.error.empty());
  // Where compressed bytes are bad, how much came before depends on the chunks.
  if (!compressed || whole.error.empty()) {
    KITH_CHECK(whole.trace.keys() == parts.trace.keys());
    KITH_CHECK(whole.error == parts.error);
  }
  check(whole.trace);
  return 0;
}
