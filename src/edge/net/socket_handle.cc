// SPDX-License-Identifier: Apache-2.0
#include "edge/net/socket_handle.h"

#include <unistd.h>

namespace kith::edge {

SocketHandle::~SocketHandle() {
  if (descriptor_ != kNone) ::close(descriptor_);
}

}  // namespace kith::edge
