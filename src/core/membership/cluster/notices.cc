// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/notices.h"

#include <utility>

#include "core/membership/cluster/fields.h"

namespace kith::membership {
namespace {

constexpr std::uint8_t kNoticeFormat = 1;

enum class Type : std::uint8_t {
  process_gone = 1,
  accused = 2,
  flapping = 3,
  cache_list_wanted = 4,
  cache_list_part = 5,
};

void begin(FieldWriter& out, Type type) {
  out.raw(kMagic);
  out.number(kNoticeFormat, 1);
  out.number(static_cast<std::uint8_t>(type), 1);
}

void write(FieldWriter& out, const std::vector<std::string>& names) {
  out.number(names.size(), 1);
  for (const std::string& name : names) out.text(name);
}
void write(FieldWriter& out, const CacheListDigest& digest) {
  out.number(digest.hash, 8);
  out.number(digest.count, 2);
}

void write(FieldWriter& out, const ProcessGone& gone) {
  begin(out, Type::process_gone);
  out.text(gone.name);
  out.number(gone.boot.value, 8);
  out.number(gone.incarnation, 4);
  write(out, gone.observers);
}
void write(FieldWriter& out, const Accused& accused) {
  begin(out, Type::accused);
  out.text(accused.name);
  out.number(accused.incarnation, 4);
  write(out, accused.accusers);
}
void write(FieldWriter& out, const Flapping& flapping) {
  begin(out, Type::flapping);
  out.text(flapping.name);
  out.number(flapping.penalty, 2);
}
void write(FieldWriter& out, const CacheListWanted& wanted) {
  begin(out, Type::cache_list_wanted);
  write(out, wanted.digest);
  out.text(wanted.asker);
}
void write(FieldWriter& out, const CacheListPart& part) {
  begin(out, Type::cache_list_part);
  write(out, part.digest);
  out.number(part.pass_on ? 1 : 0, 1);
  out.number(part.first, 2);
  out.number(part.caches.size(), 1);
  for (const CacheId cache : part.caches) out.number(cache.value, 8);
}

/// Further names than count are damage.
bool read(FieldReader& in, std::vector<std::string>& names) {
  const auto count = in.of<std::uint8_t>();
  if (count > kMaxAccusers) return false;
  for (std::size_t i = 0; i < count; ++i) names.emplace_back(in.text());
  return true;
}
bool read(FieldReader& in, CacheListDigest& digest) {
  digest.hash = in.of<std::uint64_t>();
  digest.count = in.of<std::uint16_t>();
  return digest.count <= kMaxCaches;
}

bool read(FieldReader& in, ProcessGone& gone) {
  gone.name = in.text();
  gone.boot = BootId{in.of<std::uint64_t>()};
  gone.incarnation = in.of<std::uint32_t>();
  return read(in, gone.observers);
}
bool read(FieldReader& in, Accused& accused) {
  accused.name = in.text();
  accused.incarnation = in.of<std::uint32_t>();
  return read(in, accused.accusers);
}
bool read(FieldReader& in, Flapping& flapping) {
  flapping.name = in.text();
  flapping.penalty = in.of<std::uint16_t>();
  return true;
}
bool read(FieldReader& in, CacheListWanted& wanted) {
  if (!read(in, wanted.digest)) return false;
  wanted.asker = in.text();
  return true;
}
bool read(FieldReader& in, CacheListPart& part) {
  if (!read(in, part.digest)) return false;
  part.pass_on = in.of<std::uint8_t>() != 0;
  part.first = in.of<std::uint16_t>();
  const auto count = in.of<std::uint8_t>();
  if (count > kCachesInPart) return false;
  for (std::size_t i = 0; i < count; ++i) part.caches.push_back(CacheId{in.of<std::uint64_t>()});
  return true;
}

template <class Content>
std::optional<Notice> read_as(FieldReader& in) {
  Content content;
  if (!read(in, content) || !in.good()) return std::nullopt;
  return content;
}

}  // namespace

std::string encode(const Notice& notice) {
  FieldWriter out;
  std::visit([&](const auto& content) { write(out, content); }, notice);
  return out.take();
}

std::optional<Notice> decode_notice(std::string_view bytes) {
  FieldReader in(bytes);
  if (in.raw(kMagic.size()) != kMagic || in.of<std::uint8_t>() != kNoticeFormat)
    return std::nullopt;
  switch (static_cast<Type>(in.of<std::uint8_t>())) {
    case Type::process_gone:
      return read_as<ProcessGone>(in);
    case Type::accused:
      return read_as<Accused>(in);
    case Type::flapping:
      return read_as<Flapping>(in);
    case Type::cache_list_wanted:
      return read_as<CacheListWanted>(in);
    case Type::cache_list_part:
      return read_as<CacheListPart>(in);
  }
  return std::nullopt;
}

}  // namespace kith::membership
