// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/options.h>
#include <kith/result.h>
#include <kith/stats.h>
#include <kith/value.h>
#include <kith/version.h>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace kith {

namespace api {
class CacheImpl;
}

namespace detail {

/// A function that looks at bytes. For kith itself.
struct Visitor {
  void (*call)(void* context, std::span<const std::byte> bytes);
  void* context;
};

}  // namespace detail

/// Where an answer came from.
enum class Source : std::uint8_t {
  local,   ///< This node's memory; it owns the key.
  mirror,  ///< This node's memory; a copy of a key that another node owns.
  peer,    ///< Another node's memory.
  origin,  ///< The loader ran for it, on this node or another.
};

/// "local", "mirror", "peer" or "origin".
std::string_view to_string(Source source);

/// An answer with its story.
struct Answer {
  /// Empty: the origin said that the key has no value.
  std::optional<Value> value;
  Source source = Source::local;
  /// The value's time was over, and is served because the loader failed.
  bool stale = false;
  Version version;
};

/// A handle to a named cache of a node, as Node::open returns it. Copies are handles to the same
/// cache. All calls are thread-safe. A handle keeps working after its node stopped: every call then
/// answers `cancelled`.
///
/// Keys are any 1 to 65 536 bytes. Errors of every get: invalid_argument (empty key), too_large,
/// timed_out, loader_failed, resource_exhausted, unavailable, cancelled; a failed get changes
/// nothing.
class Cache {
 public:
  using Callback = std::function<void(Result<Answer>)>;

  /// The key's value, from the nearest memory that has it, else from the loader, which runs once in
  /// the whole cluster however many ask. Empty: the origin has none. A hit stays on this thread; a
  /// miss blocks it for at most options.timeout. Not to be called from a callback of the node
  /// (failed_precondition): use get_async there.
  Result<std::optional<Value>> get(std::string_view key, const GetOptions& options = {}) const;

  /// As get, for who only wants to look: calls visit(std::span<const std::byte>) with the value's
  /// bytes, once, on this thread, and returns true; false: the origin has no value. The bytes are
  /// those in the cache: a hit copies nothing and counts nothing. They must not be used after
  /// `visit` returned; it should be short, because memory that others give up meanwhile cannot be
  /// used again. What `visit` throws comes through.
  template <class Visit>
    requires std::invocable<Visit&, std::span<const std::byte>> Result<bool> get(
        std::string_view key, Visit&& visit, const GetOptions& options = {})
  const {
    const auto call = [](void* context, std::span<const std::byte> bytes) {
      (*static_cast<std::remove_reference_t<Visit>*>(context))(bytes);
    };
    return visit_bytes(
        key, {call, const_cast<void*>(static_cast<const void*>(std::addressof(visit)))}, options);
  }

  /// As get, with the answer's source and version.
  Result<Answer> fetch(std::string_view key, const GetOptions& options = {}) const;

  /// As fetch, without blocking. `callback` is called exactly once: before get_async returns, on
  /// this thread, when the answer is in this node's memory or the call is wrong; else later, on a
  /// thread of the node, where it must not block.
  void get_async(std::string_view key, Callback callback, const GetOptions& options = {}) const;

  /// As get for many keys at once; the results stand in the order of the keys. Keys of one owner
  /// travel together, and a batch loader sees the missing ones in one call.
  std::vector<Result<std::optional<Value>>> get_many(std::span<const std::string> keys,
                                                     const GetOptions& options = {}) const;

  /// The value if this node's memory has it now; never asks anyone, never blocks.
  std::optional<Value> peek(std::string_view key) const;

  /// Whether peek would find the key. Does not count as a use of it.
  bool contains_local(std::string_view key) const;

  /// Name of the node that owns the key in this node's present view. Empty: the cache is closed.
  std::string owner_of(std::string_view key) const;

  CacheStats stats() const;
  const std::string& name() const;

 private:
  friend class Node;
  Result<bool> visit_bytes(std::string_view key, const detail::Visitor& visitor,
                           const GetOptions& options) const;

  explicit Cache(std::shared_ptr<api::CacheImpl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<api::CacheImpl> impl_;
};

}  // namespace kith
