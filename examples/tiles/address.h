// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <boost/asio/ip/tcp.hpp>
#include <string_view>

namespace tiles {

/// Reads "1.2.3.4:port" or "[::1]:port". Errors: invalid_argument.
kith::Result<boost::asio::ip::tcp::endpoint> parse_address(std::string_view text);

}  // namespace tiles
