#!/usr/bin/env bash
# The checks that need no test to run: formatting, clang-tidy, and the architecture (layers, purity,
# link and header tests). Every check runs; the exit code is 1 when one failed.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh --for check

failed=()
run() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    echo "   $name: ok ($((SECONDS - start)) s)"
  else
    failed+=("$name")
    echo "   $name: FAILED ($((SECONDS - start)) s)"
  fi
}

sources() {  # tracked and new files, NUL-separated
  git ls-files -z --cached --others --exclude-standard -- "$@" |
    while IFS= read -r -d '' file; do [[ -f $file ]] && printf '%s\0' "$file"; done
}

check_format() {
  sources '*.h' '*.cc' | xargs -0 --no-run-if-empty clang-format-14 --dry-run -Werror
}

# Only what the build compiles: clang-tidy needs the file's own compile command. Headers are read
# through the files that include them.
check_tidy() {
  cmake --preset clang >/dev/null || return 1
  sources '*.cc' | python3 -c '
import json, os, sys
built = {os.path.realpath(os.path.join(c["directory"], c["file"]))
         for c in json.load(open("build/clang/compile_commands.json"))}
for name in sys.stdin.buffer.read().decode().split("\0"):
    if name and os.path.realpath(name) in built:
        sys.stdout.write(name + "\0")
' | xargs -0 --no-run-if-empty -n 1 -P 2 clang-tidy-14 -p build/clang --quiet \
    2> >(grep -v -E '^[0-9]+ warnings? generated' >&2)
}

check_architecture() {
  cmake --preset dev >/dev/null &&
    cmake --build --preset dev --target kith_archives >/dev/null &&
    ctest --preset dev -L '^arch$'
}

run format check_format
run layers python3 tools/check_layers.py
run architecture check_architecture
run clang-tidy check_tidy

if [[ ${#failed[@]} -gt 0 ]]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
echo "all checks passed"
