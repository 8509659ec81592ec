#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares kith with other in-process caches: the same keys, the same draws, one table.

Builds the programs of this folder, writes the workload, runs every program in every mode in
alternation, pinned to processors, and prints medians with their spread. README.md says what is
measured and what the figures mean.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
from typing import Callable, Optional

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
PAYLOAD_BYTES = 116
RUN_SECONDS = 300
BUILD_SECONDS = 3600
DRAWS = 4_000_000
QUICK_DRAWS = 1_000_000


class Missing(Exception):
    """A toolchain or a package is not there, or a build failed: the peer is left out."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A column of the table: what is asked of a program, and which figure of its answer counts."""

    title: str
    mode: str
    threads: int
    figure: str
    better: Callable = min
    digits: int = 1
    trace: Optional[str] = None


HIT_1 = Measurement("ns per hit, 1 thread", "hit", 1, "ns_per_op")
HIT_2 = Measurement("ns per hit, 2 threads", "hit", 2, "ns_per_op")
INSERT = Measurement("ns per insert", "insert", 1, "ns_per_op", digits=0)
ZIPF = Measurement("hit ratio, Zipf", "ratio", 1, "hit_ratio", max, 4, "zipf")
SCAN = Measurement("hit ratio, Zipf + scans", "ratio", 1, "hit_ratio", max, 4, "scan")
MEMORY = Measurement("bytes per entry", "memory", 1, "bytes_per_entry", digits=0)
# With --cpu the same columns of processor time, which other processes disturb less.
CPU_FIGURES = {"ns_per_op": "cpu_ns_per_op"}
MEASUREMENTS = [HIT_1, HIT_2, INSERT, ZIPF, SCAN, MEMORY]
# One run of a program gives all figures of a (mode, threads).
RUNS = list(dict.fromkeys((m.mode, m.threads) for m in MEASUREMENTS))


@dataclasses.dataclass(frozen=True)
class Peer:
    """One row of the table."""

    name: str
    build: str  # Which of the Builder's functions makes the program.
    program: str
    version: Callable[[], str]
    note: str = ""
    modes: dict = dataclasses.field(default_factory=dict)  # Modes under other names; None: not run.


def find_in(path, pattern):
    """A version as a file of this folder pins it."""

    def find():
        found = re.search(pattern, (HERE / path).read_text())
        return found.group(1) if found else "?"

    return find


def output_of(*command):
    """The last word that a command prints, "?" if it fails."""

    def run():
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
            return done.stdout.split()[-1] if done.stdout.split() else "?"
        except (OSError, subprocess.SubprocessError):
            return "?"

    return run


KITH_VERSION = output_of("git", "-C", str(SOURCE), "describe", "--always", "--dirty")

PEERS = [
    Peer("kith", "cpp", "peer_kith", KITH_VERSION,
         "C++; hits through the public API, inserts and hit ratio of the store in it"),
    Peer("kith (visitor)", "cpp", "peer_kith", KITH_VERSION,
         "C++; get(key, function) of the public API: no handle to the value",
         {"hit": "hit_visitor", "insert": None, "ratio": None, "memory": None}),
    Peer("sharded LRU", "cpp", "peer_sharded_lru", lambda: "ours",
         "C++; 64 x (mutex, list, absl::flat_hash_map)"),
    Peer("oneTBB", "cpp", "peer_tbb",
         output_of("dpkg-query", "-W", "-f", "${Version}", "libtbb-dev"),
         "C++; concurrent_hash_map: a map, it evicts nothing and keeps no order of use",
         {"insert": None, "ratio": None}),
    Peer("quick_cache", "rust", "quick_cache",
         find_in("rust/Cargo.toml", r'quick_cache = "=([^"]+)"'), "Rust"),
    Peer("moka", "rust", "moka", find_in("rust/Cargo.toml", r'moka = .*"=([^"]+)"'),
         "Rust; moka::sync::Cache with ahash"),
    Peer("otter", "go", "otter", find_in("go/go.mod", r"otter/v2 v(\S+)"), "Go"),
    Peer("ristretto", "go", "ristretto", find_in("go/go.mod", r"ristretto/v2 v(\S+)"),
         "Go; keeps hashes of the keys, not the keys"),
    Peer("Caffeine", "java", "caffeine",
         find_in("java/pom.xml", r"<caffeine.version>([^<]+)<"), "Java"),
]
OURS = [peer.name for peer in PEERS if peer.name.startswith("kith")]


def say(text):
    print(text, flush=True)


def checked(command, log, cwd=None):
    """Runs a step of a build; its output goes to a log."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed")
    with open(log, "a", encoding="utf-8") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        out.flush()
        try:
            code = subprocess.run(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=BUILD_SECONDS).returncode
        except subprocess.TimeoutExpired:
            code = "no end"
    if code != 0:
        raise Missing(f"{command[0]} failed ({code}): see {log}")


class Builder:
    """Builds the programs, everything under one directory. Each kind at most once."""

    def __init__(self, root, cmake_directory, jobs):
        self.root = root
        self.cmake_directory = cmake_directory
        self.jobs = jobs
        self.done = {}
        root.mkdir(parents=True, exist_ok=True)

    def build(self, kind):
        """Why the programs of this kind cannot be had, or None."""
        if kind not in self.done:
            say(f"building: {kind}")
            log = self.root / f"{kind}.log"
            log.unlink(missing_ok=True)
            try:
                getattr(self, f"build_{kind}")(log)
                self.done[kind] = None
            except Missing as missing:
                self.done[kind] = str(missing)
        return self.done[kind]

    def build_cpp(self, log):
        checked(["cmake", "--preset", "release", "-B", self.cmake_directory, "-DKITH_BENCH=ON",
                 "-DKITH_TESTS=OFF", "-DKITH_EXAMPLES=OFF"], log, cwd=SOURCE)
        listed = subprocess.run(["ninja", "-C", self.cmake_directory, "-t", "targets", "all"],
                                capture_output=True, text=True, check=True).stdout
        wanted = ["peers_workload", *sorted({p.program for p in PEERS if p.build == "cpp"})]
        targets = [name for name in wanted if re.search(rf"(^|/){name}:", listed, re.MULTILINE)]
        if "peers_workload" not in targets:
            raise Missing("bench/CMakeLists.txt does not add bench/peers")
        checked(["ninja", "-C", self.cmake_directory, f"-j{self.jobs}", *targets], log)

    def build_rust(self, log):
        checked(["cargo", "build", "--release", "--locked", f"-j{self.jobs}", "--manifest-path",
                 HERE / "rust/Cargo.toml", "--target-dir", self.root / "rust"], log)

    def build_go(self, log):
        out = self.root / "go"
        out.mkdir(exist_ok=True)
        checked(["go", "build", "-trimpath", "-p", str(self.jobs), "-o", f"{out}/", "./otter",
                 "./ristretto"], log, cwd=HERE / "go")

    def build_java(self, log):
        checked(["mvn", "-q", "-B", f"-Dpeers.build={self.root / 'java'}", "compile"], log,
                cwd=HERE / "java")

    def command(self, kind, program):
        """How to start a program."""
        if kind == "cpp":
            path = self.cmake_directory / "bench/peers" / program
        elif kind == "rust":
            path = self.root / "rust/release" / program
        elif kind == "go":
            path = self.root / "go" / program
        else:
            java = self.root / "java"
            # One collector at all numbers of processors, and no waiting for a larger heap.
            return ["java", "-XX:+UseG1GC", "-Xmx4g", "-cp", f"{java}/classes:{java}/jars/*",
                    "kith.peers.CaffeinePeer"]
        if not path.exists():
            raise Missing(f"{program} was not built (a package is missing?)")
        return [str(path)]


class Results:
    """Samples of each measurement of each peer."""

    def __init__(self, cpu):
        self.figures = CPU_FIGURES if cpu else {}
        self.samples = {}
        self.lines = []
        self.failures = []

    def add(self, peer, line):
        self.lines.append({"peer": peer.name, **line})
        for measurement in MEASUREMENTS:
            if (line["mode"], line.get("threads", 1), line.get("trace")) == (
                    measurement.mode, measurement.threads, measurement.trace):
                key = (peer.name, measurement.title)
                figure = self.figures.get(measurement.figure, measurement.figure)
                self.samples.setdefault(key, []).append(line[figure])

    def ran(self, peer):
        return any(line["peer"] == peer.name for line in self.lines)

    def of(self, peer, measurement):
        return sorted(self.samples.get((peer.name, measurement.title), []))

    def median(self, peer, measurement):
        samples = self.of(peer, measurement)
        return statistics.median(samples) if samples else None

    def dropped(self, peer):
        """Share of the inserts that the cache threw away, 0 to 1."""
        return (self.last(peer, "insert", "dropped") or 0) / (self.last(peer, "insert", "ops") or 1)

    def ranked(self, peer, measurement):
        """The median if it may be called the best: inserts that were thrown away are none."""
        if measurement is INSERT and self.dropped(peer) > 0.01:
            return None
        return self.median(peer, measurement)

    def scaling(self, peer):
        """Hits a second of two threads over those of one: the medians'."""
        one, two = self.median(peer, HIT_1), self.median(peer, HIT_2)
        return 2 * one / two if one and two else None

    def last(self, peer, mode, figure):
        """A figure of the peer's last line of that mode, or None."""
        for line in reversed(self.lines):
            if line["peer"] == peer.name and line["mode"] == mode and figure in line:
                return line[figure]
        return None


def parse_lines(text):
    """The answers of a program, unsupported modes left out. Raises ValueError when one is none."""
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("no answer")
    for line in lines:
        if "mode" not in line:
            raise ValueError("an answer without a mode")
    return [line for line in lines if not line.get("unsupported")]


def run_once(builder, peer, mode, threads, workload, results):
    """Runs one program in one mode; a failure is noted, and the rest goes on."""
    name = peer.modes.get(mode, mode)
    if name is None:
        return
    processors = ",".join(str(n) for n in sorted(os.sched_getaffinity(0))[:threads])
    command = ["taskset", "-c", processors, *builder.command(peer.build, peer.program), name,
               str(workload), str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise ValueError((done.stderr.strip().splitlines() or ["no message"])[-1])
        for line in parse_lines(done.stdout):
            results.add(peer, line)
    except (ValueError, KeyError, OSError, subprocess.TimeoutExpired) as error:
        results.failures.append(f"{peer.name}, {name}, {threads} threads: {error}")


def available(builder, names):
    """The peers that can run, and for each of the others why not."""
    present, absent = [], {}
    for peer in PEERS:
        if names and peer.name not in names:
            continue
        why = builder.build(peer.build)
        try:
            builder.command(peer.build, peer.program)
        except Missing as missing:
            why = why or str(missing)
        if why:
            absent[peer.name] = why
        else:
            present.append(peer)
    return present, absent


def write_workload(builder, directory, draws):
    why = builder.build("cpp")
    if why:
        sys.exit(f"error: no workload without the C++ programs: {why}")
    directory.mkdir(parents=True, exist_ok=True)
    command = [*builder.command("cpp", "peers_workload"), str(directory), str(draws)]
    if subprocess.run(command, timeout=RUN_SECONDS).returncode != 0:
        sys.exit("error: the workload was not written")


def measure(builder, peers, workload, rounds, results):
    """Every mode of every program, `rounds` times; each round starts with another program."""
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        first = number % len(peers)
        order = peers[first:] + peers[:first]
        for mode, threads in RUNS:
            for peer in order:
                run_once(builder, peer, mode, threads, workload, results)


def cell(samples, digits, best):
    if not samples:
        return "-"
    median = statistics.median(samples)
    mark = "*" if best else ""
    spread = f" ({samples[0]:.{digits}f}-{samples[-1]:.{digits}f})" if len(samples) > 1 else ""
    return f"{median:.{digits}f}{mark}{spread}"


def best_of(peers, value, better):
    known = [(value(peer), peer.name) for peer in peers if value(peer) is not None]
    return better(known)[1] if known else None


def rows_of(peers, results):
    """The table as lists of texts, titles first. `*` marks the best of a column."""
    best = {m: best_of(peers, lambda p, m=m: results.ranked(p, m), m.better) for m in MEASUREMENTS}
    titles = ["", *(m.title for m in MEASUREMENTS)]
    titles.insert(3, "scaling")
    rows = [titles]
    for peer in peers:
        row = [peer.name]
        for m in MEASUREMENTS:
            row.append(cell(results.of(peer, m), m.digits, best[m] == peer.name))
        scaling = results.scaling(peer)
        row.insert(3, f"{scaling:.2f}x" if scaling else "-")
        rows.append(row)
    return rows


def print_rows(rows):
    """Markdown that also reads well as it is."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def verdicts(peers, results):
    """For each column where something of kith was measured: whether it is first."""
    lines = []
    for m in MEASUREMENTS:
        ours = [peer for peer in peers if peer.name in OURS]
        mine = best_of(ours, lambda p: results.median(p, m), m.better)
        first = best_of(peers, lambda p: results.ranked(p, m), m.better)
        if mine is None:
            continue
        by_name = {peer.name: peer for peer in peers}
        value, lead = results.median(by_name[mine], m), results.median(by_name[first], m)
        if mine == first:
            lines.append(f"{m.title}: {mine} is first.")
        else:
            lines.append(f"{m.title}: kith is NOT first: {first} {lead:.{m.digits}f}, "
                         f"{mine} {value:.{m.digits}f} ({value / lead:.2f} times).")
    return lines


def remarks(peers, results):
    """What a reader must know of single figures."""
    lines = []
    for peer in peers:
        resident = results.last(peer, "memory", "rss_per_entry")
        if results.last(peer, "memory", "counted") == "heap":
            lines.append(f"{peer.name}: bytes per entry are the heap's after a collection; "
                         f"the process grew by {resident:.0f} an entry.")
        dropped = results.dropped(peer)
        if dropped > 0:
            lines.append(f"{peer.name}: threw {100 * dropped:.0f} % of the inserts away because "
                         "its queue was full; with more than 1 % its insert time is not ranked.")
        for line in results.lines:
            if (line["peer"] == peer.name and line["mode"] == "ratio"
                    and not 0.97 <= line["entries"] / 100_000 <= 1.01):
                lines.append(f"{peer.name}: held {line['entries']} entries, not 100000, at the end "
                             f"of the trace {line['trace']}.")
    return list(dict.fromkeys(lines))


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return (f"{model.group(1) if model else 'unknown processor'}, {os.cpu_count()} CPUs, "
            f"Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}")


def report(peers, absent, results, arguments, before):
    print(f"\nmachine: {before}\n"
          f"1 000 000 keys of 16 bytes, values of 100, Zipf 0.99; {arguments.draws} draws; "
          f"{arguments.rounds} rounds: median (min-max), * = best\n")
    print_rows(rows_of(peers, results))
    what = "processor time / operations, waiting not counted" if arguments.cpu else (
        "wall time x threads / operations")
    print(f"\nns: {what}. Scaling: hits a second of 2 threads over those of 1.\n"
          f"Hit ratio: room for 100 000 entries. Bytes per entry: {PAYLOAD_BYTES} of them are key "
          "and value.\n")
    for peer in peers:
        print(f"{peer.name} {peer.version()}: {peer.note}")
    for title, lines in [("", verdicts(peers, results)), ("", remarks(peers, results)),
                         ("not run:", [f"{name}: {why}" for name, why in absent.items()]),
                         ("FAILED:", list(dict.fromkeys(results.failures)))]:
        if lines:
            print("\n" + "\n".join(([title] if title else []) + lines))


def write_json(path, peers, absent, results, arguments, before):
    content = {
        "machine": before,
        "rounds": arguments.rounds,
        "draws": arguments.draws,
        "versions": {peer.name: peer.version() for peer in peers},
        "not_run": absent,
        "failures": results.failures,
        "lines": results.lines,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, help="hits timed in a run (default %d)" % DRAWS)
    parser.add_argument("--rounds", type=int, default=None, help="runs of each (default 5)")
    parser.add_argument("--only", metavar="NAME,...", help="only these rows of the table")
    parser.add_argument("--quick", action="store_true", help="2 rounds of a quarter of the draws")
    parser.add_argument("--cpu", action="store_true",
                        help="processor time instead of wall time, for a machine that is not idle")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--build-dir", type=pathlib.Path, default=SOURCE / "build/peers",
                        help="other programs, logs and the workload (default: %(default)s)")
    parser.add_argument("--cmake-dir", type=pathlib.Path, default=SOURCE / "build/release",
                        help="build of the C++ programs (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="parallel compilations")
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 2 if arguments.quick else 5
    if not 1 <= arguments.rounds <= 100:
        parser.error("--rounds is 1 to 100")
    if arguments.draws is None:
        arguments.draws = QUICK_DRAWS if arguments.quick else DRAWS
    arguments.only = arguments.only.split(",") if arguments.only else []
    unknown = set(arguments.only) - {peer.name for peer in PEERS}
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are: "
                     + ", ".join(peer.name for peer in PEERS))
    return arguments


def main():
    arguments = parse_arguments()
    if shutil.which("taskset") is None:
        sys.exit("error: taskset is not installed (Debian: util-linux)")
    builder = Builder(arguments.build_dir.resolve(), arguments.cmake_dir.resolve(), arguments.jobs)
    peers, absent = available(builder, arguments.only)
    if not peers:
        sys.exit("error: nothing to run: " + "; ".join(f"{k}: {v}" for k, v in absent.items()))
    if len(os.sched_getaffinity(0)) < 2:
        say("only one processor: figures of 2 threads are of no use")
    workload = builder.root / "workload"
    write_workload(builder, workload, arguments.draws)
    before = machine()
    results = Results(arguments.cpu)
    measure(builder, peers, workload, arguments.rounds, results)
    for peer in [peer for peer in peers if not results.ran(peer)]:
        peers.remove(peer)
        absent[peer.name] = "it answered in no mode; for the visitor: the API has none"
    report(peers, absent, results, arguments, before)
    if arguments.json:
        write_json(arguments.json, peers, absent, results, arguments, before)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
