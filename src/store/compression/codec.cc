// SPDX-License-Identifier: Apache-2.0
#include "store/compression/codec.h"

#include <zstd.h>

#include <new>
#include <utility>

#include "base/check.h"

namespace kith::store {
namespace {

/// zstd returns null when there is no memory.
template <class T>
T* made(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

void set_parameter(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  KITH_CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

}  // namespace

struct EncoderDictionary::Native {
  explicit Native(ZSTD_CDict* made_dictionary) : dictionary(made_dictionary) {}
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;
  ~Native() { ZSTD_freeCDict(dictionary); }
  ZSTD_CDict* const dictionary;
};

struct DecoderDictionary::Native {
  explicit Native(ZSTD_DDict* made_dictionary) : dictionary(made_dictionary) {}
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;
  ~Native() { ZSTD_freeDDict(dictionary); }
  ZSTD_DDict* const dictionary;
};

struct Encoder::Native {
  explicit Native(ZSTD_CCtx* made_context) : context(made_context) {}
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;
  ~Native() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* const context;
};

struct Decoder::Native {
  explicit Native(ZSTD_DCtx* made_context) : context(made_context) {}
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;
  ~Native() { ZSTD_freeDCtx(context); }
  ZSTD_DCtx* const context;
};

EncoderDictionary::EncoderDictionary(std::span<const std::byte> dictionary, int level,
                                     Generation generation, MemoryCharge::Total& memory)
    : generation_(generation),
      native_(std::make_unique<const Native>(
          made(ZSTD_createCDict(dictionary.data(), dictionary.size(), level)))),
      charge_(memory) {
  charge_.set(ZSTD_sizeof_CDict(native_->dictionary));
}

EncoderDictionary::~EncoderDictionary() = default;

DecoderDictionary::DecoderDictionary(std::span<const std::byte> dictionary,
                                     MemoryCharge::Total& memory)
    : native_(std::make_unique<const Native>(
          made(ZSTD_createDDict(dictionary.data(), dictionary.size())))),
      charge_(memory) {
  charge_.set(ZSTD_sizeof_DDict(native_->dictionary));
}

DecoderDictionary::~DecoderDictionary() = default;

Encoder::Encoder(int level, MemoryCharge::Total& memory)
    : native_(std::make_unique<const Native>(made(ZSTD_createCCtx()))), charge_(memory) {
  set_parameter(native_->context, ZSTD_c_compressionLevel, level);
  // Four bytes less per value: the generation says which dictionary it was.
  set_parameter(native_->context, ZSTD_c_dictIDFlag, 0);
}

Encoder::~Encoder() = default;

void Encoder::use(std::shared_ptr<const EncoderDictionary> dictionary) {
  const ZSTD_CDict* native = dictionary == nullptr ? nullptr : dictionary->native_->dictionary;
  // A compression that did not fit has not ended for zstd, and would forbid the change.
  KITH_CHECK(!ZSTD_isError(ZSTD_CCtx_reset(native_->context, ZSTD_reset_session_only)));
  KITH_CHECK(!ZSTD_isError(ZSTD_CCtx_refCDict(native_->context, native)));
  dictionary_ = std::move(dictionary);
}

std::size_t Encoder::compress(std::span<const std::byte> value, std::span<std::byte> out) {
  if (out.empty()) return 0;
  out[0] = static_cast<std::byte>(generation());
  // What does not fit is an error, for which zstd does not finish its work.
  const std::size_t bytes =
      ZSTD_compress2(native_->context, out.data() + 1, out.size() - 1, value.data(), value.size());
  charge_.set(ZSTD_sizeof_CCtx(native_->context));
  return ZSTD_isError(bytes) ? 0 : bytes + 1;
}

Decoder::Decoder(MemoryCharge::Total& memory)
    : native_(std::make_unique<const Native>(made(ZSTD_createDCtx()))), charge_(memory) {
  charge_.set(ZSTD_sizeof_DCtx(native_->context));
}

Decoder::~Decoder() = default;

bool Decoder::decompress(std::span<const std::byte> frame, const DecoderDictionary* dictionary,
                         std::span<std::byte> out) {
  if (content_size(frame) != out.size()) return false;
  // zstd would go on with a second frame behind the first.
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) return false;
  const ZSTD_DDict* native = dictionary == nullptr ? nullptr : dictionary->native_->dictionary;
  return ZSTD_decompress_usingDDict(native_->context, out.data(), out.size(), frame.data(),
                                    frame.size(), native) == out.size();
}

std::optional<std::uint64_t> content_size(std::span<const std::byte> frame) {
  const unsigned long long bytes = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (bytes == ZSTD_CONTENTSIZE_UNKNOWN || bytes == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return bytes;
}

}  // namespace kith::store
