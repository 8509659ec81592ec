// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "stop_signals.h"

namespace tiles {

/// Runs three tiles processes on fixed ports for a browser to play with, until a signal comes or
/// `duration` is over. One that is killed is started again a while later, so that the page shows it
/// leave and come back. Returns the exit code of the program.
int run_live(const std::string& program, std::chrono::seconds duration, StopSignals& signals);

}  // namespace tiles
