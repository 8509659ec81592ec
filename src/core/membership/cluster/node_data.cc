// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/node_data.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "core/membership/cluster/fields.h"
#include "core/membership/options.h"
#include "core/placement/view.h"

namespace kith::membership {
namespace {

/// Readers refuse other formats. New fields at the end need no new one.
constexpr std::uint8_t kNodeDataFormat = 1;

constexpr std::size_t kClusterAt = kMagic.size() + 1 + 1 + 2 + 2 + 2 + 8;
constexpr std::size_t kMostBytes =
    kClusterAt + 8 + (1 + kMaxZone) + (1 + 8 * kMaxInlineCaches) + (1 + 8 + 2);
static_assert(kMostBytes <= kMaxMeta);
static_assert(kMaxInlineCaches <= UINT8_MAX && kMaxCaches <= UINT16_MAX);
static_assert(placement::kMaxWeight <= UINT16_MAX);

bool looks_like_kith(std::string_view meta) {
  return meta.size() > kClusterAt && meta.starts_with(kMagic) &&
         static_cast<std::uint8_t>(meta[kMagic.size()]) == kNodeDataFormat;
}

/// False: not sorted, or not distinct.
bool read_caches(FieldReader& in, NodeData& data) {
  const auto count = in.of<std::uint8_t>();
  if (count > kMaxInlineCaches) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const CacheId id{in.of<std::uint64_t>()};
    if (!data.caches.empty() && id <= data.caches.back()) return false;
    data.caches.push_back(id);
  }
  if (in.of<std::uint8_t>() == 0) return true;
  CacheListDigest digest;
  digest.hash = in.of<std::uint64_t>();
  digest.count = in.of<std::uint16_t>();
  data.all_caches = digest;
  return digest.count > 0 && digest.count <= kMaxCaches;
}

}  // namespace

std::string encode(const NodeData& data) {
  KITH_CHECK(data.zone.size() <= kMaxZone && data.caches.size() <= kMaxInlineCaches);
  FieldWriter out;
  out.raw(kMagic);
  out.number(kNodeDataFormat, 1);
  out.number(static_cast<std::uint8_t>(data.phase), 1);
  out.number(data.data_port, 2);
  out.number(data.weight, 2);
  out.number(data.link.min, 1);
  out.number(data.link.max, 1);
  out.number(data.boot.value, 8);
  out.number(data.cluster, 8);
  out.text(data.zone);
  out.number(data.caches.size(), 1);
  for (const CacheId cache : data.caches) out.number(cache.value, 8);
  out.number(data.all_caches ? 1 : 0, 1);
  if (data.all_caches) {
    out.number(data.all_caches->hash, 8);
    out.number(data.all_caches->count, 2);
  }
  return out.take();
}

std::optional<std::uint64_t> cluster_of(std::string_view meta) {
  if (!looks_like_kith(meta)) return std::nullopt;
  FieldReader in(meta.substr(kClusterAt));
  const auto cluster = in.of<std::uint64_t>();
  if (!in.good()) return std::nullopt;
  return cluster;
}

std::optional<NodeData> decode_node_data(std::string_view meta) {
  if (meta.size() > kMaxMeta || !looks_like_kith(meta)) return std::nullopt;
  FieldReader in(meta.substr(kMagic.size() + 1));
  NodeData data;
  const auto phase = in.of<std::uint8_t>();
  data.phase = static_cast<Phase>(phase);
  data.data_port = in.of<std::uint16_t>();
  data.weight = in.of<std::uint16_t>();
  data.link.min = in.of<std::uint8_t>();
  data.link.max = in.of<std::uint8_t>();
  data.boot = BootId{in.of<std::uint64_t>()};
  data.cluster = in.of<std::uint64_t>();
  data.zone = in.text();
  if (!read_caches(in, data) || !in.good()) return std::nullopt;
  const bool sound = phase <= static_cast<std::uint8_t>(Phase::draining) && data.weight >= 1 &&
                     data.weight <= placement::kMaxWeight && data.zone.size() <= kMaxZone &&
                     data.link.min <= data.link.max;
  if (!sound) return std::nullopt;
  return data;
}

std::uint64_t cluster_hash(std::string_view name) { return placement_hash(name); }

CacheListDigest digest_of(const std::vector<CacheId>& caches) {
  FieldWriter out;
  for (const CacheId cache : caches) out.number(cache.value, 8);
  return {placement_hash(out.take()), static_cast<std::uint16_t>(caches.size())};
}

}  // namespace kith::membership
