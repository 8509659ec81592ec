// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/json.hpp>
#include <utility>

#include "address.h"
#include "http_client.h"

namespace tiles {
namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using kith::ErrorCode;
using kith::fail;
namespace json = boost::json;

constexpr auto kStatsTimeout = std::chrono::seconds(5);

/// Keeps an address for as long as it lives: connections of `address`, and its packets if asked to.
class Hold {
 public:
  explicit Hold(boost::asio::io_context& io) : acceptor_(io), packets_(io) {}

  /// Returns the address with its real port.
  kith::Result<std::string> take(const std::string& address, bool packets) {
    const auto endpoint = parse_address(address);
    if (!endpoint) return tl::unexpected(endpoint.error());
    boost::system::error_code error;
    acceptor_.open(endpoint->protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(*endpoint, error);
    if (!error) acceptor_.listen(1, error);
    if (!error && packets) {
      const udp::endpoint same(endpoint->address(), acceptor_.local_endpoint().port());
      packets_.open(same.protocol(), error);
      if (!error) packets_.bind(same, error);
    }
    if (error) return fail(ErrorCode::unavailable, address + ": " + error.message());
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  tcp::acceptor acceptor_;
  udp::socket packets_;
};

kith::Result<ProcessStats> parse_stats(std::string_view text) {
  boost::system::error_code error;
  const json::value document = json::parse({text.data(), text.size()}, error);
  const json::object* object = error ? nullptr : document.if_object();
  const auto number = [object](const char* name, std::uint64_t& into) {
    const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
    boost::system::error_code not_a_number;
    if (value != nullptr) into = value->to_number<std::uint64_t>(not_a_number);
    return value != nullptr && !not_a_number;
  };
  ProcessStats stats;
  if (!number("requests", stats.requests) || !number("renders", stats.renders) ||
      !number("render_cpu_us", stats.render_cpu_us)) {
    return fail(ErrorCode::internal, "/stats said: " + std::string(text));
  }
  return stats;
}

/// How many processes own tiles and can be asked for them, as the writer of this /members document
/// sees it. Zero when it is no such document.
std::size_t count_owners(std::string_view text) {
  boost::system::error_code error;
  const json::value document = json::parse({text.data(), text.size()}, error);
  const json::object* object = error ? nullptr : document.if_object();
  const json::value* owners = object == nullptr ? nullptr : object->if_contains("owners");
  if (owners == nullptr || !owners->is_array()) return 0;
  std::size_t count = 0;
  for (const json::value& owner : owners->get_array()) {
    const json::value* link = owner.is_object() ? owner.get_object().if_contains("link") : nullptr;
    if (link != nullptr && (*link == "self" || *link == "reachable")) ++count;
  }
  return count;
}

}  // namespace

std::string process_name(std::size_t index) { return "tiles-" + std::to_string(index + 1); }

kith::Result<std::vector<ProcessAddresses>> free_addresses(std::size_t count) {
  boost::asio::io_context io;
  // All are held until all are known, so that no port is named twice.
  std::vector<Hold> held;
  std::vector<ProcessAddresses> addresses(count);
  for (ProcessAddresses& process : addresses) {
    for (std::string* address : {&process.http, &process.kith, &process.gossip}) {
      held.emplace_back(io);
      auto taken = held.back().take("127.0.0.1:0", address == &process.gossip);
      if (!taken) return tl::unexpected(taken.error());
      *address = *std::move(taken);
    }
  }
  return addresses;
}

kith::Result<void> check_free(const std::vector<ProcessAddresses>& addresses) {
  boost::asio::io_context io;
  for (const ProcessAddresses& process : addresses) {
    for (const std::string* address : {&process.http, &process.kith, &process.gossip}) {
      Hold hold(io);
      const auto free = hold.take(*address, address == &process.gossip);
      if (!free) return tl::unexpected(free.error());
    }
  }
  return {};
}

Cluster::Cluster(std::string program, std::vector<ProcessAddresses> addresses, Manner manner)
    : program_(std::move(program)), addresses_(std::move(addresses)), manner_(manner) {}

Cluster::~Cluster() {
  for (ChildProcess& process : processes_) process.ask_to_stop();
}

kith::Result<Cluster> Cluster::start(std::string program, std::vector<ProcessAddresses> addresses,
                                     Manner manner) {
  Cluster cluster(std::move(program), std::move(addresses), manner);
  for (std::size_t i = 0; i < cluster.addresses_.size(); ++i) {
    auto process = ChildProcess::start(
        cluster.command(i, i == 0 ? std::nullopt : std::optional<std::size_t>(0)));
    if (!process) return tl::unexpected(process.error());
    cluster.processes_.push_back(*std::move(process));
  }
  return cluster;
}

std::vector<std::string> Cluster::command(std::size_t index,
                                          std::optional<std::size_t> seed) const {
  const ProcessAddresses& own = addresses_[index];
  if (!manner_.sharing) return {program_, "--http", own.http, "--no-sharing"};
  std::vector<std::string> words = {program_,   "--http",   own.http, "--listen",         own.kith,
                                    "--gossip", own.gossip, "--name", process_name(index)};
  if (seed) words.insert(words.end(), {"--seed", addresses_[*seed].gossip});
  if (manner_.drain > std::chrono::milliseconds(0)) {
    words.insert(words.end(), {"--drain", std::to_string(manner_.drain.count())});
  }
  return words;
}

std::string Cluster::objection(std::size_t index) const {
  constexpr auto kPatience = std::chrono::seconds(1);
  const std::string& address = addresses_[index].http;
  const auto health = http_get(address, "/healthz", kPatience);
  if (!health) return health.error().message;
  if (health->status != 200) return health->body;
  if (!manner_.sharing) return {};
  const auto members = http_get(address, "/members", kPatience);
  if (!members) return members.error().message;
  if (count_owners(members->body) == addresses_.size()) return {};
  return "it does not know all owners of tiles: " + members->body;
}

kith::Result<void> Cluster::wait_together(std::chrono::milliseconds timeout, StopSignals& signals) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t good = 0;
  while (good < processes_.size()) {
    const std::string& address = addresses_[good].http;
    if (const auto how = processes_[good].ended()) {
      return fail(ErrorCode::unavailable, "the tiles process at " + address + " " + *how);
    }
    const std::string why = objection(good);
    if (why.empty()) {
      ++good;
      continue;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(ErrorCode::timed_out,
                  "the tiles process at " + address + " did not become healthy: " + why);
    }
    if (signals.wait_for(std::chrono::milliseconds(20))) {
      return fail(ErrorCode::cancelled, "stopped by a signal");
    }
  }
  return {};
}

kith::Result<std::vector<ProcessStats>> Cluster::stats() const {
  std::vector<ProcessStats> all;
  for (const ProcessAddresses& process : addresses_) {
    const auto answer = http_get(process.http, "/stats", kStatsTimeout);
    if (!answer) return tl::unexpected(answer.error());
    auto stats = parse_stats(answer->body);
    if (!stats) return tl::unexpected(stats.error());
    all.push_back(*stats);
  }
  return all;
}

kith::Result<void> Cluster::restart(std::size_t index) {
  std::optional<std::size_t> seed;
  for (std::size_t i = 0; i < processes_.size() && !seed; ++i) {
    if (i != index && !processes_[i].ended()) seed = i;
  }
  auto process = ChildProcess::start(command(index, seed));
  if (!process) return tl::unexpected(process.error());
  processes_[index] = *std::move(process);
  return {};
}

}  // namespace tiles
