// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/gossip/message.h"
#include "wire/gossip/pool.h"
#include "wire/gossip/stream_message.h"

// Connections: label(encryption(compression(message))), each layer optional. Each side says one
// message at most, and nothing but the message itself tells where it ends.
namespace kith::wire::gossip {

/// Who speaks. The dialler's words begin with the label, the acceptor's have none.
enum class Speaker : std::uint8_t { dialler, acceptor };

/// Reads what the other side says, as it arrives. One thread at a time.
class StreamReader {
 public:
  /// `speaker` is the other side. `pool` is borrowed for the reader's life.
  StreamReader(const PoolSettings& pool, Speaker speaker, const StreamLimits& limits = {})
      : pool_(pool), speaker_(speaker), limits_(limits), message_(limits) {}
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  /// Takes what arrived. The message once it is whole, nothing before; bytes after it are ignored.
  /// Errors: failed_precondition (another label, or one side encrypts and the other does not),
  /// invalid_argument, too_large, unimplemented. Nothing may be fed after a message or an error.
  Result<std::optional<StreamMessage>> feed(std::string_view bytes);

  /// After an error: memberlist's acceptors answer it with an ErrorMessage. Others they do not
  /// answer at all.
  bool is_answered() const { return is_answered_; }

 private:
  enum class Stage : std::uint8_t { label, encryption, compression, message, done };

  // Each passes over its layer, if it is there. False: more bytes are needed.
  Result<bool> read_label_header();
  Result<bool> read_encryption();
  Result<bool> read_compression();
  Result<std::optional<StreamMessage>> read_message();

  Result<bool> advance();
  /// What was not read yet.
  std::string_view rest() const { return std::string_view(received_).substr(at_); }
  /// From here on there are these bytes, and no more will come.
  void replace(std::string bytes);
  tl::unexpected<Error> answered(Error error);

  const PoolSettings& pool_;
  const Speaker speaker_;
  const StreamLimits limits_;
  Stage stage_ = Stage::label;
  /// What the layers that were read had in them.
  std::string received_;
  std::size_t at_ = 0;
  /// A layer had a length or an end: received_ has all that will be.
  bool is_whole_ = false;
  bool is_answered_ = false;
  StreamMessageReader message_;
};

/// What `speaker`, this node, says. `message` is from encode_stream_message(). memberlist
/// compresses always or never, by its configuration, also where that makes it longer. `nonce` is
/// not used unless the pool encrypts. Requires a message. Errors: those of encrypt().
Result<std::string> encode_stream(std::string_view message, const PoolSettings& pool,
                                  Speaker speaker, bool compress, const Nonce& nonce);

}  // namespace kith::wire::gossip
