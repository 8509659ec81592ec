#!/usr/bin/env bash
# Checks that a static library cannot reach a clock, a socket, a thread, a file, the environment or
# true randomness, by the symbols that it needs from elsewhere.
#
#   tools/check_purity.sh ARCHIVE...
#
# Archives named libkith_core_* and libkith_wire_* are single-threaded and may not lock either.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

if [[ $# -eq 0 ]]; then
  echo "usage: $0 ARCHIVE..." >&2
  exit 2
fi

# Each matches a whole symbol as nm prints it, demangled. "@..." is a symbol's version.
forbidden=(
  'clock_gettime|gettimeofday|time|clock|std::chrono::.*clock::now\(\)|absl::.*(Now|GetCurrentTimeNanos)\(\)'
  'nanosleep|clock_nanosleep|usleep|sleep|absl::.*SleepFor\(.*\)|AbslInternalSleepFor.*'
  'socket|socketpair|bind|listen|accept4?|connect|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg'
  'select|poll|ppoll|epoll_.*|eventfd|pipe2?|getaddrinfo'
  'pthread_create|std::thread::.*|std::jthread::.*|std::this_thread::.*|fork|std::__future_base::.*'
  'getenv|secure_getenv|setenv|std::random_device::.*|getrandom|getentropy|rand|srand|random|arc4random.*'
  'open(at)?(64)?|creat(64)?|fopen(64)?|std::__basic_file<.*|std::basic_[io]?f(ile)?(stream|buf)<.*|std::filesystem::.*'
)
locks=(
  'pthread_(mutex|rwlock|cond|spin|barrier)_.*|std::(recursive_|timed_|shared_)?mutex::.*|std::condition_variable.*'
  'absl::.*(Mutex|CondVar|Condition|SpinLock|Notification|BlockingCounter)::.*|sem_(wait|post|timedwait|trywait)'
)

join() {
  local IFS='|'
  echo "^($*)(@.*)?$"
}

found=0
for archive in "$@"; do
  if ! symbols=$(nm -C "$archive" 2>&1) || ! grep -q ' [TtWVDBRU] ' <<<"$symbols"; then
    echo "$archive: nm finds no symbols: ${symbols:-nothing in it}" >&2
    exit 2
  fi
  rules=("${forbidden[@]}")
  why="kith's pure libraries get time, bytes and randomness from their caller"
  case $(basename "$archive") in
    libkith_core_* | libkith_wire_*)
      rules+=("${locks[@]}")
      why+=", and this one is single-threaded"
      ;;
  esac
  pattern=$(join "${rules[@]}")
  while IFS= read -r symbol; do
    [[ -n $symbol ]] || continue
    found=1
    echo "$archive: needs $symbol"
    echo "    rule: $why"
  done < <(sed -nE 's/^ +[Uwv] //p' <<<"$symbols" | grep -E "$pattern" | sort -u)
done
exit "$found"
