#!/usr/bin/env bash
# Builds the benchmarks without tests or debug code and runs them one after the other. Each prints
# its table and writes build/bench/NAME.json.
#
#   scripts/run-bench.sh [NAME...]        (default: all)
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(store_bench pause_bench placement_bench peer_bench)

scripts/install-deps.sh --for bench
cmake --preset release -DKITH_BENCH=ON -DKITH_TESTS=OFF -DKITH_EXAMPLES=OFF >/dev/null
cmake --build --preset release --target "${names[@]}"
mkdir -p build/bench

echo
echo "machine: $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
     "Linux $(uname -r), $(c++ -dumpfullversion 2>/dev/null | sed 's/^/g++ /'), Release"
for name in "${names[@]}"; do
  echo
  echo "== $name"
  build/release/bench/"$name" --json "build/bench/$name.json" </dev/null
done
if [[ " ${names[*]} " == *" store_bench "* ]]; then
  echo
  echo "== memory"
  bench/memory.py
fi
echo
echo "results: build/bench/*.json"
