#!/usr/bin/env bash
# Long runs: the simulator, the whole table of the membership's figures (which needs 7 GB), then memory under an
# adversarial mix for an hour. With arguments, the simulator alone, with those: --first 1000000 --seeds 50000
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh --for test
cmake --preset dev >/dev/null
if [[ $# -gt 0 ]]; then
  cmake --build --preset dev --target kith_sim
  exec build/dev/sim/kith_sim "$@"
fi
cmake --build --preset dev --target kith_sim store_memory_test api_memory_test
build/dev/sim/kith_sim --seeds 200000 --jobs 2
build/dev/sim/kith_sim pool-table --full --jobs 2
export KITH_SOAK_SECONDS="${KITH_SOAK_SECONDS:-1800}"  # each of the two
build/dev/src/store/store_memory_test
build/dev/src/api/api_memory_test
