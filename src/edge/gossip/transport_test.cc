// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "edge/gossip/socket_address.h"
#include "edge/gossip/testing_kit.h"
#include "wire/gossip/codec.h"

namespace kith::edge::gossip {
namespace {

namespace wg = wire::gossip;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPatience = seconds(20);

/// A transport, and all that it said. Answers requests as `answer` says, or not at all.
class Peer final : private Transport::Listener {
 public:
  explicit Peer(boost::asio::io_context& context, Transport::Options options = {},
                const char* host = "127.0.0.1") {
    options.listen = *Endpoint::from_digits(host, 0);
    auto opened = Transport::open(context, std::move(options), *this);
    EXPECT_TRUE(opened) << opened.error();
    transport = *std::move(opened);
    transport->start();
  }

  const Endpoint& at() const { return transport->local(); }

  std::unique_ptr<Transport> transport;
  std::function<std::optional<wg::StreamMessage>(const wg::StreamMessage&)> answer;
  std::vector<std::vector<wg::DatagramMessage>> packets;
  std::vector<Endpoint> sources;
  std::vector<wg::StreamMessage> requests;
  std::map<Transport::StreamId, Result<std::optional<wg::StreamMessage>>> ended;
  std::vector<std::string> refused;

 private:
  void on_packet(const Endpoint& source, std::span<const wg::DatagramMessage> messages) override {
    sources.push_back(source);
    packets.emplace_back(messages.begin(), messages.end());
  }
  void on_request(Transport::CallerId caller, const Endpoint&, wg::StreamMessage request) override {
    requests.push_back(request);
    if (!answer) return;
    if (const auto reply = answer(request)) return transport->reply(caller, *reply);
    transport->refuse(caller);
  }
  void on_stream_ended(Transport::StreamId stream,
                       Result<std::optional<wg::StreamMessage>> reply) override {
    EXPECT_TRUE(ended.emplace(stream, std::move(reply)).second) << "ended twice";
  }
  void on_refused(const Endpoint&, const Error& why) override { refused.push_back(why.message); }
};

/// A socket of somebody who is no peer. Blocking.
class Stranger {
 public:
  explicit Stranger(const Endpoint& to) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const auto address = *to_socket(to, AF_INET);
    EXPECT_EQ(::connect(socket_, address.get(), address.size), 0);
  }
  ~Stranger() { ::close(socket_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  void say(std::string_view bytes) const {
    static_cast<void>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  /// Whether the other side has closed, without waiting.
  bool closed() const {
    char byte = 0;
    const ssize_t got = ::recv(socket_, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  const int socket_;
};

class GossipTransportTest : public testing::Test {
 protected:
  bool run_until(const std::function<bool()>& condition, Duration most = kPatience) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context_.run_for(milliseconds(1));
      context_.restart();
    }
    return true;
  }
  void run_for(Duration span) {
    context_.run_for(span);
    context_.restart();
  }
  Result<std::optional<wg::StreamMessage>> ask(Peer& from, const Endpoint& to,
                                               const wg::StreamMessage& request,
                                               Duration patience = kPatience) {
    const auto stream = from.transport->open_stream(to, request, patience);
    EXPECT_TRUE(from.ended.empty() || !from.ended.contains(stream)) << "ended within the call";
    EXPECT_TRUE(run_until([&] { return from.ended.contains(stream); }, kPatience * 2));
    return from.ended.at(stream);
  }
  static Transport::Options with(std::string label, std::vector<wg::Key> keys = {},
                                 bool compress = false) {
    Transport::Options options{.compress = compress};
    options.pool.label = std::move(label);
    for (const wg::Key& key : keys) EXPECT_TRUE(options.pool.keyring.add(key));
    return options;
  }

  boost::asio::io_context context_;
};

std::optional<wg::StreamMessage> acknowledge(const wg::StreamMessage& request) {
  return wg::Ack{std::get<wg::Ping>(request).seq_no, {}};
}

const std::vector<wg::DatagramMessage> kTwo = {wg::Ping{.seq_no = 1, .node = "b"},
                                               wg::Suspect{1, "b", "a"}};

// ---- Ports

class Silent final : public Transport::Listener {
  void on_packet(const Endpoint&, std::span<const wg::DatagramMessage>) override {}
  void on_request(Transport::CallerId, const Endpoint&, wg::StreamMessage) override {}
  void on_stream_ended(Transport::StreamId, Result<std::optional<wg::StreamMessage>>) override {}
  void on_refused(const Endpoint&, const Error&) override {}
};

TEST_F(GossipTransportTest, APortThatIsTakenIsRefused) {
  Peer a(context_);
  EXPECT_NE(a.at().port, 0);
  Silent nobody;
  const auto second = Transport::open(context_, {.listen = a.at()}, nobody);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message.find(a.at().to_string()), std::string::npos);
}

TEST_F(GossipTransportTest, ALabelThatIsTooLongIsRefused) {
  Silent nobody;
  Transport::Options options = with(std::string(256, 'l'));
  options.listen = *Endpoint::from_digits("127.0.0.1", 0);
  const auto opened = Transport::open(context_, options, nobody);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid_argument);
}

TEST_F(GossipTransportTest, ManyOpenAtOnceAndEachGetsAPort) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(std::make_unique<Peer>(context_));
  peers.front()->transport->send(peers.back()->at(), kTwo, false);
  EXPECT_TRUE(run_until([&] { return !peers.back()->packets.empty(); }));
}

// ---- Packets

TEST_F(GossipTransportTest, PacketsArriveWithTheirSource) {
  Peer a(context_);
  Peer b(context_);
  a.transport->send(b.at(), kTwo, true);
  ASSERT_TRUE(run_until([&] { return !b.packets.empty(); }));
  EXPECT_EQ(b.packets[0], kTwo);
  EXPECT_EQ(b.sources[0], a.at());
}

TEST_F(GossipTransportTest, ReadersReadWhateverWritersWrite) {
  for (const std::string label : {"", "lbl"}) {
    for (const bool encrypted : {false, true}) {
      for (const bool compress : {false, true}) {
        const auto keys = encrypted ? std::vector{kKey} : std::vector<wg::Key>{};
        Peer a(context_, with(label, keys, compress));
        // Reads what is compressed, and does not compress.
        Peer b(context_, with(label, keys));
        const std::vector<wg::DatagramMessage> long_one = {wg::UserMessage{std::string(900, 'x')}};
        a.transport->send(b.at(), long_one, true);
        b.answer = acknowledge;
        const auto reply = ask(a, b.at(), wg::Ping{.seq_no = 7});
        ASSERT_TRUE(reply) << reply.error();
        EXPECT_TRUE(*reply == wg::StreamMessage(wg::Ack{7, {}}));
        ASSERT_TRUE(run_until([&] { return !b.packets.empty(); }));
        EXPECT_EQ(b.packets[0], long_one);
      }
    }
  }
}

TEST_F(GossipTransportTest, WhatHasArrivedIsReadAtOnce) {
  Peer a(context_);
  Peer b(context_);
  for (std::uint32_t i = 0; i < 300; ++i) {
    a.transport->send(b.at(), std::vector<wg::DatagramMessage>{wg::Nack{i}}, false);
  }
  b.transport->receive_all();
  EXPECT_EQ(b.packets.size(), 300u) << "they are here: no turn of the loop is needed";
}

TEST_F(GossipTransportTest, TheLargestDatagramIsRead) {
  Peer a(context_);
  Peer b(context_);
  const std::vector<wg::DatagramMessage> large = {wg::UserMessage{std::string(65'000, 'x')}};
  a.transport->send(b.at(), large, false);
  ASSERT_TRUE(run_until([&] { return !b.packets.empty(); }));
  EXPECT_EQ(b.packets[0], large);
}

TEST_F(GossipTransportTest, AddressesOfBothFormsAreReached) {
  Peer a(context_);
  Peer b(context_);
  Endpoint mapped = b.at();
  mapped.ip = std::string(10, '\0') + "\xff\xff" + b.at().ip;
  a.transport->send(mapped, kTwo, false);
  ASSERT_TRUE(run_until([&] { return !b.packets.empty(); }));
  EXPECT_EQ(b.sources[0].ip.size(), 4u);
  b.answer = acknowledge;
  EXPECT_TRUE(ask(a, mapped, wg::Ping{.seq_no = 1}));
}

TEST_F(GossipTransportTest, Ipv6SpeaksToItselfAndToIpv4) {
  Silent nobody;
  if (!Transport::open(context_, {.listen = *Endpoint::from_digits("::1", 0)}, nobody)) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  Peer a(context_, {}, "::1");
  Peer b(context_, {}, "::1");
  a.transport->send(b.at(), kTwo, false);
  ASSERT_TRUE(run_until([&] { return !b.packets.empty(); }));
  EXPECT_EQ(b.sources[0], a.at());
  b.answer = acknowledge;
  EXPECT_TRUE(ask(a, b.at(), wg::Ping{.seq_no = 1}));

  Peer both(context_, {}, "::");
  Peer of4(context_);
  both.transport->send(of4.at(), kTwo, false);
  ASSERT_TRUE(run_until([&] { return !of4.packets.empty(); }));
  Endpoint both4 = both.at();
  both4.ip = of4.at().ip;
  EXPECT_EQ(of4.sources[0], both4);
  both.answer = acknowledge;
  EXPECT_TRUE(ask(of4, both4, wg::Ping{.seq_no = 1}));
}

TEST_F(GossipTransportTest, SendingToNowhereHarmsNothing) {
  Peer a(context_);
  a.transport->send({"abc", 1}, kTwo, false);
  a.transport->send(*Endpoint::from_digits("::1", 1), kTwo, false);
  a.transport->send(*Endpoint::from_digits("127.0.0.1", 1), kTwo, false);
  for (const Endpoint& nowhere : {Endpoint{"abc", 1}, *Endpoint::from_digits("127.0.0.1", 1)}) {
    const auto reply = ask(a, nowhere, wg::Ping{.seq_no = 1});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable) << reply.error();
  }
  Peer b(context_);
  a.transport->send(b.at(), kTwo, false);
  EXPECT_TRUE(run_until([&] { return !b.packets.empty(); }));
}

TEST_F(GossipTransportTest, PacketsOfOtherPoolsAreRefusedWithTheReason) {
  Peer plain(context_);
  Peer labelled(context_, with("one"));
  Peer encrypted(context_, with("", {kKey}));
  Peer otherwise(context_, with("", {kOther}));
  Peer reader(context_, with("", {kKey}));
  for (Peer* peer : {&plain, &labelled, &otherwise, &encrypted}) {
    peer->transport->send(reader.at(), kTwo, false);
  }
  ASSERT_TRUE(run_until([&] { return reader.refused.size() >= 3 && !reader.packets.empty(); }));
  EXPECT_EQ(reader.packets.size(), 1u);
  EXPECT_EQ(reader.refused, (std::vector<std::string>{
                                "gossip datagram that is not encrypted, where keys are configured",
                                "gossip datagram of another pool, by its label",
                                "encrypted gossip that none of the keys opens"}));
}

// ---- Keys

TEST_F(GossipTransportTest, KeysAreChangedWhileItRuns) {
  Peer a(context_, with("", {kKey}));
  Peer b(context_, with("", {kKey}));
  a.answer = b.answer = acknowledge;
  const auto talk = [&](const char* step) {
    EXPECT_TRUE(ask(a, b.at(), wg::Ping{.seq_no = 1})) << step;
    EXPECT_TRUE(ask(b, a.at(), wg::Ping{.seq_no = 2})) << step;
    b.packets.clear();
    a.transport->send(b.at(), kTwo, false);
    EXPECT_TRUE(run_until([&] { return !b.packets.empty(); })) << step;
  };
  const auto both = [&](const char* step, Result<void> (Transport::*change)(const wg::Key&),
                        const wg::Key& key) {
    EXPECT_TRUE((a.transport.get()->*change)(key)) << step;
    talk(step);
    EXPECT_TRUE((b.transport.get()->*change)(key)) << step;
    talk(step);
  };
  both("add", &Transport::add_key, kOther);
  both("use", &Transport::use_key, kOther);
  both("remove", &Transport::remove_key, kKey);
  EXPECT_FALSE(a.transport->remove_key(kOther)) << "it is in use";
  EXPECT_FALSE(a.transport->use_key(kKey)) << "it is not there";

  Peer old(context_, with("", {kKey}));
  EXPECT_FALSE(ask(old, a.at(), wg::Ping{.seq_no = 1}));
}

TEST_F(GossipTransportTest, APoolWithoutKeysGetsNone) {
  Peer a(context_);
  const auto added = a.transport->add_key(kKey);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::failed_precondition);
}

// ---- Streams

TEST_F(GossipTransportTest, LargeStatesGoBothWays) {
  wg::PushPull large{.join = true, .user_state = std::string(1 << 20, 'u')};
  for (int i = 0; i < 5000; ++i) {
    large.nodes.push_back({.name = "node-" + std::to_string(i), .addr = "addr", .vsn = wg::Vsn{}});
  }
  for (const bool compress : {false, true}) {
    Peer a(context_, with("lbl", {kKey}, compress));
    Peer b(context_, with("lbl", {kKey}, compress));
    b.answer = [&](const wg::StreamMessage& request) { return request; };
    const auto reply = ask(a, b.at(), large);
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_TRUE(*reply == wg::StreamMessage(large));
  }
}

TEST_F(GossipTransportTest, ARefusalIsNoReply) {
  Peer a(context_);
  Peer b(context_);
  b.answer = [](const wg::StreamMessage&) { return std::nullopt; };
  const auto reply = ask(a, b.at(), wg::Ping{.seq_no = 1});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

TEST_F(GossipTransportTest, AUserMessageEndsWhenItWasTaken) {
  Peer a(context_);
  Peer b(context_);
  b.answer = [](const wg::StreamMessage&) { return std::nullopt; };
  const auto taken = ask(a, b.at(), wg::UserMessage{"hello"});
  ASSERT_TRUE(taken) << taken.error();
  EXPECT_FALSE(*taken);
  ASSERT_EQ(b.requests.size(), 1u);
  EXPECT_TRUE(b.requests[0] == wg::StreamMessage(wg::UserMessage{"hello"}));
}

TEST_F(GossipTransportTest, WhoCannotReadARequestTellsWhy) {
  Peer encrypted(context_, with("", {kKey}));
  // A node on its way to encryption: has keys, and still sends plain words.
  Transport::Options options = with("", {kKey});
  options.pool.verify_outgoing = false;
  options.pool.verify_incoming = false;
  Peer half(context_, options);
  const auto reply = ask(half, encrypted.at(), wg::Ping{.seq_no = 1});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message,
            "it answers: gossip on a connection that is not encrypted, where keys are configured");
  ASSERT_EQ(encrypted.refused.size(), 1u);
}

TEST_F(GossipTransportTest, StreamsOfOtherPoolsAreRefused) {
  Peer a(context_, with("one"));
  Peer b(context_, with("two"));
  EXPECT_FALSE(ask(a, b.at(), wg::Ping{.seq_no = 1}));
  ASSERT_EQ(b.refused.size(), 1u);
  EXPECT_EQ(b.refused[0], "gossip connection of another pool, by its label");
  EXPECT_TRUE(b.requests.empty());
}

TEST_F(GossipTransportTest, AReplyThatDoesNotComeIsGivenUp) {
  Peer a(context_);
  Peer b(context_);  // Keeps its callers waiting.
  const auto reply = ask(a, b.at(), wg::Ping{.seq_no = 1}, milliseconds(50));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::timed_out);
}

TEST_F(GossipTransportTest, ALateAnswerFindsNobody) {
  Peer a(context_, {.incoming = {.patience = milliseconds(50)}});
  Peer b(context_);
  const auto stream = b.transport->open_stream(a.at(), wg::Ping{.seq_no = 1}, kPatience);
  ASSERT_TRUE(run_until([&] { return b.ended.contains(stream); }));
  EXPECT_FALSE(b.ended.at(stream)) << "nobody answered in time, so the acceptor closed";
  // The ids of slabs are never used again; any that was used is one that has gone.
  a.transport->reply(Transport::CallerId{1} << 32, wg::Ack{1, {}});
  a.transport->refuse(Transport::CallerId{1} << 32);
}

// ---- Strangers and bounds

TEST_F(GossipTransportTest, SilentStreamsAreClosed) {
  Peer a(context_, {.incoming = {.patience = milliseconds(50)}});
  const Stranger mute(a.at());
  const Stranger slow(a.at());
  slow.say(std::string_view("\x00\x85", 2));
  EXPECT_TRUE(run_until([&] { return mute.closed() && slow.closed(); }));
}

TEST_F(GossipTransportTest, StreamsBeyondTheBoundAreClosedAtOnce) {
  Peer a(context_);
  std::vector<std::unique_ptr<Stranger>> many;
  for (int i = 0; i < 128; ++i) many.push_back(std::make_unique<Stranger>(a.at()));
  run_for(milliseconds(50));
  const Stranger one_more(a.at());
  ASSERT_TRUE(run_until([&] { return one_more.closed(); }));
  EXPECT_FALSE(many.front()->closed());
  ASSERT_FALSE(a.refused.empty());
  EXPECT_EQ(a.refused[0], "there are 128 gossip streams already");

  many.clear();
  a.answer = acknowledge;
  Peer b(context_);
  // Those who leave make room.
  EXPECT_TRUE(run_until([&] { return bool(ask(b, a.at(), wg::Ping{.seq_no = 1})); }));
}

TEST_F(GossipTransportTest, UnfinishedRequestsAreBoundedTogether) {
  Peer a(context_, {.incoming = {.max_unfinished_bytes = 110'000}});
  // The header of a user message of 60 000 bytes, and 40 000 of them.
  std::string most;
  wg::encode_stream_message(wg::UserMessage{std::string(60'000, 'x')}, most);
  most.resize(40'000);
  const Stranger one(a.at());
  const Stranger two(a.at());
  one.say(most);
  two.say(most);
  run_for(milliseconds(50));
  EXPECT_TRUE(a.refused.empty());
  const Stranger three(a.at());
  three.say(most);
  ASSERT_TRUE(run_until([&] { return !a.refused.empty(); }));
  EXPECT_EQ(a.refused[0], "too many bytes of unfinished gossip streams are here already");
  // Whoever finishes is still heard.
  const std::size_t before = a.requests.size();
  two.say(std::string(20'100, 'x'));
  EXPECT_TRUE(run_until([&] { return a.requests.size() > before; }));
}

TEST_F(GossipTransportTest, DialsBeyondTheBoundWaitAndFail) {
  Peer b(context_);  // Keeps its callers waiting.
  Peer a(context_, {.outgoing = {.max_streams = 2, .max_waiting = 3}});
  std::vector<Transport::StreamId> streams;
  for (int i = 0; i < 7; ++i) {
    streams.push_back(a.transport->open_stream(b.at(), wg::Ping{.seq_no = 1}, seconds(1)));
  }
  ASSERT_TRUE(run_until([&] { return a.ended.size() >= 2; }));
  EXPECT_EQ(a.ended.at(streams[5]).error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(a.ended.at(streams[6]).error().code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(run_until([&] { return a.ended.size() == 7; }));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(a.ended.at(streams[static_cast<std::size_t>(i)]).error().code, ErrorCode::timed_out);
  }
}

TEST_F(GossipTransportTest, WaitingDialsGoOnWhenOthersEnd) {
  Peer b(context_);
  b.answer = acknowledge;
  Peer a(context_, {.outgoing = {.max_streams = 1, .max_waiting = 20}});
  for (int i = 0; i < 20; ++i) {
    a.transport->open_stream(b.at(), wg::Ping{.seq_no = 1}, kPatience);
  }
  ASSERT_TRUE(run_until([&] { return a.ended.size() == 20; }));
  for (const auto& [stream, reply] : a.ended) EXPECT_TRUE(reply) << reply.error();
}

TEST_F(GossipTransportTest, OversizedRequestsAreRefused) {
  Peer a(context_, {.incoming = {.request = {.message_bytes = 10'000}}});
  std::string large;
  wg::encode_stream_message(wg::UserMessage{std::string(60'000, 'x')}, large);
  const Stranger stranger(a.at());
  stranger.say(large);
  ASSERT_TRUE(run_until([&] { return !a.refused.empty(); }));
  EXPECT_TRUE(a.requests.empty());
}

TEST_F(GossipTransportTest, EndsWithStreamsAndPacketsUnderWay) {
  auto a = std::make_unique<Peer>(context_);
  auto b = std::make_unique<Peer>(context_);
  const Stranger stranger(b->at());
  for (int i = 0; i < 10; ++i) a->transport->open_stream(b->at(), wg::Ping{.seq_no = 1}, kPatience);
  a->transport->send(b->at(), kTwo, false);
  run_for(milliseconds(5));
  a.reset();
  run_for(milliseconds(5));
  b.reset();
  run_for(milliseconds(50));
  EXPECT_TRUE(stranger.closed());
}

}  // namespace
}  // namespace kith::edge::gossip
