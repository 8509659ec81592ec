#!/usr/bin/env bash
# A long run of the simulator. Arguments replace the usual ones, for example: --first 1000000 --seeds 50000
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh --for test
cmake --preset dev >/dev/null
cmake --build --preset dev --target kith_sim
if [[ $# -eq 0 ]]; then
  set -- --seeds 200000 --jobs 2
fi
exec build/dev/sim/kith_sim "$@"
