// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/gossip/keyring.h"

// For tests.
namespace kith::edge::gossip {

inline const wire::gossip::Key kKey = *wire::gossip::Key::create("0123456789abcdef");
inline const wire::gossip::Key kOther = *wire::gossip::Key::create("fedcba9876543210");

}  // namespace kith::edge::gossip
