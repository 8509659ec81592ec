// SPDX-License-Identifier: Apache-2.0
#include "edge/net/in_words.h"

#include <boost/asio/error.hpp>
#include <chrono>

namespace kith::edge {

std::string in_words(const boost::system::error_code& error) {
  if (error == boost::asio::error::eof) return "closed by the peer";
  return error.message();
}

std::string in_words(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  return ms == duration ? std::to_string(ms.count()) + " ms"
                        : std::to_string(duration.count()) + " ns";
}

std::string printable(std::string_view bytes) {
  std::string text(bytes.substr(0, 256));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace kith::edge
