#!/usr/bin/env bash
# Replays one seed of the simulator and prints its trace: tools/repro.sh SEED
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
if [[ $# -ne 1 || ! $1 =~ ^[0-9]+$ ]]; then
  echo "usage: $0 SEED" >&2
  exit 2
fi
cd "$(dirname "$0")/.."

[[ -f build/dev/CMakeCache.txt ]] || cmake --preset dev >&2
cmake --build --preset dev --target kith_sim >&2
exec build/dev/sim/kith_sim --seed "$1" --trace
