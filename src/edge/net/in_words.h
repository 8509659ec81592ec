// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <string>
#include <string_view>

namespace boost::system {
class error_code;
}

namespace kith::edge {

/// A socket's error for people to read.
std::string in_words(const boost::system::error_code& error);

/// In milliseconds, or exactly when that would hide something.
std::string in_words(Duration duration);

/// Bytes from the network as part of a log line: at most 256 of them, control characters as '?'.
std::string printable(std::string_view bytes);

}  // namespace kith::edge
