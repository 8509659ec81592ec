// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/pool/machine.h"
#include "sim/pool/network.h"

namespace kith::sim::pool {

/// What every host believes of every other, by what its machine told; and whether that is so.
/// Counts as it goes along, so that asking whether a pool of thousands agrees costs nothing.
class Beliefs {
 public:
  enum class State : std::uint8_t { unknown, alive, suspect, unreachable, dead, left };

  /// A further host, which is not there yet.
  void add();
  /// The process of `host` is there from now on, knows nobody, and is at its `place`th address.
  void started(HostIndex host, std::uint8_t place);
  /// It is not there any more, or takes no part: whoever believes in it is wrong.
  void gone(HostIndex host);

  /// `place` is where the observer believes the subject to be, as started() had it.
  void told(HostIndex observer, HostIndex subject, Told::Kind kind, std::uint8_t place);

  State of(HostIndex observer, HostIndex subject) const { return rows_[observer][subject].state; }
  /// How many of those who are there hold the subject for a member; itself does not count.
  std::size_t believers(HostIndex subject) const { return hosts_[subject].believers; }
  /// How many of those who are there send the subject's requests elsewhere: they hold it for
  /// unreachable, or for no member.
  std::size_t avoiders(HostIndex subject) const {
    return present_ - (hosts_[subject].present ? 1 : 0) - hosts_[subject].trusters;
  }
  /// Pairs (observer who is there, subject) whose belief is wrong: of one who is there that it is a
  /// member, at its address, whatever is suspected; of one who is not that it is none.
  std::size_t wrong() const { return wrong_; }
  bool agree() const { return wrong_ == 0; }
  std::size_t present() const { return present_; }
  bool present(HostIndex host) const { return hosts_[host].present; }

 private:
  struct Belief {
    State state = State::unknown;
    std::uint8_t place = 0;

    bool member() const {
      return state == State::alive || state == State::suspect || state == State::unreachable;
    }
    bool trusted() const { return state == State::alive || state == State::suspect; }
  };
  struct Host {
    bool present = false;
    std::uint8_t place = 0;
    std::size_t believers = 0;
    std::size_t trusters = 0;
  };
  bool is_wrong(HostIndex observer, HostIndex subject) const;
  /// Takes what the pair adds to the counts out of them (-1), or into them (+1).
  void count(HostIndex observer, HostIndex subject, int by);
  void count_all_about(HostIndex subject, int by);
  void count_all_of(HostIndex observer, int by);

  std::vector<std::vector<Belief>> rows_;
  std::vector<Host> hosts_;
  std::size_t present_ = 0;
  std::size_t wrong_ = 0;
};

}  // namespace kith::sim::pool
