// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <memory>
#include <string>
#include <string_view>

namespace kith::bench::hitrate {

/// A file's bytes in chunks, decompressed if its name ends in `.zst`. Reads ahead one chunk only.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  static Result<std::unique_ptr<ByteSource>> open(const std::string& file);

  /// What zstd made the bytes of `compressed` from.
  static std::unique_ptr<ByteSource> decompressed(std::unique_ptr<ByteSource> compressed);

  /// The next bytes, valid until the next call; empty at the end.
  virtual Result<std::string_view> next() = 0;
  const std::string& file() const { return file_; }

 protected:
  explicit ByteSource(std::string file) : file_(std::move(file)) {}

 private:
  const std::string file_;
};

/// A file whose content is not what it should be. `where` is a place in it: "line 3", "byte 24".
inline tl::unexpected<Error> malformed(const ByteSource& source, const std::string& where,
                                       const std::string& what) {
  return fail(ErrorCode::invalid_argument, source.file() + ": " + where + ": " + what);
}

}  // namespace kith::bench::hitrate
