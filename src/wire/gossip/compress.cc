// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/compress.h"

#include <utility>

#include "base/check.h"
#include "wire/gossip/lzw.h"
#include "wire/gossip/message.h"
#include "wire/gossip/struct_codec.h"

namespace kith::wire::gossip {
namespace {

// The only algorithm that there is.
constexpr std::uint64_t kLzw = 0;

}  // namespace

std::string compress_message(std::string_view message) {
  KITH_CHECK(!message.empty());
  std::string out(1, static_cast<char>(MessageType::compress));
  write_struct(Compressed{.algorithm = kLzw, .buffer = lzw_compress(message)}, out);
  return out;
}

Result<std::optional<std::string>> decompress_message(std::string_view bytes,
                                                      std::size_t max_bytes) {
  KITH_CHECK(!bytes.empty());
  Compressed compressed;
  const auto size = read_struct(bytes.substr(1), compressed);
  if (!size) return tl::unexpected<Error>(size.error());
  if (!*size) return std::nullopt;
  if (compressed.algorithm != kLzw) {
    return fail(ErrorCode::unimplemented, "gossip message compressed with an unknown algorithm");
  }
  auto message = lzw_decompress(compressed.buffer, max_bytes);
  if (!message) return tl::unexpected<Error>(std::move(message).error());
  if (message->empty())
    return fail(ErrorCode::invalid_argument, "compressed gossip message of nothing");
  return std::move(*message);
}

}  // namespace kith::wire::gossip
