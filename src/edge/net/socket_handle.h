// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace kith::edge {

/// An open socket on its way from one owner, or thread, to another. Closes it if it gets lost.
class SocketHandle {
 public:
  SocketHandle() = default;
  explicit SocketHandle(int descriptor) : descriptor_(descriptor) {}
  SocketHandle(SocketHandle&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, kNone)) {}
  SocketHandle& operator=(SocketHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~SocketHandle();

  int descriptor() const { return descriptor_; }
  /// Gives the descriptor to the caller.
  int release() { return std::exchange(descriptor_, kNone); }

 private:
  static constexpr int kNone = -1;
  int descriptor_ = kNone;
};

}  // namespace kith::edge
