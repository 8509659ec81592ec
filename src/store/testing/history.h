// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kith::store {

/// One call as a thread saw it. No two moments of a history are equal.
struct Operation {
  enum class Kind : std::uint8_t { put, get, erase, clear };
  Kind kind = Kind::get;
  std::uint64_t key = 0;
  /// What was written or read, which is no key's twice; 0: nothing was there. Of an erase: 1 if
  /// there was an entry.
  std::uint64_t value = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Of a register: whether what was put into it is there until it is erased, or may get lost at any
/// moment, as what is evicted.
enum class Memory : std::uint8_t { keeps, forgets };

/// Whether the operation can be the next on a register that has the value (0: none), which then
/// has the new one.
bool applies(const Operation& operation, std::uint64_t& value, Memory memory = Memory::keeps);

/// Whether one register, empty at first, could have answered like this if every operation took
/// effect at one moment between its begin and its end.
bool is_linearizable_register(std::span<const Operation> operations, Memory memory = Memory::keeps);

/// The keys whose operations are not those of a register. A history is linearizable if those of
/// each key are (Herlihy and Wing 1990).
std::vector<std::uint64_t> keys_gone_wrong(std::span<const Operation> history,
                                           Memory memory = Memory::keeps);

}  // namespace kith::store
