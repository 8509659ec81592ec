// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>
#include <kith/codec.h>
#include <kith/loader.h>
#include <kith/options.h>
#include <kith/result.h>
#include <kith/stats.h>
#include <kith/version.h>

#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith {

/// An answer with its story, as Answer, with the value decoded.
template <class T>
struct TypedAnswer {
  /// Empty: the origin said that the key has no value.
  std::optional<T> value;
  Source source = Source::local;
  /// The value's time was over, and is served because the loader failed.
  bool stale = false;
  Version version;
};

/// A cache of T instead of bytes: a handle as Cache is, with its calls and its rules. The cluster
/// holds and moves encoded bytes; each get decodes them into a T of the caller's own.
///
/// Bytes that do not decode are an error of that get (invalid_argument, with the codec's words);
/// the entry stays, and untyped() still reads it.
///
///     kith::TypedCache<double> prices(*node.open("prices", {}, kith::typed_loader<double>(
///         [](const kith::LoadRequest& request) { return price_of(request.key); })));
///     kith::Result<std::optional<double>> price = prices.get("gold");
template <class T, Codec<T> C = DefaultCodec<T>>
class TypedCache {
 public:
  using Callback = std::function<void(Result<TypedAnswer<T>>)>;

  explicit TypedCache(Cache cache, C codec = {})
      : cache_(std::move(cache)), codec_(std::move(codec)) {}

  /// As Cache::get.
  Result<std::optional<T>> get(std::string_view key, const GetOptions& options = {}) const {
    return decode(codec_, cache_.get(key, options));
  }

  /// As Cache::fetch.
  Result<TypedAnswer<T>> fetch(std::string_view key, const GetOptions& options = {}) const {
    return decode(codec_, cache_.fetch(key, options));
  }

  /// As Cache::get_async: `callback` is called exactly once, and decoding runs on its thread. This
  /// handle may be gone by then.
  void get_async(std::string_view key, Callback callback, const GetOptions& options = {}) const {
    cache_.get_async(
        key,
        [codec = codec_, callback = std::move(callback)](Result<Answer> answer) {
          callback(decode(codec, std::move(answer)));
        },
        options);
  }

  /// As Cache::get_many. A value that does not decode fails its own key only.
  std::vector<Result<std::optional<T>>> get_many(std::span<const std::string> keys,
                                                 const GetOptions& options = {}) const {
    std::vector<Result<std::optional<T>>> typed;
    typed.reserve(keys.size());
    for (Result<std::optional<Value>>& result : cache_.get_many(keys, options)) {
      typed.push_back(decode(codec_, std::move(result)));
    }
    return typed;
  }

  /// As Cache::peek. The only error is a value that does not decode.
  Result<std::optional<T>> peek(std::string_view key) const {
    return decode(codec_, cache_.peek(key));
  }

  /// As Cache::contains_local; decodes nothing.
  bool contains_local(std::string_view key) const { return cache_.contains_local(key); }
  std::string owner_of(std::string_view key) const { return cache_.owner_of(key); }
  CacheStats stats() const { return cache_.stats(); }
  const std::string& name() const { return cache_.name(); }

  /// The cache of bytes behind this one.
  const Cache& untyped() const { return cache_; }

 private:
  static Result<std::optional<T>> decode(const C& codec, const std::optional<Value>& bytes) {
    if (!bytes) return std::optional<T>();
    Result<T> object = codec.decode(*bytes);
    if (!object) {
      object.error().message.insert(0, "the value does not decode: ");
      return tl::unexpected<Error>(std::move(object).error());
    }
    return std::optional<T>(*std::move(object));
  }
  static Result<std::optional<T>> decode(const C& codec, Result<std::optional<Value>> bytes) {
    if (!bytes) return tl::unexpected<Error>(std::move(bytes).error());
    return decode(codec, *bytes);
  }
  static Result<TypedAnswer<T>> decode(const C& codec, Result<Answer> answer) {
    if (!answer) return tl::unexpected<Error>(std::move(answer).error());
    Result<std::optional<T>> object = decode(codec, answer->value);
    if (!object) return tl::unexpected<Error>(std::move(object).error());
    return TypedAnswer<T>{*std::move(object), answer->source, answer->stale, answer->version};
  }

  Cache cache_;
  [[no_unique_address]] C codec_;
};

namespace detail {

template <class T, class C>
LoadResult encode_loaded(const C& codec, const T& object) {
  Result<Value> bytes = codec.encode(object);
  if (!bytes) return std::move(bytes).error();
  return *std::move(bytes);
}

/// `result` is what a typed loader's function returned.
template <class T, class C, class R>
LoadResult load_result_of(const C& codec, R&& result) {
  using Plain = std::remove_cvref_t<R>;
  if constexpr (std::same_as<Plain, T>) {
    return encode_loaded<T>(codec, result);
  } else if constexpr (std::same_as<Plain, std::optional<T>>) {
    if (!result) return NotFound{};
    return encode_loaded<T>(codec, *result);
  } else if constexpr (std::same_as<Plain, Result<T>> ||
                       std::same_as<Plain, Result<std::optional<T>>>) {
    if (!result) return std::forward<R>(result).error();
    return load_result_of<T>(codec, *std::forward<R>(result));
  } else if constexpr (std::same_as<Plain, LoadResult>) {
    return std::forward<R>(result);
  } else {
    static_assert(std::convertible_to<R, T>,
                  "a typed loader returns T, std::optional<T>, Result<T>, "
                  "Result<std::optional<T>> or LoadResult");
    return encode_loaded<T>(codec, std::forward<R>(result));
  }
}

}  // namespace detail

/// A Loader from a function of a LoadRequest that returns a T, a std::optional<T> (empty: not
/// found), a Result of either, or a LoadResult, which passes as it is (for a ttl or tags of its
/// own). As with any loader, the function runs on several threads at once, and what it throws
/// becomes loader_failed. A T that does not encode is that error of the load.
template <class T, Codec<T> C = DefaultCodec<T>, class F>
  requires std::invocable<F&, const LoadRequest&> Loader typed_loader(F function, C codec = {}) {
    return Loader([function = std::move(function),
                   codec = std::move(codec)](const LoadRequest& request) mutable -> LoadResult {
      return detail::load_result_of<T>(codec, function(request));
    });
  }

}  // namespace kith
