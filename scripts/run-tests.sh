#!/usr/bin/env bash
# Everything that must hold before a change goes in: all tests without sanitizers, then units,
# simulator and in-process clusters under the address and undefined-behaviour sanitizers, and what has
# threads under the thread sanitizer. A failing stage does not stop the following ones. Ends with a
# table and the line "N passed, M failed"; exits with 1 if M > 0.
#
#   scripts/run-tests.sh [test|asan-ubsan|tsan]...        (default: all three)
#
# The builds are for starting from nothing: several sources at a time, tests hardly optimized. See
# CMakePresets.json; for daily work there is the preset dev, which can be named here too.
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
cd "$(dirname "$0")/.."

builds=("$@")
[[ ${#builds[@]} -gt 0 ]] || builds=(test asan-ubsan tsan)
jobs=$(nproc 2>/dev/null || echo 2)
logs=build/test-logs
mkdir -p "$logs"
rm -f "$logs"/*

# Seconds for all of it: whoever waits for a slow machine sees the table, rather than a run cut off.
budget=4800

# bounded SECONDS COMMAND...: takes no longer than that, nor than what is left of the budget.
bounded() {
  local most=$1 left=$((budget - SECONDS))
  shift
  timeout --kill-after=10 $((left < 1 ? 1 : left < most ? left : most)) "$@"
}

passed_total=0
failed_total=0
table=()

# A stage's line: name, passed, failed, skipped, seconds, remark.
record() {
  passed_total=$((passed_total + $2))
  failed_total=$((failed_total + $3))
  table+=("$(printf '%-22s %7s %7s %8s %8s  %s' "$@")")
  printf '[%4ds] %-22s %s passed, %s failed (%ss)%s\n' "$SECONDS" "$1" "$2" "$3" "$5" "${6:+  $6}"
}

finish() {
  {
    echo
    printf '%-22s %7s %7s %8s %8s\n' stage passed failed skipped seconds
    printf '%s\n' "${table[@]}"
    printf '%-22s %7d %7d %8s %8d\n' total "$passed_total" "$failed_total" '' "$SECONDS"
    echo
    echo "$passed_total passed, $failed_total failed"
  } | tee "$logs/summary.txt"
  [[ $failed_total -eq 0 ]]
  exit
}

# Configures and builds a preset. A build that fails counts as one failed test; it goes on as far as
# it can, so that the tests that were built still run.
build() {
  local preset=$1 start=$SECONDS log=$logs/$1-build.log
  printf '[%4ds] building %s\n' "$SECONDS" "$preset"
  if ! bounded 300 cmake --preset "$preset" >"$log" 2>&1; then
    tail -n 40 "$log"
    record "$preset: configure" 0 1 0 $((SECONDS - start)) "see $log"
    return 1
  fi
  if ! bounded 2400 cmake --build --preset "$preset" -- -k 0 >>"$log" 2>&1; then
    grep -E -A 12 'FAILED:|error:|ninja: error' "$log" | head -n 80
    record "$preset: build" 0 1 0 $((SECONDS - start)) "see $log"
    return 0
  fi
  record "$preset: build" 0 0 0 $((SECONDS - start))
}

# run STAGE PRESET JOBS NEED ctest-arguments...: NEED is "some" when a stage without tests is a
# defect, "any" when it may be empty.
run() {
  local stage=$1 preset=$2 at_once=$3 need=$4 start=$SECONDS log=$logs/${1//[^a-z]/-}.log
  shift 4
  bounded 900 "${launcher[@]}" ctest --preset "$preset" --no-tests=ignore -j "$at_once" \
    --output-on-failure "$@" >"$log" 2>&1 </dev/null
  local code=$? total=0 failed=0 skipped=0 remark=
  local summary
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
  if [[ $summary =~ ,\ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
    failed=${BASH_REMATCH[1]}
    total=${BASH_REMATCH[2]}
    skipped=$(grep -c -E '\*\*\*(Skipped|Not Run \(Disabled\))' "$log")
    if [[ $code -ne 0 && $failed -eq 0 ]]; then failed=1 total=$((total + 1)) remark="ctest: $code"; fi
  elif [[ $code -eq 0 ]]; then  # ctest says nothing at all when it finds no test
    [[ $need == any ]] && return 0
    failed=1 total=1 remark='no tests were found'
  else
    failed=1 total=1 remark="ctest did not finish (exit $code)"
  fi
  if [[ $failed -gt 0 ]]; then
    tail -n 120 "$log"
    remark="${remark:+$remark; }see $log"
  else
    grep -E 'tests passed,|Total Test time' "$log"
  fi
  record "$stage" $((total - failed - skipped)) "$failed" "$skipped" $((SECONDS - start)) "$remark"
}

# The thread sanitizer of g++ 12 cannot live with the widest address randomisation that a kernel may
# be set to; without randomisation it can.
launcher=()
avoid_randomisation() {
  local bits
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
  if [[ $bits -gt 28 ]] && setarch -R true 2>/dev/null; then launcher=(setarch -R); fi
}

if ! scripts/install-deps.sh --for test; then
  record dependencies 0 1 0 "$SECONDS"
  finish
fi

labels=(unit arch sim cluster interop install packaging examples)
for preset in "${builds[@]}"; do
  build "$preset" || continue
  if [[ $preset == test || $preset == dev ]]; then
    for label in "${labels[@]}"; do
      # What starts clusters of processes has RUN_SERIAL, and gets the machine for itself.
      at_once=$jobs
      case $label in interop | install | packaging | examples) at_once=1 ;; esac
      run "$preset: $label" "$preset" "$at_once" some -L "^$label\$"
    done
    known=$(IFS='|'; echo "${labels[*]}")
    run "$preset: other" "$preset" 1 any -LE "^($known)\$"
  else
    launcher=()
    [[ $preset == tsan ]] && avoid_randomisation
    run "$preset" "$preset" "$jobs" some -LE '^cluster$'
    run "$preset: cluster" "$preset" "$jobs" some -L '^cluster$'
    launcher=()
  fi
done
finish
