// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/membership/membership.h"

// For tests: one node whose neighbours are the test. Included by tests only.
namespace kith::membership {

inline constexpr TimePoint kStart{std::chrono::seconds(1000)};

inline Address address_number(int number, std::uint16_t port = 7946) {
  return {std::string{10, 0, 0, static_cast<char>(number)}, port};
}

inline Options test_options() {
  Options options;
  options.name = "self";
  options.address = address_number(1);
  options.seed = 7;
  return options;
}

class TestNode {
 public:
  explicit TestNode(const Options& options = test_options()) : node(options, kStart) {}

  static Alive alive(std::string name, int address, std::uint32_t incarnation = 1,
                     std::string meta = "") {
    const Address where = address_number(address);
    return {incarnation, std::move(name), where.ip, where.port, std::move(meta), kVersions};
  }

  /// One packet from 10.0.0.99.
  void receive(std::vector<Message> messages) {
    node.on_packet(address_number(99), messages, now, actions);
  }
  /// Meets every deadline on time until `end`; the clock then stands there.
  void run_until(TimePoint end) {
    while (node.next_deadline() <= end) {
      now = std::max(now, node.next_deadline());
      node.on_deadline(now, actions);
    }
    now = end;
  }
  void run_for(Duration span) { run_until(now + span); }
  /// The clock goes on and nothing runs.
  void stall(Duration span) { now += span; }
  /// Runs until it pings somebody; the ping, taken out of the actions with all before it.
  std::pair<Address, Ping> next_ping() {
    while (true) {
      for (std::size_t i = 0; i < actions.size(); ++i) {
        const auto* packet = std::get_if<SendPacket>(&actions[i]);
        if (packet == nullptr) continue;
        const auto* ping = std::get_if<Ping>(&packet->messages[0]);
        if (ping == nullptr) continue;
        const std::pair found{packet->to, *ping};
        last_packet = *packet;
        actions.erase(actions.begin(), actions.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        return found;
      }
      run_until(node.next_deadline());
    }
  }

  /// All actions of a kind, in their order.
  template <class Action>
  std::vector<Action> all() const {
    std::vector<Action> found;
    for (const auto& action : actions) {
      if (const auto* one = std::get_if<Action>(&action)) found.push_back(*one);
    }
    return found;
  }
  /// All messages of a kind in all packets.
  template <class Kind>
  std::vector<std::pair<Address, Kind>> sent() const {
    std::vector<std::pair<Address, Kind>> found;
    for (const auto& packet : all<SendPacket>()) {
      for (const Message& message : packet.messages) {
        if (const auto* one = std::get_if<Kind>(&message)) found.emplace_back(packet.to, *one);
      }
    }
    return found;
  }
  /// "joined a, suspected a": what happened to whom.
  std::string events() const {
    static constexpr const char* kNames[] = {"joined",  "updated", "suspected",
                                             "cleared", "failed",  "left"};
    std::string text;
    for (const auto& event : all<MemberEvent>()) {
      if (!text.empty()) text += ", ";
      text += std::string(kNames[static_cast<int>(event.kind)]) + " " + event.name;
    }
    return text;
  }
  State state(std::string_view name) const { return node.members().find(name)->state; }
  std::uint32_t incarnation(std::string_view name = "self") const {
    return node.members().find(name)->incarnation;
  }

  TimePoint now = kStart;
  Membership node;
  Actions actions;
  SendPacket last_packet;
};

}  // namespace kith::membership
