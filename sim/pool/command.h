// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kith::sim::pool {

/// What `kith_sim pool` and `kith_sim pool-table` do. `words` are those after it.
int run_scenario_command(int count, char** words);
int run_table_command(int count, char** words);

inline constexpr const char* kUsage =
    "kith_sim pool NAME [--variant kith|memberlist] [--nodes N] [--seed S] [--seeds K]\n"
    "              [--loss P] [--hours H] [--no-lifeguard]\n"
    "    runs a scenario of a whole pool's membership, and prints its figures; without NAME lists "
    "them\n"
    "kith_sim pool-table [--full [--scale SHARE]] [--nodes MOST] [--only M2] [--jobs J]\n"
    "    the acceptance table M1 to M14 in markdown, kith beside memberlist\n";

}  // namespace kith::sim::pool
