// SPDX-License-Identifier: Apache-2.0
#include "http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "address.h"

namespace tiles {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

kith::Result<HttpAnswer> http_get(const std::string& address, const std::string& target,
                                  std::chrono::milliseconds timeout) {
  const auto endpoint = parse_address(address);
  if (!endpoint) return tl::unexpected(endpoint.error());

  asio::io_context io{1};
  beast::tcp_stream stream(io);
  beast::flat_buffer buffer;
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, address);
  request.keep_alive(false);
  http::response<http::string_body> response;
  // What io.run() leaves behind when the chain below ended early.
  beast::error_code outcome;

  stream.expires_after(timeout);
  stream.async_connect(*endpoint, [&](beast::error_code connect_error) {
    if (connect_error) return void(outcome = connect_error);
    http::async_write(stream, request, [&](beast::error_code write_error, std::size_t) {
      if (write_error) return void(outcome = write_error);
      http::async_read(stream, buffer, response,
                       [&](beast::error_code read_error, std::size_t) { outcome = read_error; });
    });
  });
  io.run();

  if (outcome) {
    const auto code = outcome == beast::error::timeout ? kith::ErrorCode::timed_out
                                                       : kith::ErrorCode::unavailable;
    return kith::fail(code, "http://" + address + target + ": " + outcome.message());
  }
  return HttpAnswer{response.result_int(), std::move(response.body())};
}

}  // namespace tiles
