// SPDX-License-Identifier: Apache-2.0
#include "wire/peer/codec.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace kith::wire::peer {
namespace {

// Numbers of the types, fixed for ever.
constexpr std::uint8_t kHello = 1;
constexpr std::uint8_t kHelloOk = 2;
constexpr std::uint8_t kPing = 3;
constexpr std::uint8_t kPong = 4;
constexpr std::uint8_t kGet = 5;
constexpr std::uint8_t kCancel = 6;
constexpr std::uint8_t kValueReply = 7;
constexpr std::uint8_t kMiss = 8;
constexpr std::uint8_t kNotOwner = 9;
constexpr std::uint8_t kBusy = 10;
constexpr std::uint8_t kFailure = 11;

// Bits of the header's `flags`, `code` of Get, and `code` of ValueReply. Others are ignored.
constexpr std::uint8_t kFlagChecked = 1;
constexpr std::uint8_t kFlagTraced = 2;
constexpr std::uint8_t kFlagStateChanged = 4;

constexpr std::uint8_t kWantNoLoad = 1;
constexpr std::uint8_t kWantGuest = 2;

constexpr std::uint8_t kValueNegative = 1;
constexpr std::uint8_t kValueStale = 2;
constexpr std::uint8_t kValueGuest = 4;
constexpr std::uint8_t kValueLoaded = 8;

constexpr std::string_view kMagic = "KITH";

// Places of the header's fields.
constexpr std::size_t kTypeAt = 4;
constexpr std::size_t kFlagsAt = 5;
constexpr std::size_t kHintAt = 6;
constexpr std::size_t kCodeAt = 7;
constexpr std::size_t kRequestAt = 8;
constexpr std::size_t kViewAt = 16;
constexpr std::size_t kTimeAt = 20;
constexpr std::size_t kBodyCheckAt = 24;
constexpr std::size_t kHeadCheckAt = 28;

constexpr std::size_t kHelloFixedBytes = 20;
constexpr std::size_t kHelloOkFixedBytes = 16;
constexpr std::size_t kTraceBytes = std::tuple_size_v<TraceContext>;
constexpr std::size_t kValueFieldBytes = 16;
constexpr std::size_t kNotOwnerBytes = 16;

template <std::unsigned_integral T>
T little_endian(T value) {
  if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1) {
    return value;
  } else {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      swapped = static_cast<T>((swapped << 8) | ((value >> (8 * i)) & 0xff));
    }
    return swapped;
  }
}

template <std::unsigned_integral T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return little_endian(value);
}

template <std::unsigned_integral T>
void store(char* to, T value) {
  value = little_endian(value);
  std::memcpy(to, &value, sizeof(T));
}

std::uint32_t head_check(const char* header) {
  return static_cast<std::uint32_t>(hash_with_seed({header, kHeadCheckAt}, 0));
}

std::uint32_t body_check(std::string_view fields, std::string_view payload) {
  return static_cast<std::uint32_t>(hash_with_seed(payload, hash_with_seed(fields, 0)));
}

tl::unexpected<Error> ill_formed(const char* what) {
  return fail(ErrorCode::invalid_argument, what);
}

std::uint8_t bit(bool on, std::uint8_t mask) { return on ? mask : std::uint8_t{0}; }

// ---- Encoding ----

// The header's fields that its message decides.
struct Head {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint8_t hint = 0;
  std::uint8_t code = 0;
  RequestId request = 0;
  std::uint32_t view = 0;
  std::uint32_t time = 0;
};

// Appends the frames of one encode() call.
class Encoder {
 public:
  Encoder(std::string& out, std::size_t inline_bytes, bool checked)
      : out_(out), inline_bytes_(inline_bytes), checked_(checked) {}

  Value operator()(const Hello& hello) {
    const std::size_t names = hello.name.size() + hello.target.size();
    KITH_CHECK(hello.name.size() <= kMaxNameBytes && hello.target.size() <= kMaxNameBytes);
    const std::size_t body = kHelloFixedBytes + 4 + names;
    char* frame = grow(kHeaderBytes + body);
    char* at = frame + kHeaderBytes;
    std::memcpy(at, kMagic.data(), kMagic.size());
    store(at + 4, hello.oldest_version);
    store(at + 6, hello.newest_version);
    store(at + 8, hello.slice);
    store(at + 10, std::uint16_t{0});
    store(at + 12, hello.boot.value);
    at = put_name(at + kHelloFixedBytes, hello.name);
    put_name(at, hello.target);
    seal(frame, {.type = kHello}, body);
    return {};
  }

  Value operator()(const HelloOk& hello) {
    KITH_CHECK(hello.name.size() <= kMaxNameBytes);
    const std::size_t body = kHelloOkFixedBytes + 2 + hello.name.size();
    char* frame = grow(kHeaderBytes + body);
    char* at = frame + kHeaderBytes;
    std::memcpy(at, kMagic.data(), kMagic.size());
    store(at + 4, hello.version);
    store(at + 6, hello.slices);
    store(at + 8, hello.boot.value);
    put_name(at + kHelloOkFixedBytes, hello.name);
    seal(frame, {.type = kHelloOk}, body);
    return {};
  }

  Value operator()(const Ping& ping) { return bare({.type = kPing, .request = ping.request}); }
  Value operator()(const Pong& pong) { return bare({.type = kPong, .request = pong.request}); }

  Value operator()(const Get& get) {
    KITH_CHECK(!get.key.empty() && get.key.size() <= kMaxWireKeyBytes);
    const std::size_t trace_bytes = get.trace ? kTraceBytes : 0;
    const std::size_t body = 8 + trace_bytes + get.key.size();
    char* frame = grow(kHeaderBytes + body);
    char* at = frame + kHeaderBytes;
    store(at, get.cache.value);
    if (get.trace) std::memcpy(at + 8, get.trace->data(), kTraceBytes);
    std::memcpy(at + 8 + trace_bytes, get.key.data(), get.key.size());
    seal(frame,
         {.type = kGet,
          .flags = bit(get.trace.has_value(), kFlagTraced),
          .hint = get.hops,
          .code =
              static_cast<std::uint8_t>(bit(get.no_load, kWantNoLoad) | bit(get.guest, kWantGuest)),
          .request = get.request,
          .view = get.view,
          .time = get.budget_us},
         body);
    return {};
  }

  Value operator()(const Cancel& cancel) {
    return bare({.type = kCancel, .request = cancel.request});
  }

  Value operator()(const ValueReply& reply) {
    const std::string_view payload = reply.value.view();
    KITH_CHECK(payload.size() <= kMaxBodyBytes - kValueFieldBytes);
    KITH_CHECK(!reply.negative || payload.empty());
    const bool inlined = payload.size() <= inline_bytes_;
    char* frame = grow(kHeaderBytes + kValueFieldBytes + (inlined ? payload.size() : 0));
    char* at = frame + kHeaderBytes;
    store(at, reply.version.epoch);
    store(at + 8, reply.version.sequence);
    if (inlined && !payload.empty()) {
      std::memcpy(at + kValueFieldBytes, payload.data(), payload.size());
    }
    seal(frame,
         {.type = kValueReply,
          .hint = reply.load_hint,
          .code = static_cast<std::uint8_t>(
              bit(reply.negative, kValueNegative) | bit(reply.stale, kValueStale) |
              bit(reply.guest, kValueGuest) | bit(reply.loaded, kValueLoaded)),
          .request = reply.request,
          .view = reply.view,
          .time = reply.ttl_ms},
         kValueFieldBytes, payload);
    return inlined ? Value{} : reply.value;
  }

  Value operator()(const Miss& miss) { return bare({.type = kMiss, .request = miss.request}); }

  Value operator()(const NotOwner& answer) {
    char* frame = grow(kHeaderBytes + kNotOwnerBytes);
    store(frame + kHeaderBytes, answer.view.value);
    store(frame + kHeaderBytes + 8, answer.hint.value);
    seal(frame,
         {.type = kNotOwner,
          .code = static_cast<std::uint8_t>(answer.reason),
          .request = answer.request},
         kNotOwnerBytes);
    return {};
  }

  Value operator()(const Busy& busy) {
    return bare({.type = kBusy, .request = busy.request, .time = busy.retry_after_us});
  }

  Value operator()(const Failure& failure) {
    const std::string_view text = failure.message.substr(0, kMaxFailureMessageBytes);
    char* frame = grow(kHeaderBytes + text.size());
    if (!text.empty()) std::memcpy(frame + kHeaderBytes, text.data(), text.size());
    seal(frame,
         {.type = kFailure,
          .flags = bit(failure.state_changed, kFlagStateChanged),
          .code = static_cast<std::uint8_t>(failure.code),
          .request = failure.request},
         text.size());
    return {};
  }

 private:
  char* grow(std::size_t bytes) {
    const std::size_t end = out_.size();
    out_.resize(end + bytes);
    return out_.data() + end;
  }

  static char* put_name(char* at, std::string_view name) {
    store(at, static_cast<std::uint16_t>(name.size()));
    if (!name.empty()) std::memcpy(at + 2, name.data(), name.size());
    return at + 2 + name.size();
  }

  Value bare(const Head& head) {
    seal(grow(kHeaderBytes), head, 0);
    return {};
  }

  // Writes the header of a frame whose fields are in place. `payload` need not be.
  void seal(char* frame, const Head& head, std::size_t field_bytes, std::string_view payload = {}) {
    std::uint32_t check = 0;
    std::uint8_t flags = head.flags;
    if (checked_) {
      flags |= kFlagChecked;
      check = body_check({frame + kHeaderBytes, field_bytes}, payload);
    }
    store(frame, static_cast<std::uint32_t>(field_bytes + payload.size()));
    store(frame + kTypeAt, head.type);
    store(frame + kFlagsAt, flags);
    store(frame + kHintAt, head.hint);
    store(frame + kCodeAt, head.code);
    store(frame + kRequestAt, head.request);
    store(frame + kViewAt, head.view);
    store(frame + kTimeAt, head.time);
    store(frame + kBodyCheckAt, check);
    store(frame + kHeadCheckAt, head_check(frame));
  }

  std::string& out_;
  const std::size_t inline_bytes_;
  const bool checked_;
};

// ---- Decoding ----

// A frame whose length and checksums are right, and whose fields are still to be read.
struct Frame {
  const char* header;
  std::string_view body;
  /// What the body lies in.
  const Value& memory;

  std::string_view bytes() const { return body; }
  std::uint8_t flags() const { return load<std::uint8_t>(header + kFlagsAt); }
  std::uint8_t hint() const { return load<std::uint8_t>(header + kHintAt); }
  std::uint8_t code() const { return load<std::uint8_t>(header + kCodeAt); }
  RequestId request() const { return load<RequestId>(header + kRequestAt); }
  std::uint32_t view() const { return load<std::uint32_t>(header + kViewAt); }
  std::uint32_t time() const { return load<std::uint32_t>(header + kTimeAt); }
};

// Takes a length and that many bytes off the front of `bytes`. False: they are not there.
bool take_name(std::string_view& bytes, std::string_view& name) {
  if (bytes.size() < 2) return false;
  const std::size_t size = load<std::uint16_t>(bytes.data());
  if (size > kMaxNameBytes || bytes.size() - 2 < size) return false;
  name = bytes.substr(2, size);
  bytes.remove_prefix(2 + size);
  return true;
}

Result<void> decode_hello(const Frame& frame, Message& into) {
  std::string_view bytes = frame.bytes();
  if (bytes.size() < kHelloFixedBytes) return ill_formed("Hello is too short");
  if (!bytes.starts_with(kMagic)) return ill_formed("Hello without the magic bytes");
  auto& hello = into.emplace<Hello>();
  hello.oldest_version = load<std::uint16_t>(bytes.data() + 4);
  hello.newest_version = load<std::uint16_t>(bytes.data() + 6);
  hello.slice = load<std::uint16_t>(bytes.data() + 8);
  hello.boot = BootId{load<std::uint64_t>(bytes.data() + 12)};
  if (hello.oldest_version > hello.newest_version) {
    return ill_formed("Hello whose oldest version is above its newest");
  }
  bytes.remove_prefix(kHelloFixedBytes);
  if (!take_name(bytes, hello.name)) return ill_formed("Hello with a damaged name");
  if (!take_name(bytes, hello.target)) return ill_formed("Hello with a damaged target");
  return {};
}

Result<void> decode_hello_ok(const Frame& frame, Message& into) {
  std::string_view bytes = frame.bytes();
  if (bytes.size() < kHelloOkFixedBytes) return ill_formed("HelloOk is too short");
  if (!bytes.starts_with(kMagic)) return ill_formed("HelloOk without the magic bytes");
  auto& hello = into.emplace<HelloOk>();
  hello.version = load<std::uint16_t>(bytes.data() + 4);
  hello.slices = load<std::uint16_t>(bytes.data() + 6);
  hello.boot = BootId{load<std::uint64_t>(bytes.data() + 8)};
  if (hello.slices == 0 || hello.slices > kMaxSlices) {
    return ill_formed("HelloOk with a wrong number of slices");
  }
  bytes.remove_prefix(kHelloOkFixedBytes);
  if (!take_name(bytes, hello.name)) return ill_formed("HelloOk with a damaged name");
  return {};
}

Result<void> decode_get(const Frame& frame, Message& into) {
  const std::string_view bytes = frame.bytes();
  const bool traced = (frame.flags() & kFlagTraced) != 0;
  const std::size_t key_at = 8 + (traced ? kTraceBytes : 0);
  if (bytes.size() <= key_at) return ill_formed("Get without a key");
  if (bytes.size() - key_at > kMaxWireKeyBytes) return ill_formed("Get with too long a key");
  auto& get = into.emplace<Get>();
  get.request = frame.request();
  get.view = frame.view();
  get.budget_us = frame.time();
  get.hops = frame.hint();
  get.no_load = (frame.code() & kWantNoLoad) != 0;
  get.guest = (frame.code() & kWantGuest) != 0;
  get.cache = CacheId{load<std::uint64_t>(bytes.data())};
  if (traced) std::memcpy(get.trace.emplace().data(), bytes.data() + 8, kTraceBytes);
  get.key = bytes.substr(key_at);
  return {};
}

Result<void> decode_value(const Frame& frame, Message& into) {
  const std::string_view bytes = frame.bytes();
  if (bytes.size() < kValueFieldBytes) return ill_formed("ValueReply is too short");
  auto& reply = into.emplace<ValueReply>();
  reply.request = frame.request();
  reply.view = frame.view();
  reply.load_hint = frame.hint();
  reply.negative = (frame.code() & kValueNegative) != 0;
  reply.stale = (frame.code() & kValueStale) != 0;
  reply.guest = (frame.code() & kValueGuest) != 0;
  reply.loaded = (frame.code() & kValueLoaded) != 0;
  reply.version.epoch = load<std::uint64_t>(bytes.data());
  reply.version.sequence = load<std::uint64_t>(bytes.data() + 8);
  reply.ttl_ms = frame.time();
  if (reply.negative && bytes.size() > kValueFieldBytes) {
    return ill_formed("ValueReply that is negative and has a value");
  }
  const auto* value = reinterpret_cast<const std::byte*>(bytes.data()) + kValueFieldBytes;
  reply.value = frame.memory.slice(static_cast<std::size_t>(value - frame.memory.data()),
                                   bytes.size() - kValueFieldBytes);
  return {};
}

Result<void> decode_not_owner(const Frame& frame, Message& into) {
  const std::string_view bytes = frame.bytes();
  if (bytes.size() < kNotOwnerBytes) return ill_formed("NotOwner is too short");
  auto& answer = into.emplace<NotOwner>();
  answer.request = frame.request();
  // A reason of a later version reads as the mildest one: follow the hint.
  if (frame.code() <= static_cast<std::uint8_t>(NotOwner::Reason::draining)) {
    answer.reason = static_cast<NotOwner::Reason>(frame.code());
  }
  answer.view = ViewId{load<std::uint64_t>(bytes.data())};
  answer.hint = NodeId{load<std::uint64_t>(bytes.data() + 8)};
  return {};
}

// A code of a later version reads as gRPC's UNKNOWN, whose number ours shares.
ErrorCode error_code(std::uint8_t number) {
  const auto code = static_cast<ErrorCode>(number);
  return to_string(code) == "unknown" ? ErrorCode::outcome_unknown : code;
}

Result<void> decode_failure(const Frame& frame, Message& into) {
  auto& failure = into.emplace<Failure>();
  failure.request = frame.request();
  failure.code = error_code(frame.code());
  failure.state_changed = (frame.flags() & kFlagStateChanged) != 0;
  failure.message = frame.bytes().substr(0, kMaxFailureMessageBytes);
  return {};
}

}  // namespace

Result<Header> decode_header(std::span<const std::byte> bytes) {
  KITH_CHECK(bytes.size() >= kHeaderBytes);
  const char* header = reinterpret_cast<const char*>(bytes.data());
  if (load<std::uint32_t>(header + kHeadCheckAt) != head_check(header)) {
    return ill_formed("frame header with a wrong checksum");
  }
  Header head;
  head.body_bytes = load<std::uint32_t>(header);
  head.type = load<std::uint8_t>(header + kTypeAt);
  head.field_bytes = head.body_bytes;
  if (head.type == kValueReply) {
    if (head.body_bytes > kMaxBodyBytes) return ill_formed("frame over the size limit");
    if (head.body_bytes < kValueFieldBytes) return ill_formed("ValueReply is too short");
    head.field_bytes = kValueFieldBytes;
  } else if (head.body_bytes > kMaxControlBodyBytes) {
    return ill_formed("frame over the size limit of its type");
  }
  return head;
}

Result<void> decode_into(Message& into, std::span<const std::byte> header,
                         std::span<const std::byte> body, const Value& memory) {
  KITH_CHECK(header.size() >= kHeaderBytes);
  const Frame frame{reinterpret_cast<const char*>(header.data()),
                    {reinterpret_cast<const char*>(body.data()), body.size()},
                    memory};
  if (body.size() != load<std::uint32_t>(frame.header)) {
    return ill_formed("frame body of another length than its header says");
  }
  const auto type = load<std::uint8_t>(frame.header + kTypeAt);
  if ((frame.flags() & kFlagChecked) != 0) {
    const std::size_t field_bytes =
        type == kValueReply ? std::min(kValueFieldBytes, body.size()) : body.size();
    const std::uint32_t check =
        body_check(frame.bytes().substr(0, field_bytes), frame.bytes().substr(field_bytes));
    if (check != load<std::uint32_t>(frame.header + kBodyCheckAt)) {
      return ill_formed("frame body with a wrong checksum");
    }
  }
  switch (type) {
    case kHello:
      return decode_hello(frame, into);
    case kHelloOk:
      return decode_hello_ok(frame, into);
    case kPing:
      into.emplace<Ping>(Ping{frame.request()});
      return {};
    case kPong:
      into.emplace<Pong>(Pong{frame.request()});
      return {};
    case kGet:
      return decode_get(frame, into);
    case kCancel:
      into.emplace<Cancel>(Cancel{frame.request()});
      return {};
    case kValueReply:
      return decode_value(frame, into);
    case kMiss:
      into.emplace<Miss>(Miss{frame.request()});
      return {};
    case kNotOwner:
      return decode_not_owner(frame, into);
    case kBusy:
      into.emplace<Busy>(Busy{frame.request(), frame.time()});
      return {};
    case kFailure:
      return decode_failure(frame, into);
    default:
      return fail(ErrorCode::unimplemented, "frame of an unknown type");
  }
}

Result<Message> decode(std::span<const std::byte> header, const Value& body) {
  Result<Message> message(tl::in_place);
  if (Result<void> read = decode_into(*message, header, body.bytes(), body); !read) {
    return tl::unexpected<Error>(std::move(read).error());
  }
  return message;
}

Value encode(const Message& message, std::string& out, std::size_t inline_bytes, bool checked) {
  return std::visit(Encoder(out, inline_bytes, checked), message);
}

std::string_view name_of(const Message& message) {
  constexpr std::string_view kNames[] = {"Hello",    "HelloOk", "Ping",       "Pong",
                                         "Get",      "Cancel",  "ValueReply", "Miss",
                                         "NotOwner", "Busy",    "Failure"};
  static_assert(std::size(kNames) == std::variant_size_v<Message>);
  return kNames[message.index()];
}

}  // namespace kith::wire::peer
