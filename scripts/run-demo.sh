#!/usr/bin/env bash
# Builds the demonstration and runs it. Arguments go to the demonstration.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh --for demo
# A build directory that is there already stays as it is, tests included.
if [[ ! -f build/dev/CMakeCache.txt ]]; then
  cmake --preset dev -DKITH_TESTS=OFF -DKITH_BENCH=OFF >/dev/null
fi
echo "building (the first time takes a minute or two)"
log=build/dev/demo-build.log
if ! cmake --build --preset dev --target tiles_demo tiles >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
exec build/dev/examples/tiles/tiles_demo "$@"
