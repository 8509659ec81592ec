// SPDX-License-Identifier: Apache-2.0
#include <kith/cache.h>

#include <utility>

#include "api/cache_impl.h"

namespace kith {

std::string_view to_string(Source source) {
  switch (source) {
    case Source::local:
      return "local";
    case Source::mirror:
      return "mirror";
    case Source::peer:
      return "peer";
    case Source::origin:
      return "origin";
  }
  return "unknown";
}

Result<std::optional<Value>> Cache::get(std::string_view key, const GetOptions& options) const {
  return impl_->get(key, options);
}

Result<bool> Cache::visit_bytes(std::string_view key, const detail::Visitor& visitor,
                                const GetOptions& options) const {
  return impl_->visit_bytes(key, visitor, options);
}

Result<Answer> Cache::fetch(std::string_view key, const GetOptions& options) const {
  return impl_->fetch(key, options);
}

void Cache::get_async(std::string_view key, Callback callback, const GetOptions& options) const {
  impl_->get_async(key, std::move(callback), options);
}

std::vector<Result<std::optional<Value>>> Cache::get_many(std::span<const std::string> keys,
                                                          const GetOptions& options) const {
  return impl_->get_many(keys, options);
}

std::optional<Value> Cache::peek(std::string_view key) const { return impl_->peek(key); }

bool Cache::contains_local(std::string_view key) const { return impl_->contains_local(key); }

std::string Cache::owner_of(std::string_view key) const { return impl_->owner_of(key); }

CacheStats Cache::stats() const { return impl_->stats(); }

const std::string& Cache::name() const { return impl_->name(); }

}  // namespace kith
