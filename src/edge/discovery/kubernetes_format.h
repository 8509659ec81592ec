// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/discovery.h>
#include <kith/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/discovery/report.h"

// What the Kubernetes API says about EndpointSlices (discovery.k8s.io/v1), as far as it matters.
namespace kith::edge::discovery {

/// Which of a slice's ports seeds have.
struct PortChoice {
  /// Empty: the only one.
  std::string name = {};
  /// When not 0: this one, whatever the slice says.
  std::uint16_t number = 0;
};

struct EndpointSlice {
  std::string name;
  Found found;
};

/// A page of a list.
struct SliceList {
  std::vector<EndpointSlice> slices;
  /// Of the whole list: where a watch begins.
  std::string version;
  /// What to ask for the next page with; empty: this was the last.
  std::string next_page;
};

struct SliceEvent {
  enum class Kind : std::uint8_t {
    changed,   ///< The slice is new or other than before.
    deleted,   ///< The slice, of which only the name counts, is gone.
    bookmark,  ///< Nothing but the version.
    gone,      ///< The version that the watch began with is too old: list again.
    failed,    ///< The server ends the watch; message says why.
  };
  Kind kind = Kind::failed;
  EndpointSlice slice = {};
  /// Where the next watch begins. Empty for gone and failed.
  std::string version = {};
  std::string message = {};
};

/// Errors: unavailable, in words.
Result<SliceList> parse_slice_list(std::string_view json, const PortChoice& port);
/// One line of a watch. Errors: unavailable, in words.
Result<SliceEvent> parse_slice_event(std::string_view json, const PortChoice& port);

}  // namespace kith::edge::discovery
