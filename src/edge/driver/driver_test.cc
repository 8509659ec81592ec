// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/driver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/testing/eventually.h"
#include "edge/net/frame_reader.h"
#include "wire/peer/codec.h"
#include "wire/peer/message.h"

namespace kith::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPatience = seconds(20);

/// A request that waits for its answer.
class WaitingCall : public Call {
 public:
  WaitingCall(std::string_view cache_name, std::string_view bytes, Duration timeout = seconds(10)) {
    cache = cache_id(cache_name);
    key = Key::copy_of(KeyView::of(bytes));
    deadline = Driver::now() + timeout;
  }

  void done(Result<fetch::Answer> result) override {
    MutexLock lock(&mutex_);
    ++times_done_;
    result_ = std::move(result);
    changed_.notify_all();
  }
  /// The answer, when it has come within the tests' patience.
  Result<fetch::Answer> wait() {
    MutexLock lock(&mutex_);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (times_done_ == 0) {
      if (!changed_.wait_until(&mutex_, until)) {
        return fail(ErrorCode::internal, "the call was never done");
      }
    }
    return result_;
  }
  int times_done() {
    MutexLock lock(&mutex_);
    return times_done_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int times_done_ ABSL_GUARDED_BY(mutex_) = 0;
  Result<fetch::Answer> result_ ABSL_GUARDED_BY(mutex_) = fail(ErrorCode::internal, "");
};

/// Answers each load on the loop's thread, or keeps it for the test to answer.
class Loads final : public LoadRunner {
 public:
  using Answer = std::function<fetch::LoadOutcome(const fetch::StartLoad&)>;

  void answer_with(Answer answer) {
    MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  void attach(Driver& driver) { driver_ = &driver; }

  void start(const fetch::StartLoad& load) override {
    count_.fetch_add(1);
    MutexLock lock(&mutex_);
    if (answer_) {
      driver_->loaded(load.load, answer_(load));
    } else {
      kept_.push_back(load.load);
      changed_.notify_all();
    }
  }
  void cancel(const fetch::CancelLoad&) override { cancelled_.fetch_add(1); }
  void end_of_turn() override {}

  int count() const { return count_.load(); }
  int cancelled() const { return cancelled_.load(); }
  std::vector<fetch::LoadId> wait_for_kept(std::size_t count) {
    MutexLock lock(&mutex_);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (kept_.size() < count) {
      if (!changed_.wait_until(&mutex_, until)) {
        ADD_FAILURE() << kept_.size() << " loads began, not " << count;
        break;
      }
    }
    return kept_;
  }

 private:
  Driver* driver_ = nullptr;
  std::atomic<int> count_{0};
  std::atomic<int> cancelled_{0};
  Mutex mutex_;
  CondVar changed_;
  Answer answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<fetch::LoadId> kept_ ABSL_GUARDED_BY(mutex_);
};

fetch::LoadOutcome value_of(std::string text) {
  return fetch::LoadedValue{.value = Value::adopt(std::move(text))};
}

/// A node with one cache, "c".
class TestNode {
 public:
  struct Setup {
    std::string listen = "127.0.0.1:0";
    std::string advertise = {};
    int loops = 1;
    std::uint64_t boot = 0;
  };

  explicit TestNode(Setup setup) : store_({}) {
    static std::atomic<std::uint64_t> boots{1};
    const std::uint64_t boot = setup.boot != 0 ? setup.boot : boots.fetch_add(1);
    auto started = Driver::start(
        {.listen = setup.listen,
         .advertise = setup.advertise,
         .boot = BootId{boot},
         .seed = boot,
         .loops = setup.loops,
         .log = [this](Severity severity, std::string_view line) { keep(severity, line); }},
        loads_);
    if (!started) {
      ADD_FAILURE() << started.error();
      return;
    }
    driver_ = *std::move(started);
    loads_.attach(*driver_);
    driver_->open_cache("c", {}, store_, tenure_, {{driver_->name()}});
  }
  TestNode() : TestNode(Setup{}) {}
  ~TestNode() { driver_->stop(Duration::zero()); }

  Driver& operator*() { return *driver_; }
  Driver* operator->() { return driver_.get(); }
  Loads& loads() { return loads_; }
  NodeId id() const { return node_id(driver_->name()); }
  /// Has links to them, and they own the keys.
  void set_members(std::vector<placement::Member> members) {
    std::vector<PeerAddress> peers;
    for (const placement::Member& member : members) {
      if (member.name != driver_->name()) peers.push_back({member.name, member.name});
    }
    driver_->set_peers(std::move(peers));
    driver_->set_members(cache_id("c"), std::move(members));
  }
  std::shared_ptr<const placement::View> view() const { return driver_->view(cache_id("c")); }

  Result<fetch::Answer> get(std::string_view key, Duration timeout = seconds(10)) {
    WaitingCall call("c", key, timeout);
    driver_->get(call);
    return call.wait();
  }
  bool wait_for_log(std::string_view part) {
    MutexLock lock(&mutex_);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (log_.find(part) == std::string::npos) {
      if (!changed_.wait_until(&mutex_, until)) return false;
    }
    return true;
  }
  std::string log() {
    MutexLock lock(&mutex_);
    return log_;
  }

 private:
  void keep(Severity, std::string_view line) {
    MutexLock lock(&mutex_);
    log_.append(line).append("\n");
    changed_.notify_all();
  }

  Tenure tenure_;
  store::Store store_;
  Loads loads_;
  Mutex mutex_;
  CondVar changed_;
  std::string log_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Driver> driver_;
};

/// Waits until something holds that no event tells of.
bool eventually(const std::function<bool()>& holds) { return holds_within(kPatience, holds); }

bool wait_connected(TestNode& from, TestNode& to) {
  return eventually(
      [&] { return from->reachability(to.id()) == membership::Reachability::reachable; });
}

std::vector<placement::Member> members_of(const std::vector<TestNode*>& nodes) {
  std::vector<placement::Member> members;
  for (TestNode* node : nodes) members.push_back({(*node)->name()});
  return members;
}

void connect(const std::vector<TestNode*>& nodes) {
  for (TestNode* node : nodes) node->set_members(members_of(nodes));
  for (TestNode* a : nodes) {
    for (TestNode* b : nodes) {
      if (a != b) {
        EXPECT_TRUE(wait_connected(*a, *b)) << (*a).log();
      }
    }
  }
}

/// The `index`-th key that `owner` owns.
std::string key_owned_by(TestNode& owner, int index = 0) {
  const auto view = owner.view();
  for (int i = 0;; ++i) {
    std::string key = "key" + std::to_string(i);
    if (view->owner(KeyView::of(key).slot()) == owner.id() && index-- == 0) return key;
  }
}

std::string text_of(const Result<fetch::Answer>& answer) {
  if (!answer) return "error: " + answer.error().message;
  return answer->value ? answer->value->to_string() : "nothing";
}

/// A peer made by hand: a blocking socket. Waits at most as long as the tests' patience.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    be_patient();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  explicit RawPeer(int accepted) : socket_(accepted), connected_(true) { be_patient(); }
  ~RawPeer() { ::close(socket_); }

  bool connected() const { return connected_; }
  void send_bytes(std::string_view bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void send(const wire::peer::Message& message) {
    std::string bytes;
    bytes += wire::peer::encode(message, bytes).to_string();
    send_bytes(bytes);
  }
  void greet(const std::string& target, std::uint64_t boot = 1'000'000) {
    send(wire::peer::Hello{.boot = BootId{boot}, .name = "raw:1", .target = target});
  }
  /// The next message, which stays valid until the next call. Empty: the connection was closed.
  std::optional<wire::peer::Message> receive() {
    FrameReader::Frame& frame = frame_;
    while (true) {
      const Result<bool> complete = reader_.next(frame);
      if (!complete) return std::nullopt;
      if (*complete) {
        auto message = wire::peer::decode(frame.header, frame.share());
        EXPECT_TRUE(message);
        return *message;
      }
      const auto space = reader_.space();
      const ssize_t size = ::recv(socket_, space.data(), space.size(), 0);
      if (size <= 0) return std::nullopt;
      reader_.commit(static_cast<std::size_t>(size));
    }
  }
  /// Whether the other side closes the connection, orderly or not, without a word.
  bool sees_close() {
    char byte = 0;
    const ssize_t size = ::recv(socket_, &byte, 1, 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
  }

 private:
  void be_patient() {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  int socket_ = -1;
  bool connected_ = false;
  FrameReader reader_;
  FrameReader::Frame frame_;
};

/// The accepting side, made by hand.
class RawListener {
 public:
  RawListener() {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    name_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  ~RawListener() { ::close(socket_); }

  const std::string& name() const { return name_; }
  std::unique_ptr<RawPeer> accept() {
    const int accepted = ::accept(socket_, nullptr, nullptr);
    EXPECT_GE(accepted, 0);
    return std::make_unique<RawPeer>(accepted);
  }

 private:
  int socket_ = -1;
  std::string name_;
};

std::string port_of(TestNode& node) { return node->name().substr(node->name().rfind(':')); }

// ---- Requests ----

TEST(DriverTest, LoadsAKeyOfItsOwn) {
  TestNode node;
  node.loads().answer_with([](const fetch::StartLoad& load) {
    return value_of("value of " + load.key.bytes.to_string());
  });
  EXPECT_EQ(text_of(node.get("k")), "value of k");
}

TEST(DriverTest, AsksTheOwner) {
  TestNode a;
  TestNode b;
  b.loads().answer_with([](const fetch::StartLoad&) { return value_of("from b"); });
  connect({&a, &b});
  EXPECT_EQ(text_of(a.get(key_owned_by(b))), "from b");
  EXPECT_EQ(a.loads().count(), 0);
}

TEST(DriverTest, KeepsRequestsUntilTheFirstConnectionIsMade) {
  TestNode a;
  TestNode b;
  b.loads().answer_with([](const fetch::StartLoad&) { return value_of("from b"); });
  b.set_members(members_of({&a, &b}));
  a.set_members(members_of({&a, &b}));
  EXPECT_EQ(text_of(a.get(key_owned_by(b))), "from b");
  EXPECT_EQ(a.loads().count(), 0);
}

TEST(DriverTest, CarriesValuesOfAnySize) {
  TestNode a;
  TestNode b;
  Rng rng(1);
  std::vector<std::string> values;
  for (const int size : {0, 1, 511, 2048, 2049, 8192, 8193, 65'536, 700'000, 8 << 20}) {
    std::string value(static_cast<std::size_t>(size), '\0');
    for (char& c : value) c = static_cast<char>(rng.next());
    values.push_back(value);
  }
  std::map<std::string, std::string> by_key;
  connect({&a, &b});
  for (std::size_t i = 0; i < values.size(); ++i) {
    by_key[key_owned_by(b, static_cast<int>(i))] = values[i];
  }
  b.loads().answer_with(
      [&](const fetch::StartLoad& load) { return value_of(by_key[load.key.bytes.to_string()]); });
  for (const auto& [key, value] : by_key) {
    EXPECT_TRUE(text_of(a.get(key)) == value) << value.size() << " bytes";
  }
}

TEST(DriverTest, SmallAnswersKeepLittleMemoryAlive) {
  TestNode a;
  TestNode b;
  b.loads().answer_with([](const fetch::StartLoad&) { return value_of("small"); });
  connect({&a, &b});
  const Result<fetch::Answer> answer = a.get(key_owned_by(b));
  ASSERT_TRUE(answer && answer->value);
  EXPECT_LT(answer->value->retained_bytes(), 200u);
}

TEST(DriverTest, AnswersManyRequestsAtOnce) {
  TestNode a;
  TestNode b;
  for (TestNode* node : {&a, &b}) {
    node->loads().answer_with([](const fetch::StartLoad& load) {
      return value_of("value of " + load.key.bytes.to_string());
    });
  }
  connect({&a, &b});
  std::vector<std::unique_ptr<WaitingCall>> calls;
  std::vector<Call*> borrowed;
  for (int i = 0; i < 5000; ++i) {
    calls.push_back(std::make_unique<WaitingCall>("c", "k" + std::to_string(i)));
    borrowed.push_back(calls.back().get());
  }
  a->get_many(borrowed);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(text_of(calls[static_cast<std::size_t>(i)]->wait()),
              "value of k" + std::to_string(i));
  }
}

/// Asks for the next key as soon as it has the answer, on the loop's thread.
class ChainedCall final : public WaitingCall {
 public:
  ChainedCall(Driver& driver, int left)
      : WaitingCall("c", "chain" + std::to_string(left)), driver_(driver), left_(left) {}

  void done(Result<fetch::Answer> result) override {
    EXPECT_TRUE(driver_.on_loop_thread());
    if (left_ > 0) {
      next_ = std::make_unique<ChainedCall>(driver_, left_ - 1);
      driver_.get(*next_);
    }
    WaitingCall::done(std::move(result));
  }
  int chain_length() {
    const bool answered = wait().has_value();
    return (answered ? 1 : 0) + (next_ == nullptr ? 0 : next_->chain_length());
  }

 private:
  Driver& driver_;
  const int left_;
  std::unique_ptr<ChainedCall> next_;
};

TEST(DriverTest, TakesRequestsFromItsOwnThread) {
  TestNode node;
  node.loads().answer_with([](const fetch::StartLoad&) { return value_of("x"); });
  ChainedCall call(*node, 100);
  node->get(call);
  EXPECT_EQ(call.chain_length(), 101);
}

TEST(DriverTest, AnswersARequestAtItsDeadline) {
  TestNode node;
  const Result<fetch::Answer> answer = node.get("k", milliseconds(30));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::timed_out);
}

TEST(DriverTest, EndsAWithdrawnRequest) {
  TestNode node;
  const auto call = std::make_shared<WaitingCall>("c", "k");
  call->withdrawable = true;
  node->get(*call);
  node->withdraw(call);
  const Result<fetch::Answer> answer = call->wait();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::cancelled);
}

TEST(DriverTest, WithdrawingAnEndedRequestDoesNothing) {
  TestNode node;
  node.loads().answer_with([](const fetch::StartLoad&) { return value_of("x"); });
  const auto call = std::make_shared<WaitingCall>("c", "k");
  call->withdrawable = true;
  node->get(*call);
  EXPECT_EQ(text_of(call->wait()), "x");
  node->withdraw(call);
  EXPECT_EQ(text_of(node.get("other")), "x");
  EXPECT_EQ(call->times_done(), 1);
}

// ---- Several loops ----

class LoopsTest : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(LoopsTest, NodesWithAnyNumbersOfLoopsUnderstandEachOther) {
  TestNode a(TestNode::Setup{.loops = GetParam().first});
  TestNode b(TestNode::Setup{.loops = GetParam().second});
  for (TestNode* node : {&a, &b}) {
    node->loads().answer_with([node](const fetch::StartLoad& load) {
      return value_of((*node)->name() + " " + load.key.bytes.to_string());
    });
  }
  connect({&a, &b});
  for (int i = 0; i < 100; ++i) {
    const std::string key = "k" + std::to_string(i);
    const bool at_a = a.view()->owner(KeyView::of(key).slot()) == a.id();
    const std::string expected = (at_a ? a->name() : b->name()) + " " + key;
    ASSERT_EQ(text_of(a.get(key)), expected);
    ASSERT_EQ(text_of(b.get(key)), expected);
  }
  EXPECT_EQ(a.loads().count() + b.loads().count(), 100);
}

INSTANTIATE_TEST_SUITE_P(Numbers, LoopsTest,
                         testing::Values(std::pair(1, 2), std::pair(2, 2), std::pair(2, 3),
                                         std::pair(4, 1)));

TEST(DriverTest, FindsAPeerThatCameBackWithAnotherNumberOfLoops) {
  TestNode a(TestNode::Setup{.loops = 2});
  auto b = std::make_unique<TestNode>(TestNode::Setup{.loops = 3});
  const std::string name = (*b)->name();
  connect({&a, b.get()});
  b.reset();
  b = std::make_unique<TestNode>(TestNode::Setup{.listen = name, .loops = 1});
  b->loads().answer_with([](const fetch::StartLoad&) { return value_of("from b"); });
  connect({&a, b.get()});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(text_of(a.get(key_owned_by(*b, i))), "from b");
}

// ---- Peers that come, go and misbehave ----

TEST(DriverTest, FindsAPeerAgainThatWasRestarted) {
  TestNode a;
  auto b = std::make_unique<TestNode>();
  const std::string name = (*b)->name();
  connect({&a, b.get()});
  b.reset();
  EXPECT_TRUE(eventually(
      [&] { return a->reachability(node_id(name)) == membership::Reachability::unreachable; }));
  b = std::make_unique<TestNode>(TestNode::Setup{.listen = name});
  b->loads().answer_with([](const fetch::StartLoad&) { return value_of("from b"); });
  connect({&a, b.get()});
  EXPECT_EQ(text_of(a.get(key_owned_by(*b))), "from b");
}

TEST(DriverTest, AsksAStandInWhenTheOwnerIsNotThere) {
  TestNode a;
  auto b = std::make_unique<TestNode>();
  connect({&a, b.get()});
  a.loads().answer_with([](const fetch::StartLoad&) { return value_of("from a"); });
  const std::string key = key_owned_by(*b);
  b.reset();
  EXPECT_EQ(text_of(a.get(key)), "from a");
}

TEST(DriverTest, RequestsUnderWayToARemovedPeerStillComplete) {
  TestNode a;
  TestNode b;
  connect({&a, &b});
  WaitingCall call("c", key_owned_by(b));
  a->get(call);
  const std::vector<fetch::LoadId> loads = b.loads().wait_for_kept(1);
  a.set_members(members_of({&a}));
  b->loaded(loads[0], value_of("from b"));
  EXPECT_EQ(text_of(call.wait()), "from b");
}

TEST(DriverTest, TellsALoaderWhenTheAskingNodeIsGone) {
  auto a = std::make_unique<TestNode>();
  TestNode b;
  connect({a.get(), &b});
  WaitingCall call("c", key_owned_by(b));
  (*a)->get(call);
  b.loads().wait_for_kept(1);
  a.reset();
  EXPECT_TRUE(eventually([&] { return b.loads().cancelled() == 1; }));
}

TEST(DriverTest, DialsAPeerAgainThatHasFallenSilent) {
  TestNode a;
  RawListener peer;
  a.set_members({{a->name()}, {peer.name()}});
  const std::unique_ptr<RawPeer> first = peer.accept();
  const auto hello = first->receive();
  ASSERT_TRUE(hello && std::holds_alternative<wire::peer::Hello>(*hello));
  EXPECT_EQ(std::get<wire::peer::Hello>(*hello).target, peer.name());
  first->send(wire::peer::HelloOk{.boot = BootId{1'000'000}, .name = peer.name()});
  EXPECT_TRUE(a.wait_for_log(peer.name() + " is reachable"));
  // It is pinged, and says nothing.
  const auto ping = first->receive();
  ASSERT_TRUE(ping && std::holds_alternative<wire::peer::Ping>(*ping));
  EXPECT_TRUE(a.wait_for_log(peer.name() + " has fallen silent"));
  EXPECT_TRUE(first->sees_close());
  const std::unique_ptr<RawPeer> second = peer.accept();
  second->receive();
  second->send(wire::peer::HelloOk{.boot = BootId{1'000'000}, .name = peer.name()});
  EXPECT_TRUE(eventually([&] {
    return a->reachability(node_id(peer.name())) == membership::Reachability::reachable;
  }));
}

TEST(DriverTest, GivesUpAPeerForWhoseConnectionTooMuchWaits) {
  TestNode a;
  a.loads().answer_with([](const fetch::StartLoad&) { return value_of("from a"); });
  // The system connects for it, but nobody answers the greeting.
  RawListener peer;
  a.set_members({{a->name()}, {peer.name()}});
  std::vector<std::unique_ptr<WaitingCall>> calls;
  std::vector<Call*> borrowed;
  for (int i = 0; i < 25'000; ++i) {
    calls.push_back(std::make_unique<WaitingCall>("c", "k" + std::to_string(i)));
    borrowed.push_back(calls.back().get());
  }
  a->get_many(borrowed);
  for (const auto& call : calls) ASSERT_EQ(text_of(call->wait()), "from a");
}

TEST(DriverTest, LearnsTheNumberOfLoopsFromARefusal) {
  TestNode a(TestNode::Setup{.loops = 3});
  RawListener peer;
  a.set_members({{a->name()}, {peer.name()}});
  // Each of the three loops first guesses that the peer has as many, then asks slice 0.
  std::multiset<std::uint16_t> slices;
  std::vector<std::unique_ptr<RawPeer>> connections;
  while (slices.size() < 5) {
    connections.push_back(peer.accept());
    RawPeer* const connection = connections.back().get();
    const auto hello = connection->receive();
    ASSERT_TRUE(hello && std::holds_alternative<wire::peer::Hello>(*hello));
    const std::uint16_t slice = std::get<wire::peer::Hello>(*hello).slice;
    slices.insert(slice);
    if (slice == 0) {
      connection->send(wire::peer::HelloOk{.boot = BootId{1'000'000}, .name = peer.name()});
    } else {
      connection->send(wire::peer::Failure{.code = ErrorCode::not_found});
    }
  }
  EXPECT_EQ(slices, (std::multiset<std::uint16_t>{0, 0, 0, 1, 2}));
}

TEST(DriverTest, ClosesAConnectionThatSendsGarbage) {
  TestNode node;
  connect({&node});
  RawPeer peer(node->name());
  peer.send_bytes("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
  EXPECT_TRUE(peer.sees_close());
  EXPECT_TRUE(node.wait_for_log("refuses a peer at 127.0.0.1"));
}

TEST(DriverTest, ClosesAConnectionThatDoesNotGreet) {
  TestNode node;
  connect({&node});
  RawPeer peer(node->name());
  EXPECT_TRUE(peer.sees_close());
}

TEST(DriverTest, ClosesAConnectionThatGreetsAndThenSendsGarbage) {
  TestNode node;
  connect({&node});
  RawPeer peer(node->name());
  peer.greet(node->name());
  ASSERT_TRUE(peer.receive());
  peer.send_bytes(std::string(1000, 'x'));
  EXPECT_TRUE(peer.sees_close());
}

TEST(DriverTest, ClosesAConnectionThatAnswersInsteadOfAsking) {
  TestNode node;
  connect({&node});
  RawPeer peer(node->name());
  peer.greet(node->name());
  ASSERT_TRUE(peer.receive());
  peer.send(wire::peer::Miss{1});
  EXPECT_TRUE(peer.sees_close());
}

TEST(DriverTest, AnswersAGreetingWithWhoItIs) {
  TestNode node(TestNode::Setup{.loops = 2, .boot = 77});
  connect({&node});
  RawPeer peer(node->name());
  peer.greet(node->name());
  const auto answer = peer.receive();
  ASSERT_TRUE(answer && std::holds_alternative<wire::peer::HelloOk>(*answer));
  const auto& hello = std::get<wire::peer::HelloOk>(*answer);
  EXPECT_EQ(hello.name, node->name());
  EXPECT_EQ(hello.boot, BootId{77});
  EXPECT_EQ(hello.slices, 2);
}

std::string refusal_of(TestNode& node, const wire::peer::Hello& hello) {
  RawPeer peer(node->name());
  peer.send(hello);
  const auto answer = peer.receive();
  if (!answer || !std::holds_alternative<wire::peer::Failure>(*answer)) return "not refused";
  std::string text(std::get<wire::peer::Failure>(*answer).message);
  EXPECT_TRUE(peer.sees_close());
  return text;
}

TEST(DriverTest, RefusesAPeerThatMeansAnother) {
  TestNode node;
  connect({&node});
  EXPECT_THAT(refusal_of(node, {.boot = BootId{9}, .name = "raw:1", .target = "other:1"}),
              testing::AllOf(testing::HasSubstr("other:1"), testing::HasSubstr(node->name())));
}

TEST(DriverTest, RefusesAPeerThatSpeaksNoCommonVersion) {
  TestNode node;
  connect({&node});
  EXPECT_THAT(refusal_of(node, {.oldest_version = 900,
                                .newest_version = 901,
                                .boot = BootId{9},
                                .name = "raw:1",
                                .target = node->name()}),
              testing::AllOf(testing::HasSubstr("raw:1"), testing::HasSubstr("901"),
                             testing::HasSubstr(node->name())));
}

TEST(DriverTest, RefusesASliceThatItDoesNotHave) {
  TestNode node;
  connect({&node});
  EXPECT_THAT(
      refusal_of(node, {.slice = 1, .boot = BootId{9}, .name = "raw:1", .target = node->name()}),
      testing::HasSubstr("1 loops"));
}

TEST(DriverTest, WarnsWhenAPeerIsSpeltOtherwiseThanItSpellsItself) {
  TestNode a;
  TestNode b;
  connect({&b});
  const std::string other_spelling = "localhost" + port_of(b);
  a.set_members({{a->name()}, {other_spelling}});
  EXPECT_TRUE(a.wait_for_log(a->name() + " cannot connect to " + other_spelling +
                             ": it refuses: this is " + b->name()))
      << a.log();
}

TEST(DriverTest, WarnsWhenTheListNamesThisNodeUnderAnotherSpelling) {
  TestNode a;
  const std::string other_spelling = "localhost" + port_of(a);
  a.set_members({{a->name()}, {other_spelling}});
  EXPECT_TRUE(a.wait_for_log(other_spelling + " leads to " + a->name() + " itself")) << a.log();
}

TEST(DriverTest, SaysWhyItCannotListen) {
  TestNode a;
  Loads loads;
  const auto second = Driver::start({.listen = a->name(), .boot = BootId{5}}, loads);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_THAT(second.error().message, testing::HasSubstr(a->name()));
}

TEST(DriverTest, StopsReadingFromACallerThatDoesNotReadAndLosesNothing) {
  constexpr std::uint64_t kRequests = 200;
  TestNode node;
  connect({&node});
  const std::string big(1 << 20, 'b');
  node.loads().answer_with([&](const fetch::StartLoad&) { return value_of(big); });
  RawPeer peer(node->name());
  peer.greet(node->name());
  ASSERT_TRUE(peer.receive());
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    peer.send(
        wire::peer::Get{.request = i, .budget_us = 20'000'000, .cache = cache_id("c"), .key = "k"});
  }
  std::set<std::uint64_t> answered;
  while (answered.size() < kRequests) {
    const auto message = peer.receive();
    ASSERT_TRUE(message) << "after " << answered.size();
    const auto* reply = std::get_if<wire::peer::ValueReply>(&*message);
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(reply->value.size(), big.size());
    EXPECT_TRUE(answered.insert(reply->request).second);
  }
}

// ---- Stopping ----

TEST(DriverTest, StopCancelsWhatIsUnderWay) {
  TestNode a;
  TestNode b;
  connect({&a, &b});
  WaitingCall own("c", key_owned_by(a));
  WaitingCall remote("c", key_owned_by(b));
  a->get(own);
  a->get(remote);
  a.loads().wait_for_kept(1);
  b.loads().wait_for_kept(1);
  a->stop(Duration::zero());
  for (WaitingCall* call : {&own, &remote}) {
    ASSERT_FALSE(call->wait());
    EXPECT_EQ(call->wait().error().code, ErrorCode::cancelled);
    EXPECT_EQ(call->times_done(), 1);
  }
}

TEST(DriverTest, StopWaitsForWhatIsUnderWay) {
  TestNode node;
  WaitingCall call("c", "k");
  node->get(call);
  const auto loads = node.loads().wait_for_kept(1);
  std::thread stopper([&] { node->stop(seconds(20)); });
  // Once nobody can connect any more, it is waiting.
  EXPECT_TRUE(eventually([&] { return !RawPeer(node->name()).connected(); }));
  node->loaded(loads[0], value_of("in time"));
  EXPECT_EQ(text_of(call.wait()), "in time");
  stopper.join();
}

TEST(DriverTest, RequestsAfterStopEndAtOnce) {
  TestNode node;
  node->stop(Duration::zero());
  WaitingCall call("c", "k");
  node->get(call);
  ASSERT_EQ(call.times_done(), 1);
  EXPECT_EQ(call.wait().error().code, ErrorCode::cancelled);
}

TEST(DriverTest, EveryRequestEndsOnceWhileTheNodeStops) {
  constexpr int kThreads = 3;
  TestNode node(TestNode::Setup{.loops = 2});
  node.loads().answer_with([](const fetch::StartLoad&) { return value_of("x"); });
  std::atomic<bool> stopped{false};
  std::atomic<int> begun{0};
  std::vector<std::vector<std::unique_ptr<WaitingCall>>> calls(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : calls) {
    threads.emplace_back([&] {
      while (!stopped && mine.size() < 20'000) {
        mine.push_back(std::make_unique<WaitingCall>("c", "k" + std::to_string(mine.size())));
        node->get(*mine.back());
        ++begun;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return begun > 1000; }));
  node->stop(milliseconds(10));
  stopped = true;
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : calls) {
    for (const auto& call : mine) ASSERT_EQ(call->times_done(), 1);
  }
}

TEST(DriverTest, AnswersOfLoadersAfterStopAreIgnored) {
  TestNode node;
  WaitingCall call("c", "k");
  node->get(call);
  const auto loads = node.loads().wait_for_kept(1);
  node->stop(Duration::zero());
  node->loaded(loads[0], value_of("late"));
  EXPECT_EQ(call.times_done(), 1);
}

}  // namespace
}  // namespace kith::edge
