// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/formats.h"

#include <algorithm>
#include <array>

namespace kith::bench::hitrate {
namespace {

constexpr std::array<std::string_view, 1> kU64{".u64"};
constexpr std::array<std::string_view, 2> kText{".txt", ".text"};
constexpr std::array<std::string_view, 2> kOracle{".oracleGeneral", ".oracleGeneral.bin"};
constexpr std::array<std::string_view, 2> kArc{".lis", ".arc"};
constexpr std::array<std::string_view, 2> kLirs{".trc", ".lirs"};
constexpr std::array<std::string_view, 1> kGradle{".gradle"};
constexpr std::array<std::string_view, 1> kAddress{".address"};
constexpr std::array<std::string_view, 1> kCorda{".corda"};
constexpr std::array<std::string_view, 1> kCache2k{".cache2k"};

constexpr std::array<Format, 9> kFormats{{
    {"u64", kU64, "keys of 8 bytes, little-endian", &read_u64},
    {"text", kText, "lines of `key` or of `key size`; a key is a number or a word", &read_text},
    {"oracle", kOracle, "libCacheSim's oracleGeneral: time, key, size, next access", &read_oracle},
    {"arc", kArc, "lines of `first_block count ignored request_number`", &read_arc},
    {"lirs", kLirs, "lines of a block number; `*` is ignored", &read_lirs},
    {"gradle", kGradle, "lines of a hexadecimal id of up to 128 bits (Caffeine)", &read_gradle},
    {"address", kAddress, "lines of `kind 0xADDRESS ...` (Caffeine)", &read_address},
    {"corda", kCorda, "keys of 8 bytes, big-endian (Caffeine)", &read_corda},
    {"cache2k", kCache2k, "keys of 4 bytes, big-endian (Caffeine)", &read_cache2k},
}};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* format_named(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : found;
}

const Format* format_of_name(std::string_view file_name) {
  for (const Format& format : kFormats) {
    for (const std::string_view suffix : format.suffixes) {
      if (file_name.ends_with(suffix)) return &format;
    }
  }
  return nullptr;
}

std::string format_names() {
  std::string names;
  for (const Format& format : kFormats) {
    if (!names.empty()) names += ", ";
    names += format.name;
  }
  return names;
}

}  // namespace kith::bench::hitrate
