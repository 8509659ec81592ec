// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "edge/net/flush_queue.h"
#include "edge/tls/credentials.h"
#include "wire/peer/message.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge {

/// Who this node is to those it greets.
struct Identity {
  std::string name;
  BootId boot;
  /// Loops of this node.
  std::uint16_t slices = 1;
  /// How it proves that, and which proof it wants. Null: connections are plaintext.
  std::shared_ptr<const tls::Credentials> tls = {};
};

/// Why a greeting is refused; travels as the code of the Failure.
namespace refusal {
inline constexpr ErrorCode kWrongNode = ErrorCode::failed_precondition;
inline constexpr ErrorCode kWrongVersion = ErrorCode::unimplemented;
inline constexpr ErrorCode kNoSuchSlice = ErrorCode::not_found;
}  // namespace refusal

/// The connection that this node dials to one slice of a peer, made anew for as long as the Link
/// lives: after 50 ms at first, up to 2 s, half as much more or less at random. Loop thread only.
class Link {
 public:
  struct Down {
    /// It was up; else this was an attempt that failed.
    bool was_up = false;
    /// Trying again will not help before somebody changes something.
    bool misconfigured = false;
    /// The peer has fewer slices than the one that was dialed.
    bool no_such_slice = false;
    /// The process that answered last is gone: nobody listens any more where it did.
    std::optional<BootId> gone = {};
    std::string why;
  };

  /// May destroy the link during any call.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// The peer answered the greeting; it has `slices` loops.
    virtual void on_up(Link& link, BootId boot, std::uint16_t slices) = 0;
    /// The link, or an attempt to make it, failed. It is tried again unless it gets destroyed.
    /// Never from within a call of the link's.
    virtual void on_down(Link& link, const Down& down) = 0;
    virtual void on_message(Link& link, const wire::peer::Message& message) = 0;
  };

  /// Begins to dial. `name` is the peer's, which listens at `address`. The references must outlive
  /// it.
  Link(boost::asio::io_context& context, const Identity& self, std::string name,
       std::string address, std::uint16_t slice, std::uint64_t seed, Listener& listener,
       FlushQueue& queue);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  std::uint16_t slice() const;
  bool up() const;
  /// Sends at the end of the turn. Lost unless up.
  void send(const wire::peer::Message& message);
  /// Closes the connection, if there is one, and dials at once. The listener hears no on_down.
  void redial();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge
