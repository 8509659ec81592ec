// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/discovery.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kith::edge::discovery {

/// What a source found in one answer: the seeds, and the first thing in it that it cannot use.
struct Found {
  std::vector<Seed> seeds;
  /// Empty: all of it is usable.
  std::string complaint;

  /// Keeps the first complaint.
  void complain(std::string what) {
    if (complaint.empty()) complaint = std::move(what);
  }
  friend bool operator==(const Found&, const Found&) = default;
};

/// Keeps a listener's promises: changes only, trouble once, recovery once. For one thread.
class Report {
 public:
  /// `name` begins each message.
  Report(std::string name, Discovery::Listener listener);

  /// The source has answered.
  void answered(Found found);
  /// It has not, or not usably. What was known stays.
  void trouble(std::string_view why);

 private:
  const std::string name_;
  const Discovery::Listener listener_;
  std::optional<std::vector<Seed>> last_;
  bool troubled_ = false;
};

/// A seed as sources should write it: numeric addresses in their shortest form, no name that cannot
/// be one, no port 0. Errors: invalid_argument, in words.
Result<Seed> make_seed(std::string_view host, std::uint64_t port);
/// From "host:port" or "[v6]:port".
Result<Seed> parse_seed(std::string_view address);
/// Whether `host` is an IPv4 or IPv6 address in numbers.
bool is_numeric(std::string_view host);

}  // namespace kith::edge::discovery
