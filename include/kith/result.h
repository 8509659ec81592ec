// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace kith {

/// Why a call failed. The numbers are gRPC's status codes and travel on the peer wire as they are;
/// a code exists only where a caller can react to it in its own way.
enum class ErrorCode : std::uint8_t {
  cancelled = 1,            ///< The node is stopping, or the caller withdrew the request.
  outcome_unknown = 2,      ///< The request was sent and its effect cannot be told.
  invalid_argument = 3,     ///< The call is wrong whatever the state; the message names the field.
  timed_out = 4,            ///< The deadline passed; nothing was changed for this caller.
  not_found = 5,            ///< What the call names (a peer, a cache) does not exist. Never a miss.
  already_exists = 6,       ///< The name is taken, with other options.
  resource_exhausted = 8,   ///< A stated bound is reached; retry later, with less.
  failed_precondition = 9,  ///< Not in this state, or not from this thread.
  loader_failed = 10,       ///< The loader answered an error, threw, or never answered.
  too_large = 11,           ///< A key or value is over its limit; the message has both numbers.
  unimplemented = 12,       ///< The peer speaks a version that does not know the request.
  internal = 13,            ///< A defect of kith itself. Please report it.
  unavailable = 14,         ///< No node that could answer is reachable; retrying may help.
};

/// The code's name as written above, for logs and metric labels.
constexpr std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::outcome_unknown:
      return "outcome_unknown";
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::resource_exhausted:
      return "resource_exhausted";
    case ErrorCode::failed_precondition:
      return "failed_precondition";
    case ErrorCode::loader_failed:
      return "loader_failed";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unimplemented:
      return "unimplemented";
    case ErrorCode::internal:
      return "internal";
    case ErrorCode::unavailable:
      return "unavailable";
  }
  return "unknown";
}

/// What went wrong, in words for a person and a code for the program.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  /// True when the call may have left a change behind although it failed.
  bool state_changed = false;

  friend bool operator==(const Error&, const Error&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << to_string(error.code) << ": " << error.message;
}

/// A T or an Error. A miss is no error: calls that may miss return Result<std::optional<T>>.
template <class T>
using Result = tl::expected<T, Error>;

/// Makes the failed side of any Result: `return fail(ErrorCode::invalid_argument, "...")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), false});
}

}  // namespace kith
