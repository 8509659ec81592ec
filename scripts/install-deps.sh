#!/usr/bin/env bash
# Installs the Debian packages that kith needs, and only those that are missing.
#
#   scripts/install-deps.sh [--for demo|test|check|bench|all]     (default: all)
#
# As root, with apt: installs. Otherwise: prints exactly what is missing and exits with 1.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

# The one list. First word: the group; second: the package; rest: what it is for.
packages() {
  sed -e 's/ *#.*//' -e '/^ *$/d' <<'LIST'
    build    build-essential       # g++ 12, make, binutils (nm)
    build    cmake                 # 3.25 or later
    build    ninja-build
    build    ccache                # optional: a second build takes seconds
    build    pkg-config            # finds xxHash
    build    git
    build    python3               # tools/check_layers.py; the scripts that drive processes

    library  libboost1.81-dev      # Asio: sockets, timers, streams (inside only)
    library  libssl-dev            # TLS on the peer link; AES-GCM of gossip (inside only)
    library  libabsl-dev           # containers, annotated mutex (inside only)
    library  libexpected-dev       # tl::expected, the one dependency of the public headers
    library  libxxhash-dev         # placement hash, checksums
    library  libzstd-dev           # compressed values; compressed traces in bench/hitrate
    library  libcli11-dev          # the command line of `kith`
    library  libcurl4-openssl-dev  # discovery: Kubernetes, Consul, etcd (inside only)
    library  libc-ares-dev         # discovery: DNS (inside only)
    library  nlohmann-json3-dev    # discovery: what those answer (inside only); test vectors, reports

    demo     libpng-dev            # the map tiles that the demo renders
    demo     curl

    tests    libgtest-dev
    tests    libgmock-dev
    tests    librapidcheck-dev     # property tests
    tests    memcached             # a known server to compare with
    tests    dnsmasq-base          # a DNS server for discovery
    tests    etcd-server           # and an etcd
    tests    openssl               # makes the certificates of test servers
    tests    iproute2              # clusters in network namespaces (ip, tc)
    tests    nftables              # which lose packets where the kernel has no netem

    interop  golang-go                               # builds what follows
    interop  golang-github-hashicorp-memberlist-dev  # 0.2.2, to be in one pool with

    bench    libbenchmark-dev      # Google Benchmark
    bench    libtbb-dev            # a concurrent map to compare with
    bench    redis-server          # another known server, for memory per entry

    checks   clang-14              # -Wthread-safety, libFuzzer
    checks   libclang-rt-14-dev    # clang's sanitizer and fuzzer run-times
    checks   clang-format-14
    checks   clang-tidy-14
LIST
}

usage() {
  echo "usage: $0 [--for demo|test|check|bench|all]" >&2
  exit 2
}

purpose=all
case "$#" in
  0) ;;
  2) [[ $1 == --for ]] || usage; purpose=$2 ;;
  *) usage ;;
esac
case "$purpose" in
  demo)  groups="build library demo" ;;
  test)  groups="build library demo tests interop bench" ;; # every folder is compiled
  check) groups="build library demo tests bench checks" ;;  # clang-tidy reads every folder
  bench) groups="build library tests bench" ;;  # memcached and Redis are baselines
  all)   groups="build library demo tests interop bench checks" ;;
  *) usage ;;
esac

installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

wanted=0
missing=()
while read -r group package _; do
  [[ " $groups " == *" $group "* ]] || continue
  wanted=$((wanted + 1))
  installed "$package" || missing+=("$package")
done < <(packages)

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "dependencies ($purpose): all $wanted packages are installed"
  exit 0
fi

if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
  {
    echo "dependencies ($purpose): ${#missing[@]} of $wanted packages are missing:"
    printf '  %s\n' "${missing[@]}"
    if command -v apt-get >/dev/null; then
      echo "Install them as root:"
      echo "  apt-get install --no-install-recommends ${missing[*]}"
    else
      echo "These are Debian 12 names, and there is no apt-get here: install the same things your way."
    fi
  } >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "dependencies ($purpose): installing ${missing[*]}"
if ! { apt-get update -q &&
       apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  echo "dependencies ($purpose): apt-get failed; missing: ${missing[*]}" >&2
  exit 1
fi
echo "dependencies ($purpose): ${#missing[@]} installed, all $wanted are there"
