// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kith::bench::hitrate {

/// The requests of a trace, in their order. An object has one size, that of its first request, so
/// that all policies and the optimum see the same objects.
class Trace {
 public:
  /// The bound that positions of 32 bits set.
  static constexpr std::size_t kMaxRequests = UINT32_MAX - 1;

  explicit Trace(std::string name, std::size_t max_requests = kMaxRequests)
      : name_(std::move(name)), max_requests_(max_requests) {}

  /// False: the trace is full. Requires that no request has a size.
  [[nodiscard]] bool add(std::uint64_t key);
  /// False: the trace is full. Requires that every request has a size. Zero counts as 1.
  [[nodiscard]] bool add(std::uint64_t key, std::uint32_t size);
  /// Counts the footprint and settles the sizes. Call once, after the last add().
  void finish();

  const std::string& name() const { return name_; }
  std::size_t requests() const { return keys_.size(); }
  std::uint64_t key(std::size_t request) const { return keys_[request]; }
  const std::vector<std::uint64_t>& keys() const { return keys_; }

  bool has_sizes() const { return !sizes_.empty(); }
  /// Of the object in bytes; 1 if the trace has no sizes.
  std::uint32_t size(std::size_t request) const { return has_sizes() ? sizes_[request] : 1; }

  /// Different keys.
  std::uint64_t unique_objects() const { return unique_objects_; }
  /// The sum of their sizes.
  std::uint64_t unique_bytes() const { return unique_bytes_; }

 private:
  std::string name_;
  std::size_t max_requests_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> sizes_;
  std::uint64_t unique_objects_ = 0;
  std::uint64_t unique_bytes_ = 0;
};

/// Reads a file. `format` is a name of formats.h; empty: it is guessed from the file's name. Files
/// that end in `.zst` are decompressed. The trace is named after the file, without its endings.
/// Errors name the file and the place in it; resource_exhausted: it has more requests than memory
/// can hold.
Result<Trace> load_trace(const std::string& file, std::string_view format);

}  // namespace kith::bench::hitrate
