// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>
#include <utility>

#include "address.h"
#include "http_client.h"

namespace tiles {
namespace {

using boost::asio::ip::tcp;
using kith::ErrorCode;
using kith::fail;
namespace json = boost::json;

constexpr auto kStatsTimeout = std::chrono::seconds(5);

/// Listens on `address` for as long as `acceptor` lives; returns the address with its real port.
kith::Result<std::string> occupy(tcp::acceptor& acceptor, const std::string& address) {
  const auto endpoint = parse_address(address);
  if (!endpoint) return tl::unexpected(endpoint.error());
  boost::system::error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(1, error);
  if (error) return fail(ErrorCode::unavailable, address + ": " + error.message());
  return "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
}

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

}  // namespace

kith::Result<std::vector<ProcessAddresses>> free_addresses(std::size_t count) {
  boost::asio::io_context io;
  // All are held until all are known, so that no port is named twice.
  std::vector<tcp::acceptor> held;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 2 * count; ++i) {
    held.emplace_back(io);
    auto name = occupy(held.back(), "127.0.0.1:0");
    if (!name) return tl::unexpected(name.error());
    names.push_back(*std::move(name));
  }
  std::vector<ProcessAddresses> addresses;
  for (std::size_t i = 0; i < count; ++i) addresses.push_back({names[2 * i], names[2 * i + 1]});
  return addresses;
}

kith::Result<void> check_free(const std::vector<ProcessAddresses>& addresses) {
  boost::asio::io_context io;
  for (const ProcessAddresses& process : addresses) {
    for (const std::string& address : {process.http, process.kith}) {
      tcp::acceptor acceptor(io);
      if (const auto free = occupy(acceptor, address); !free) return tl::unexpected(free.error());
    }
  }
  return {};
}

Cluster::Cluster(std::string program, std::vector<ProcessAddresses> addresses, bool sharing)
    : program_(std::move(program)), addresses_(std::move(addresses)), sharing_(sharing) {}

Cluster::~Cluster() {
  for (ChildProcess& process : processes_) process.ask_to_stop();
}

kith::Result<Cluster> Cluster::start(std::string program, std::vector<ProcessAddresses> addresses,
                                     bool sharing) {
  Cluster cluster(std::move(program), std::move(addresses), sharing);
  for (std::size_t i = 0; i < cluster.addresses_.size(); ++i) {
    auto process = ChildProcess::start(cluster.command(i));
    if (!process) return tl::unexpected(process.error());
    cluster.processes_.push_back(*std::move(process));
  }
  return cluster;
}

std::vector<std::string> Cluster::command(std::size_t index) const {
  std::vector<std::string> words = {program_, "--http", addresses_[index].http, "--listen",
                                    addresses_[index].kith};
  if (!sharing_) words.emplace_back("--no-sharing");
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (sharing_ && i != index) words.insert(words.end(), {"--peer", addresses_[i].kith});
  }
  return words;
}

kith::Result<void> Cluster::wait_healthy(std::chrono::milliseconds timeout, StopSignals& signals) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t healthy = 0;
  while (healthy < processes_.size()) {
    const std::string& address = addresses_[healthy].http;
    if (const auto how = processes_[healthy].ended()) {
      return fail(ErrorCode::unavailable, "the tiles process at " + address + " " + *how);
    }
    const auto answer = http_get(address, "/healthz", std::chrono::seconds(1));
    if (answer && answer->status == 200) {
      ++healthy;
      continue;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(ErrorCode::timed_out, "the tiles process at " + address +
                                            " did not become healthy: " +
                                            (answer ? answer->body : answer.error().message));
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
  auto process = ChildProcess::start(command(index));
  if (!process) return tl::unexpected(process.error());
  processes_[index] = *std::move(process);
  return {};
}

}  // namespace tiles
