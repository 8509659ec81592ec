// SPDX-License-Identifier: Apache-2.0
//
// Reads arbitrary bytes as what the servers of discovery answer. What comes of it must be within
// the bounds that the readers promise, and every seed one that could be written that way again.
#include <kith/discovery.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "edge/discovery/consul_format.h"
#include "edge/discovery/dns_answer.h"
#include "edge/discovery/etcd_format.h"
#include "edge/discovery/kubernetes_format.h"
#include "edge/discovery/report.h"

namespace {

namespace discovery = kith::edge::discovery;

// The first byte, modulo their number, says what the others are.
constexpr int kFormats = 6;

void check_seed(const kith::Seed& seed) {
  const auto again = discovery::make_seed(seed.host, seed.port);
  KITH_CHECK(again.has_value());
  KITH_CHECK(*again == seed);
  KITH_CHECK(discovery::parse_seed(seed.to_string()) == again);
}

void check_seeds(const std::vector<kith::Seed>& seeds) {
  for (const kith::Seed& seed : seeds) check_seed(seed);
}

void read_slices(std::string_view bytes, const discovery::PortChoice& port) {
  if (const auto page = discovery::parse_slice_list(bytes, port)) {
    KITH_CHECK(!page->version.empty());
    for (const auto& slice : page->slices) check_seeds(slice.found.seeds);
  }
  if (const auto event = discovery::parse_slice_event(bytes, port)) {
    const bool ends = event->kind == discovery::SliceEvent::Kind::gone ||
                      event->kind == discovery::SliceEvent::Kind::failed;
    KITH_CHECK(ends == event->version.empty());
    check_seeds(event->slice.found.seeds);
  }
}

void read_etcd(std::string_view bytes) {
  if (const auto range = discovery::parse_etcd_range(bytes)) KITH_CHECK(range->revision > 0);
  if (const auto answer = discovery::parse_etcd_watch(bytes)) {
    for (const auto& change : answer->changes) KITH_CHECK(!change.key.empty());
  }
  if (const auto lease = discovery::parse_etcd_grant(bytes)) KITH_CHECK(*lease > 0);
  if (const auto token = discovery::parse_etcd_login(bytes)) KITH_CHECK(!token->empty());
  static_cast<void>(discovery::parse_etcd_keepalive(bytes));
}

void read_dns(std::span<const std::uint8_t> bytes) {
  const auto answer = discovery::parse_dns_answer(bytes);
  if (!answer) return;
  KITH_CHECK(answer->ttl.count() >= 0 && answer->ttl <= discovery::kMaxTtl);
  for (const auto* section : {&answer->addresses, &answer->additional}) {
    for (const auto& record : *section) {
      KITH_CHECK(discovery::is_numeric(record.address));
      KITH_CHECK(record.owner.size() <= 255);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % kFormats) {
    case 0:
      read_slices(bytes, {});
      break;
    case 1:
      read_slices(bytes, {.name = "gossip"});
      break;
    case 2:
      if (const auto found = discovery::parse_consul_instances(bytes)) check_seeds(found->seeds);
      break;
    case 3:
      read_etcd(bytes);
      break;
    case 4:
      if (const auto seed = discovery::parse_etcd_seed(bytes)) check_seed(*seed);
      break;
    default:
      read_dns({data + 1, size - 1});
      break;
  }
  return 0;
}
