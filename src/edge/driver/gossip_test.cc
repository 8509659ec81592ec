// SPDX-License-Identifier: Apache-2.0
//
// Members of real pools, on loopback: what the pure machine decides is tested beside it, here that
// it gets its bytes, its time and its calls.
#include "edge/driver/gossip.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/testing/sanitized.h"
#include "core/membership/membership.h"
#include "edge/driver/gossip_messages.h"
#include "edge/driver/testing_kit.h"
#include "edge/gossip/seal.h"
#include "edge/gossip/socket_address.h"
#include "edge/net/address.h"

namespace kith::edge {
namespace {

namespace m = membership;
namespace wg = wire::gossip;
using std::chrono::milliseconds;
using std::chrono::seconds;

const wg::Key kKey = *wg::Key::create("0123456789abcdef");
const wg::Key kNewKey = *wg::Key::create("fedcba9876543210fedcba9876543210");

using Gossip = GossipDriver<m::Membership>;

/// One member, and all that it told.
class Node {
 public:
  struct Setup {
    wg::PoolSettings pool = {};
    bool compress = false;
    std::string listen = "127.0.0.1:0";
    std::size_t max_members = 100;
  };

  explicit Node(std::string name) : Node(std::move(name), Setup()) {}
  Node(std::string name, Setup setup) : name_(std::move(name)) {
    GossipHost::Options host{.listen = setup.listen,
                             .pool = setup.pool,
                             .compress = setup.compress,
                             .log = [this](Severity, std::string_view line) {
                               MutexLock lock(&mutex_);
                               log_.emplace_back(line);
                             }};
    auto started = Gossip::start(
        {.host = std::move(host),
         .on_event = [this](const m::Membership&, const m::Action& action) { note(action); }},
        [&](const m::Address& address, std::size_t overhead, TimePoint now) {
          m::Options options;
          options.name = name_;
          options.address = address;
          options.packet_overhead = overhead;
          options.profile = quick_profile();
          options.max_members = setup.max_members;
          return std::make_unique<m::Membership>(options, now);
        });
    EXPECT_TRUE(started) << started.error();
    if (started) gossip_ = *std::move(started);
  }
  ~Node() {
    // Before what its callbacks write to.
    gossip_.reset();
  }

  Gossip& gossip() { return *gossip_; }
  const std::string& name() const { return name_; }
  std::string listen() const { return to_wire(gossip_->address()).to_string(); }
  void kill() { gossip_->stop(); }

  /// How many nodes it could join; waits.
  std::size_t join(const Node& other) {
    auto reached = std::make_shared<Reached>();
    gossip_->join({other.gossip_->address()}, [reached](std::size_t count) {
      MutexLock lock(&reached->mutex);
      reached->count = count;
    });
    EXPECT_TRUE(eventually([&] {
      MutexLock lock(&reached->mutex);
      return reached->count.has_value();
    }));
    MutexLock lock(&reached->mutex);
    return reached->count.value_or(0);
  }
  /// "a b": who is alive or suspected, in order.
  std::string members() {
    std::string text;
    const auto all = gossip_->members();
    if (!all) return "stopped";
    for (const m::NodeState& member : *all) {
      if (member.state == m::State::dead || member.state == m::State::left) continue;
      if (!text.empty()) text += " ";
      text += member.name;
    }
    return text;
  }
  std::string meta_of(const std::string& name) {
    const auto all = gossip_->members();
    for (const m::NodeState& member : *all) {
      if (member.name == name) return member.meta;
    }
    return {};
  }

  template <class Kind>
  std::size_t count(const std::function<bool(const Kind&)>& which) {
    MutexLock lock(&mutex_);
    return static_cast<std::size_t>(
        std::count_if(events_.begin(), events_.end(), [&](const m::Action& action) {
          const auto* one = std::get_if<Kind>(&action);
          return one != nullptr && which(*one);
        }));
  }
  bool heard(m::MemberEvent::Kind kind, const std::string& name) {
    return count<m::MemberEvent>([&](const m::MemberEvent& event) {
             return event.kind == kind && event.name == name;
           }) > 0;
  }
  bool received(const std::string& payload) {
    return count<m::UserReceived>(
               [&](const m::UserReceived& user) { return user.payload == payload; }) > 0;
  }
  bool logged(std::string_view text) {
    MutexLock lock(&mutex_);
    return std::any_of(log_.begin(), log_.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

 private:
  struct Reached {
    Mutex mutex;
    std::optional<std::size_t> count ABSL_GUARDED_BY(mutex);
  };

  void note(const m::Action& action) {
    MutexLock lock(&mutex_);
    events_.push_back(action);
  }

  const std::string name_;
  Mutex mutex_;
  std::vector<m::Action> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Gossip> gossip_;
};

using Nodes = std::vector<std::unique_ptr<Node>>;

/// "a", "b", ...: all have joined the first.
Nodes pool(std::size_t size, const Node::Setup& setup = {}) {
  Nodes nodes;
  for (std::size_t i = 0; i < size; ++i) {
    nodes.push_back(std::make_unique<Node>(std::string(1, static_cast<char>('a' + i)), setup));
    if (i > 0) {
      EXPECT_EQ(nodes[i]->join(*nodes[0]), 1u);
    }
  }
  return nodes;
}

bool all_list(const Nodes& nodes, const std::string& names) {
  return eventually([&] {
    return std::all_of(nodes.begin(), nodes.end(),
                       [&](const auto& node) { return node->members() == names; });
  });
}

Node::Setup encrypted_setup(const wg::Key& key = kKey) {
  Node::Setup setup;
  EXPECT_TRUE(setup.pool.keyring.add(key));
  return setup;
}

// ---- Pools

TEST(GossipTest, JoinersAndMembersListEachOther) {
  const Nodes nodes = pool(5);
  EXPECT_TRUE(all_list(nodes, "a b c d e"));
  EXPECT_TRUE(nodes[0]->heard(m::MemberEvent::Kind::joined, "e"));
}

TEST(GossipTest, EncryptedLabelledCompressedPoolsAreLikeOthers) {
  Node::Setup setup = encrypted_setup();
  setup.pool.label = "pool";
  setup.compress = true;
  const Nodes nodes = pool(4, setup);
  EXPECT_TRUE(all_list(nodes, "a b c d"));
  EXPECT_TRUE(nodes[1]->gossip().set_meta("new"));
  for (const auto& node : nodes) {
    EXPECT_TRUE(eventually([&] { return node->meta_of("b") == "new"; })) << node->name();
  }
}

TEST(GossipTest, WhoLeavesHasLeftAndTheOthersStay) {
  Nodes nodes = pool(3);
  ASSERT_TRUE(all_list(nodes, "a b c"));
  auto ended = std::make_shared<std::atomic<int>>(0);
  nodes[2]->gossip().leave(seconds(10), [ended] { ++*ended; });
  EXPECT_TRUE(eventually([&] { return *ended == 1; }));
  // Once it has left, leaving again is over at once.
  nodes[2]->gossip().leave(seconds(10), [ended] { ++*ended; });
  EXPECT_TRUE(eventually([&] { return *ended == 2; }));
  nodes.pop_back();
  EXPECT_TRUE(all_list(nodes, "a b"));
  EXPECT_TRUE(nodes[0]->heard(m::MemberEvent::Kind::left, "c"));
  EXPECT_FALSE(nodes[0]->heard(m::MemberEvent::Kind::failed, "c"));
}

TEST(GossipTest, WhoIsKilledFailsAndMayComeBack) {
  Nodes nodes = pool(3);
  ASSERT_TRUE(all_list(nodes, "a b c"));
  const std::string listen = nodes[2]->listen();
  nodes[2]->kill();
  nodes.pop_back();
  EXPECT_TRUE(all_list(nodes, "a b"));
  EXPECT_TRUE(eventually([&] { return nodes[1]->heard(m::MemberEvent::Kind::failed, "c"); }));

  nodes.push_back(std::make_unique<Node>("c", Node::Setup{.listen = listen}));
  EXPECT_EQ(nodes[2]->join(*nodes[0]), 1u);
  EXPECT_TRUE(all_list(nodes, "a b c"));
}

TEST(GossipTest, BytesReachAllOrOne) {
  const Nodes nodes = pool(3);
  ASSERT_TRUE(all_list(nodes, "a b c"));
  // It is said a few times, and may miss somebody.
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(nodes[0]->gossip().spread("to all"));
    std::this_thread::sleep_for(milliseconds(100));
    return nodes[1]->received("to all") && nodes[2]->received("to all");
  }));
  const std::string large(1 << 20, 'x');
  EXPECT_TRUE(nodes[0]->gossip().tell("b", "packet", Gossip::Via::packet));
  EXPECT_TRUE(nodes[0]->gossip().tell("b", large, Gossip::Via::stream));
  EXPECT_TRUE(eventually([&] { return nodes[1]->received("packet"); }));
  EXPECT_TRUE(eventually([&] { return nodes[1]->received(large); }));
  EXPECT_FALSE(nodes[2]->received("packet"));

  const auto nobody = nodes[0]->gossip().tell("nobody", "?", Gossip::Via::packet);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::not_found);
  EXPECT_EQ(nodes[0]->gossip().tell("b", large, Gossip::Via::packet).error().code,
            ErrorCode::too_large);
  EXPECT_EQ(nodes[0]->gossip().spread(large).error().code, ErrorCode::too_large);
}

TEST(GossipTest, UserStateGoesWithEveryExchange) {
  Node a("a");
  a.gossip().set_user_state("of a");
  Node b("b");
  ASSERT_EQ(b.join(a), 1u);
  EXPECT_EQ(b.count<m::UserStateReceived>(
                [](const m::UserStateReceived& user) { return user.state == "of a" && user.join; }),
            1u);
  a.gossip().set_user_state("later");
  EXPECT_TRUE(eventually([&] {
    return b.count<m::UserStateReceived>(
               [](const m::UserStateReceived& user) { return user.state == "later"; }) > 0;
  }));
}

TEST(GossipTest, KeysOfALivePoolAreChanged) {
  const Nodes nodes = pool(3, encrypted_setup());
  ASSERT_TRUE(all_list(nodes, "a b c"));
  int step = 0;
  const auto each = [&](Result<void> (Gossip::*change)(const wg::Key&), const wg::Key& key) {
    for (const auto& node : nodes) EXPECT_TRUE((node->gossip().*change)(key));
    const std::string meta = "step " + std::to_string(++step);
    EXPECT_TRUE(nodes[0]->gossip().set_meta(meta));
    for (const auto& node : nodes) {
      EXPECT_TRUE(eventually([&] { return node->meta_of("a") == meta; })) << meta;
    }
  };
  each(&Gossip::add_key, kNewKey);
  each(&Gossip::use_key, kNewKey);
  each(&Gossip::remove_key, kKey);
  for (const auto& node : nodes) {
    EXPECT_EQ(node->count<m::MemberEvent>([](const m::MemberEvent& event) {
      return event.kind == m::MemberEvent::Kind::failed;
    }),
              0u);
  }
  Node old("old", encrypted_setup(kKey));
  EXPECT_EQ(old.join(*nodes[0]), 0u);
  Node fresh("d", encrypted_setup(kNewKey));
  EXPECT_EQ(fresh.join(*nodes[0]), 1u);
}

TEST(GossipTest, OtherPoolsAreRefusedAndTheLogSaysWhy) {
  Node a("a", {.pool = {.label = "one"}});
  Node b("b", {.pool = {.label = "two"}});
  EXPECT_EQ(b.join(a), 0u);
  EXPECT_TRUE(a.logged("another pool, by its label"));

  Node with_key("c", encrypted_setup());
  Node without("d");
  Node other_key("e", encrypted_setup(kNewKey));
  EXPECT_EQ(without.join(with_key), 0u);
  EXPECT_EQ(other_key.join(with_key), 0u);
  EXPECT_TRUE(with_key.logged("that is not encrypted, where keys are configured"));
  EXPECT_TRUE(with_key.logged("none of the keys opens"));
  EXPECT_TRUE(without.logged("no exchange with " + with_key.listen()));
  EXPECT_EQ(with_key.members(), "c");
}

TEST(GossipTest, TwoOfOneNameAreReported) {
  const Nodes nodes = pool(2);
  ASSERT_TRUE(all_list(nodes, "a b"));
  Node second("b");
  second.join(*nodes[0]);
  EXPECT_TRUE(eventually([&] { return nodes[0]->logged("two nodes call themselves b"); }));
  EXPECT_TRUE(eventually([&] {
    return nodes[0]->count<m::NameConflict>(
               [](const m::NameConflict& conflict) { return conflict.name == "b"; }) > 0;
  }));
}

// ---- Calls

TEST(GossipTest, AddressesThatAreNoneAreRefused) {
  const auto start = [](const std::string& listen, const std::string& advertise = {}) {
    const auto started = Gossip::start({.host = {.listen = listen, .advertise = advertise}},
                                       [](const m::Address& address, std::size_t, TimePoint now) {
                                         m::Options options;
                                         options.name = "a";
                                         options.address = address;
                                         return std::make_unique<m::Membership>(options, now);
                                       });
    return started ? std::optional<ErrorCode>() : started.error().code;
  };
  EXPECT_EQ(start("127.0.0.1:0"), std::nullopt);
  EXPECT_EQ(start("0.0.0.0:0", "127.0.0.1:0"), std::nullopt);
  EXPECT_EQ(start("0.0.0.0:0"), ErrorCode::invalid_argument) << "nobody could be told";
  EXPECT_EQ(start("localhost:0"), ErrorCode::invalid_argument);
  EXPECT_EQ(start("127.0.0.1"), ErrorCode::invalid_argument);
  EXPECT_EQ(start("127.0.0.1:0", "there"), ErrorCode::invalid_argument);
  const Node a("a");
  EXPECT_EQ(start(a.listen()), ErrorCode::unavailable);
}

TEST(GossipTest, TheAdvertisedAddressHasTheRealPort) {
  const Node a("a", {.listen = "127.0.0.1:0"});
  EXPECT_NE(Address::parse(a.listen())->port, 0);
}

TEST(GossipTest, ItsOwnThreadMustNotWaitForItself) {
  Node a("a");
  auto error = std::make_shared<std::atomic<int>>(0);
  a.gossip().post([&a, error](m::Membership&, TimePoint, m::Actions&) {
    const auto members = a.gossip().members();
    *error = members ? -1 : static_cast<int>(members.error().code);
  });
  EXPECT_TRUE(eventually([&] { return *error != 0; }));
  EXPECT_EQ(*error, static_cast<int>(ErrorCode::failed_precondition));
}

TEST(GossipTest, CallsAfterStopAreCancelled) {
  Node a("a");
  a.gossip().stop();
  a.gossip().stop();
  EXPECT_EQ(a.gossip().members().error().code, ErrorCode::cancelled);
  EXPECT_EQ(a.gossip().set_meta("x").error().code, ErrorCode::cancelled);
  bool called = false;
  a.gossip().join({}, [&](std::size_t) { called = true; });
  a.gossip().leave(seconds(1), [&] { called = true; });
  EXPECT_FALSE(called);
}

TEST(GossipTest, StopsInTheMiddleOfEverything) {
  for (int round = 0; round < 20; ++round) {
    Nodes nodes = pool(2);
    // Nobody listens there, or somebody who is about to go.
    nodes[0]->gossip().join({m::Address{std::string("\x7f\0\0\1", 4), 1}}, [](std::size_t) {});
    nodes[0]->gossip().join({nodes[1]->gossip().address()}, [](std::size_t) {});
    std::thread caller([&] {
      while (nodes[0]->gossip().members()) {
      }
    });
    nodes[0]->kill();
    caller.join();
  }
}

// ---- Strangers

/// Sends datagrams and requests from no member's address.
class Stranger {
 public:
  explicit Stranger(const m::Address& to)
      : to_(*gossip::to_socket(to_wire(to), AF_INET)), packets_(::socket(AF_INET, SOCK_DGRAM, 0)) {}
  ~Stranger() { ::close(packets_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  void send(std::string_view datagram) const {
    static_cast<void>(::sendto(packets_, datagram.data(), datagram.size(), 0, to_.get(), to_.size));
  }
  void request(std::string_view bytes) const {
    const int stream = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(stream, to_.get(), to_.size) == 0) {
      static_cast<void>(::send(stream, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    ::close(stream);
  }

 private:
  const gossip::SocketAddress to_;
  const int packets_;
};

std::string any_bytes(Rng& rng, std::size_t most) {
  std::string bytes(rng.below(most) + 1, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
  return bytes;
}

std::string changed(std::string bytes, Rng& rng) {
  for (auto left = rng.below(4) + 1; left > 0; --left) {
    bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
  }
  if (rng.chance(0.2)) bytes.resize(rng.below(bytes.size()) + 1);
  return bytes;
}

std::size_t memory_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// What members say, of members and of others.
std::vector<wg::DatagramMessage> plausible() {
  const std::string addr("\x7f\0\0\1", 4);
  return {wg::Ping{1, "a", addr, 9, "b"},
          wg::IndirectPing{2, addr, 9, "b", true, addr, 9, "x"},
          wg::Ack{3, "payload"},
          wg::Nack{4},
          wg::Suspect{1, "b", "x"},
          wg::Dead{1, "b", "x"},
          wg::Dead{1, "b", "b"},
          wg::Suspect{UINT32_MAX, "a", "x"},
          wg::Alive{1, "nobody", addr, 9, std::string(100, 'm'), wg::Vsn{}},
          wg::Alive{9, "b", addr, 9, "", wg::Vsn{9, 1, 2, 0, 0, 0}},
          wg::Alive{9, "", addr, 9, "", wg::Vsn{}},
          wg::UserMessage{"hello"}};
}

/// Sends 5000 datagrams and 500 requests to a member, of which it must be able to answer in
/// between; half of them are what members say, damaged.
void attack(Node& victim, const gossip::Speech& speech, Rng& rng) {
  const Stranger stranger(victim.gossip().address());
  const auto messages = plausible();
  for (int i = 0; i < 5'000; ++i) {
    const std::vector<wg::DatagramMessage> few = {messages[rng.below(messages.size())],
                                                  messages[rng.below(messages.size())]};
    stranger.send(i % 2 == 0 ? any_bytes(rng, 1400)
                             : changed(*gossip::seal_packet(few, speech, i % 4 == 1), rng));
    if (i % 100 == 0) {
      ASSERT_TRUE(victim.gossip().members());
    }
  }
  wg::PushPull everything{.join = true, .nodes = {}, .user_state = "state"};
  for (int i = 0; i < 20; ++i) {
    everything.nodes.push_back({.name = "node", .addr = "addr", .vsn = wg::Vsn{}});
  }
  for (int i = 0; i < 500; ++i) {
    const std::string request = *gossip::seal_stream(everything, speech, wg::Speaker::dialler);
    stranger.request(i % 2 == 0 ? any_bytes(rng, 3000) : changed(request, rng));
    if (i % 50 == 0) {
      ASSERT_TRUE(victim.gossip().members());
    }
  }
}

TEST(GossipTest, StrangersDoNothingToAnEncryptedPool) {
  const Nodes nodes = pool(3, encrypted_setup());
  ASSERT_TRUE(all_list(nodes, "a b c"));
  const std::size_t before = memory_bytes();
  Rng rng(1);
  gossip::Speech speech;
  ASSERT_TRUE(speech.pool.keyring.add(kNewKey));
  attack(*nodes[0], speech, rng);
  attack(*nodes[0], {}, rng);
  EXPECT_TRUE(all_list(nodes, "a b c"));
  for (const auto& node : nodes) {
    EXPECT_EQ(node->gossip().members()->size(), 3u) << "somebody was taken in";
    EXPECT_EQ(node->count<m::MemberEvent>([](const m::MemberEvent& event) {
      return event.kind == m::MemberEvent::Kind::failed || event.kind == m::MemberEvent::Kind::left;
    }),
              0u);
  }
  if (!kSanitized) {
    EXPECT_LT(memory_bytes(), before + (std::size_t{100} << 20));
  }
}

// Without keys everybody may speak, and be believed: then the members stay members, the list stays
// within its bound, and nothing breaks.
TEST(GossipTest, StrangersBreakNothingInAPlainPool) {
  Node::Setup setup;
  setup.max_members = 20;
  const Nodes nodes = pool(3, setup);
  ASSERT_TRUE(all_list(nodes, "a b c"));
  Rng rng(2);
  attack(*nodes[0], {}, rng);
  EXPECT_TRUE(eventually([&] {
    return std::all_of(nodes.begin(), nodes.end(),
                       [&](const auto& node) { return node->members().starts_with("a b c"); });
  }));
  for (const auto& node : nodes) {
    EXPECT_LE(node->gossip().members()->size(), 20u);
  }
  EXPECT_TRUE(nodes[1]->gossip().set_meta("still here"));
  EXPECT_TRUE(eventually([&] { return nodes[0]->meta_of("b") == "still here"; }));
}

}  // namespace
}  // namespace kith::edge
