// SPDX-License-Identifier: Apache-2.0
#include "audience.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>

#include "address.h"
#include "png_file.h"
#include "renderer.h"

namespace tiles {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxComplaints = 5;
/// Longer than a tiles process itself waits for its cache.
constexpr auto kRequestTimeout = std::chrono::seconds(35);
/// After a failure, so that a server that is gone is not hammered.
constexpr auto kRetryPause = std::chrono::milliseconds(100);

std::optional<std::size_t> source_index(std::string_view word) {
  for (std::size_t i = 0; i < kSources; ++i) {
    if (word == to_string(static_cast<kith::Source>(i))) return i;
  }
  return std::nullopt;
}

/// What all viewers share; used on one thread.
struct Stage {
  Gallery& gallery;
  Experience experience;
  std::size_t viewers_left = 0;
  // Last, because it owns the viewers, which refer to the rest.
  asio::io_context io{1};
};

/// One viewer, from the first view to the last. Kept alive by the operation that is under way.
class Viewer : public std::enable_shared_from_this<Viewer> {
 public:
  Viewer(Stage& stage, const Visit& visit, std::string address, asio::ip::tcp::endpoint endpoint,
         std::size_t server)
      : stage_(stage),
        visit_(visit),
        address_(std::move(address)),
        endpoint_(std::move(endpoint)),
        server_(server),
        timer_(stage.io) {
    ++stage_.viewers_left;
  }
  ~Viewer() { --stage_.viewers_left; }

  void step() {
    if (view_ == visit_.size()) return;
    if (tile_ == visit_[view_].tiles.size()) {
      const auto pause = visit_[view_].pause;
      ++view_;
      tile_ = 0;
      return wait(pause);
    }
    if (stream_) return ask();
    stream_.emplace(stage_.io);
    stream_->expires_after(kRequestTimeout);
    stream_->async_connect(endpoint_, [self = shared_from_this()](beast::error_code error) {
      if (error) return self->fail("no connection: " + error.message());
      self->stream_->socket().set_option(asio::ip::tcp::no_delay(true), error);
      self->ask();
    });
  }

 private:
  const TileKey& tile() const { return visit_[view_].tiles[tile_]; }

  void wait(std::chrono::milliseconds pause) {
    timer_.expires_after(pause);
    timer_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error) self->step();
    });
  }

  void ask() {
    request_ = {http::verb::get, "/tiles/" + to_string(tile()) + ".png", 11};
    request_.set(http::field::host, address_);
    response_ = {};
    asked_ = Clock::now();
    stream_->expires_after(kRequestTimeout);
    http::async_write(*stream_, request_,
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        if (error) return self->fail("cannot ask: " + error.message());
                        self->listen();
                      });
  }

  void listen() {
    http::async_read(*stream_, buffer_, response_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (error) return self->fail("no answer: " + error.message());
                       self->judge(Clock::now() - self->asked_);
                     });
  }

  void judge(Clock::duration latency) {
    if (response_.result_int() != 200) {
      return fail("HTTP status " + std::to_string(response_.result_int()) + ", " +
                  response_.body());
    }
    const auto source = source_index(response_["X-Kith-Source"]);
    if (!source) return fail("no X-Kith-Source");
    if (const std::string objection = stage_.gallery.objection(tile(), response_.body());
        !objection.empty()) {
      return fail(objection);
    }
    Experience& experience = stage_.experience;
    experience.latencies[*source].push_back(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(latency).count()));
    experience.owners[tile()] = std::string(response_["X-Kith-Owner"]);
    count();
    if (!response_.keep_alive()) disconnect();
    step();
  }

  void fail(const std::string& why) {
    Experience& experience = stage_.experience;
    ++experience.errors;
    if (experience.complaints.size() < kMaxComplaints) {
      experience.complaints.push_back(address_ + ", tile " + to_string(tile()) + ": " + why);
    }
    count();
    disconnect();
    wait(kRetryPause);
  }

  void count() {
    ++stage_.experience.requests;
    ++stage_.experience.requests_by_server[server_];
    ++tile_;
  }

  void disconnect() {
    stream_.reset();
    buffer_.clear();
  }

  Stage& stage_;
  const Visit& visit_;
  const std::string address_;
  const asio::ip::tcp::endpoint endpoint_;
  const std::size_t server_;
  asio::steady_timer timer_;
  std::optional<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response<http::string_body> response_;
  Clock::time_point asked_;
  std::size_t view_ = 0;
  std::size_t tile_ = 0;
};

}  // namespace

std::string Gallery::objection(const TileKey& tile, const std::string& body) {
  const auto [at, first_time] = seen_.try_emplace(tile, body);
  if (!first_time) return body == at->second ? "" : "other bytes than when first seen";
  const auto info = inspect_png(body);
  std::string what;
  if (!info) {
    what = "not a sound PNG file";
  } else if (info->width != kTileSide || info->height != kTileSide) {
    what = "a picture of another size";
  } else if (info->title != to_string(tile)) {
    what = "the picture of tile " + info->title;
  }
  if (!what.empty()) seen_.erase(at);
  return what;
}

Experience play(const std::vector<Visit>& script, const std::vector<std::string>& servers,
                Gallery& gallery, const std::function<bool(const Experience&)>& go_on) {
  Stage stage{.gallery = gallery, .experience = {}};
  stage.experience.requests_by_server.resize(servers.size());
  for (std::size_t i = 0; i < script.size(); ++i) {
    const std::size_t server = i % servers.size();
    const auto endpoint = parse_address(servers[server]);
    if (!endpoint) {
      ++stage.experience.errors;
      stage.experience.complaints.push_back(endpoint.error().message);
      continue;
    }
    std::make_shared<Viewer>(stage, script[i], servers[server], *endpoint, server)->step();
  }
  while (stage.viewers_left > 0) {
    stage.io.run_for(std::chrono::milliseconds(100));
    if (!go_on(stage.experience)) {
      stage.experience.interrupted = true;
      break;
    }
  }
  return std::move(stage.experience);
}

}  // namespace tiles
