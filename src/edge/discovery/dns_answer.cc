// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/dns_answer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/strings/ascii.h"

namespace kith::edge::discovery {

namespace {

constexpr std::size_t kMaxDomainBytes = 255;
/// Of pointers in one name. Each goes backwards, so more have no use.
constexpr int kMaxPointers = 64;
constexpr std::uint16_t kInternet = 1;

/// Reads a reply from its beginning to its end. Each step is empty where the reply is malformed.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> reply) : reply_(reply) {}

  std::size_t position() const { return at_; }
  bool skip(std::size_t count) {
    if (count > reply_.size() - at_) return false;
    at_ += count;
    return true;
  }
  std::optional<std::uint16_t> u16() {
    if (!skip(2)) return {};
    return static_cast<std::uint16_t>(reply_[at_ - 2] << 8 | reply_[at_ - 1]);
  }
  std::optional<std::uint32_t> u32() {
    const auto high = u16();
    const auto low = u16();
    if (!high || !low) return {};
    return std::uint32_t{*high} << 16 | *low;
  }
  /// A name with dots between its labels, in lower case. "" is the root.
  std::optional<std::string> name();
  std::span<const std::uint8_t> last(std::size_t count) const {
    return reply_.subspan(at_ - count, count);
  }

 private:
  std::span<const std::uint8_t> reply_;
  std::size_t at_ = 0;
};

std::optional<std::string> Reader::name() {
  std::string name;
  std::size_t at = at_;
  bool jumped = false;
  for (int pointers = 0; pointers <= kMaxPointers;) {
    if (at >= reply_.size()) return {};
    const std::size_t length = reply_[at];
    if (length >= 0xc0) {
      if (at + 1 >= reply_.size()) return {};
      const std::size_t target = (length & 0x3f) << 8 | reply_[at + 1];
      if (!jumped) at_ = at + 2;
      if (target >= at) return {};
      jumped = true;
      at = target;
      ++pointers;
      continue;
    }
    if (length >= 0x40) return {};
    ++at;
    if (length == 0) {
      if (!jumped) at_ = at;
      return name;
    }
    if (length > reply_.size() - at || name.size() + length + 1 > kMaxDomainBytes) return {};
    if (!name.empty()) name += '.';
    for (const std::uint8_t byte : reply_.subspan(at, length)) {
      name += absl::ascii_tolower(byte);
    }
    at += length;
  }
  return {};
}

std::string numeric(int family, std::span<const std::uint8_t> bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, bytes.data(), text.data(), text.size());
}

/// Takes in one record. False: malformed.
bool read_record(Reader& reader, bool additional, DnsAnswer& answer) {
  const auto owner = reader.name();
  const auto type = reader.u16();
  const auto internet = reader.u16();
  const auto ttl = reader.u32();
  const auto length = reader.u16();
  if (!owner || !type || !internet || !ttl || !length) return false;
  const std::size_t begin = reader.position();
  if (!reader.skip(*length)) return false;
  if (*internet != kInternet) return true;
  const auto data = reader.last(*length);

  auto& addresses = additional ? answer.additional : answer.addresses;
  switch (DnsType{*type}) {
    case DnsType::a:
      if (data.size() != sizeof(in_addr)) return false;
      addresses.push_back({*owner, numeric(AF_INET, data)});
      break;
    case DnsType::aaaa:
      if (data.size() != sizeof(in6_addr)) return false;
      addresses.push_back({*owner, numeric(AF_INET6, data)});
      break;
    case DnsType::srv: {
      if (additional) return true;
      // The target may point to what is before it, never behind the record.
      Reader inside(std::span(data.data() - begin, begin + data.size()));
      // Behind priority and weight.
      inside.skip(begin + 4);
      const auto port = inside.u16();
      const auto target = inside.name();
      if (data.size() < 7 || !port || !target) return false;
      answer.services.push_back({*target, *port});
      break;
    }
    default:
      // Such as the CNAME that led to the others.
      return true;
  }
  // With the highest bit set it counts as 0.
  const std::chrono::seconds lives(*ttl);
  answer.ttl = std::min(answer.ttl, lives > kMaxTtl ? std::chrono::seconds(0) : lives);
  return true;
}

}  // namespace

Result<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> reply) {
  const auto malformed = [] { return fail(ErrorCode::unavailable, "a malformed reply of DNS"); };
  Reader reader(reply);
  // Number and flags are c-ares's matter.
  if (!reader.skip(4)) return malformed();
  const auto questions = reader.u16();
  const auto answers = reader.u16();
  const auto authorities = reader.u16();
  const auto additional = reader.u16();
  if (!questions || !answers || !authorities || !additional) return malformed();
  for (int i = 0; i < *questions; ++i) {
    if (!reader.name() || !reader.skip(4)) return malformed();
  }
  DnsAnswer answer;
  for (int i = 0; i < *answers; ++i) {
    if (!read_record(reader, false, answer)) return malformed();
  }
  DnsAnswer ignored;
  for (int i = 0; i < *authorities; ++i) {
    if (!read_record(reader, true, ignored)) return malformed();
  }
  for (int i = 0; i < *additional; ++i) {
    if (!read_record(reader, true, answer)) return malformed();
  }
  return answer;
}

}  // namespace kith::edge::discovery
