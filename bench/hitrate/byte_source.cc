// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/byte_source.h"

#include <zstd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace kith::bench::hitrate {
namespace {

constexpr std::size_t kChunkBytes = 1u << 20;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

class PlainFile final : public ByteSource {
 public:
  PlainFile(std::string name, File file)
      : ByteSource(std::move(name)), handle_(std::move(file)), chunk_(kChunkBytes) {}

  Result<std::string_view> next() override {
    const std::size_t count = std::fread(chunk_.data(), 1, chunk_.size(), handle_.get());
    if (std::ferror(handle_.get()) != 0) {
      return fail(ErrorCode::unavailable, file() + ": " + std::strerror(errno));
    }
    return std::string_view(chunk_.data(), count);
  }

 private:
  const File handle_;
  std::vector<char> chunk_;
};

class ZstdFile final : public ByteSource {
 public:
  explicit ZstdFile(std::unique_ptr<ByteSource> compressed)
      : ByteSource(compressed->file()),
        compressed_(std::move(compressed)),
        stream_(::ZSTD_createDStream(), &::ZSTD_freeDStream),
        chunk_(kChunkBytes) {}

  Result<std::string_view> next() override {
    ZSTD_outBuffer out{chunk_.data(), chunk_.size(), 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !holds_back_) {
        const auto more = compressed_->next();
        if (!more) return more;
        if (more->empty()) return at_end();
        in_ = {more->data(), more->size(), 0};
        before_ += more->size();
      }
      frame_left_ = ::ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (::ZSTD_isError(frame_left_) != 0) {
        return malformed(*this, "compressed byte " + std::to_string(before_ - in_.size + in_.pos),
                         std::string("not zstd: ") + ::ZSTD_getErrorName(frame_left_));
      }
      holds_back_ = out.pos == out.size && frame_left_ != 0;
    }
    return std::string_view(chunk_.data(), out.pos);
  }

 private:
  /// A frame that is complete leaves nothing to be read.
  Result<std::string_view> at_end() const {
    if (frame_left_ == 0) return std::string_view();
    return malformed(*this, "compressed byte " + std::to_string(before_),
                     "the file ends within a zstd frame");
  }

  const std::unique_ptr<ByteSource> compressed_;
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  std::vector<char> chunk_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  /// Compressed bytes before the end of `in_`.
  std::uint64_t before_ = 0;
  /// What zstd still wants for the present frame; zero: between two frames.
  std::size_t frame_left_ = 1;
  /// zstd may have more bytes of what it has read: the chunk was too small for them.
  bool holds_back_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& file) {
  File handle(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (handle == nullptr) return fail(ErrorCode::not_found, file + ": " + std::strerror(errno));
  std::unique_ptr<ByteSource> source = std::make_unique<PlainFile>(file, std::move(handle));
  if (file.ends_with(".zst")) source = decompressed(std::move(source));
  return source;
}

std::unique_ptr<ByteSource> ByteSource::decompressed(std::unique_ptr<ByteSource> compressed) {
  return std::make_unique<ZstdFile>(std::move(compressed));
}

}  // namespace kith::bench::hitrate
