#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes, which are killed, frozen and cut off while they ask for keys.

    cluster_test.py --node build/dev/tests/cluster/cluster_node --work DIRECTORY
                    [--on loopback|namespaces] [--only PATTERN] [--jobs N] [--list]

The cases run several at a time, each with processes on addresses, or in namespaces, of its own. Ends
with a table of what was measured, and with 1 when a case failed, with 77 when none could run here.
Every process ends by itself, and every wait has an end.

Times are the processes' own, of the clock that they share. Bounds are far above what is normal, since
the machine may be loaded; the table has the numbers.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import traceback
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from child import Child, Failed
from network import Network, Unavailable, remove_leftovers

SKIPPED = 77
LIFETIME_SECONDS = 110
PORT = 17946
# A view settles in this time whatever happened, apart from the time until somebody is failed.
SETTLES = 15
# Until the silent are declared failed: 5 s at least, longer for who doubts itself.
FAILS = 30
# From when a link is back.
REJOINS = 30


class Node(Child):
    """cluster_node."""

    def __init__(self, bench, number, name, port, seeds, flags):
        ip = bench.ip(number)
        self.gossip = f"{ip}:{port}"
        self._words = pathlib.Path(bench.logs, f"{name}-{time.monotonic_ns()}.json")
        command = [*bench.within(number), bench.program, "--name", name, "--bind", ip,
                   "--port", str(port), "--lifetime", str(LIFETIME_SECONDS)]
        if seeds:
            command += ["--seed", ",".join(seeds)]
        for flag, value in flags.items():
            command += ["--" + flag.replace("_", "-"), str(value)]
        super().__init__(command, name)

    def time_of(self, event, within, since, **fields):
        """When it first said so after the place `since`, by its own clock."""
        return self.wait(event, within, since, **fields)[1]["t"]

    def view(self):
        """Who owns the keys."""
        views = self.all("view")
        return views[-1]["owners"] if views else []

    def keep_words(self):
        """What it said, for whoever looks for the reason of a failure."""
        self._words.write_text("".join(json.dumps(line) + "\n" for _, line in self.said), encoding="utf-8")

    def link_states(self):
        states = {}
        for line in self.all("link"):
            states[line["name"]] = line["state"]
        return states


class Bench:
    """What one case runs with."""

    _places = iter(range(15))
    _lock = threading.Lock()
    open = []  # For an early end.

    def __init__(self, program, case, logs):
        with Bench._lock:
            self._place = next(Bench._places)
            Bench.open.append(self)
        self.program = program
        self.logs = os.path.join(logs, case.name)
        os.makedirs(self.logs)
        self.notes = []
        self.nodes = []
        self.net = Network(self._place, 4) if case.namespaces else None

    def ip(self, number):
        if self.net:
            return self.net.ip(number)
        # Two runs of this script at once seldom meet: 14 bits of the process, 4 of the case.
        run = os.getpid() & 0x3fff
        return f"127.{64 + (run >> 8)}.{run & 0xff}.{16 * self._place + number}"

    def within(self, number):
        return self.net.within(number) if self.net else []

    def begin(self, number, port=PORT, **flags):
        """Who was first needs no seeds; all know the same two."""
        seeds = [f"{self.ip(seed)}:{PORT}" for seed in (1, 2)] if self.nodes else []
        self.nodes.append(Node(self, number, f"n{number}", port, seeds, flags))
        return self.nodes[-1]

    def start(self, number, port=PORT, **flags):
        node = self.begin(number, port, **flags)
        node.wait("up", 15)
        return node

    def cluster(self, **flags):
        """Four nodes that have found each other and have fetched for a while."""
        nodes = [self.start(number, **flags) for number in range(1, 5)]
        agree(nodes, names_of(nodes), SETTLES)
        linked(nodes, SETTLES)
        time.sleep(2)
        return nodes

    def note(self, text):
        self.notes.append(text)

    def check_ends(self):
        """Who has ended was killed, or left."""
        for node in self.nodes:
            code = node.process.poll()
            if code not in (None, 0, -signal.SIGKILL):
                raise Failed(f"{node.name} ended with {code}: {node.process.stderr.read()[-2000:]}")

    def end(self):
        for node in self.nodes:
            node.end()
            node.keep_words()
        if self.net:
            self.net.close()


CASES = []


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: Callable
    namespaces: bool


def case(namespaces=False):
    def register(function):
        CASES.append(Case(function.__name__, function, namespaces))
        return function

    return register


# ---- What is waited for, and what must hold


def names_of(nodes):
    return sorted(node.name for node in nodes)


def until(condition, within, what):
    """The time that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise Failed(f"not within {within} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return time.monotonic() - began


def agree(nodes, owners, within):
    """Waits until all have this view."""
    return until(lambda: all(node.view() == owners for node in nodes), within,
                 lambda: f"all see {owners}: {[(node.name, node.view()) for node in nodes]}")


def linked(nodes, within):
    """Waits until each reaches each."""
    def whole():
        return all(node.link_states().get(other.name) == "reachable"
                   for node in nodes for other in nodes if other is not node)

    return until(whole, within, lambda: f"all are linked: {[node.link_states() for node in nodes]}")


def marks_of(nodes):
    return {node.name: node.mark() for node in nodes}


def said(nodes, event, marks, **fields):
    """Who said it since, and of whom."""
    return [(node.name, line.get("name")) for node in nodes
            for line in node.all(event, marks[node.name])
            if all(line.get(key) == value for key, value in fields.items())]


def never(nodes, event, marks, **fields):
    found = said(nodes, event, marks, **fields)
    if found:
        raise Failed(f"{event} must not be: {found}")


def steady_view(nodes, marks):
    views = [(node.name, line["owners"]) for node in nodes
             for line in node.all("view", marks[node.name])]
    if views:
        raise Failed(f"the view must not change: {views}")


def since(t0, times):
    """First and last of some times after t0, to be read."""
    first, last = min(times) - t0, max(times) - t0
    return f"{1000 * first:.0f} to {1000 * last:.0f} ms" if last < 2 else f"{first:.1f} to {last:.1f} s"


@dataclasses.dataclass
class Sums:
    begun: int = 0
    ok: int = 0
    failed: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    stand_ins: int = 0
    guest_loads: int = 0
    longest_ms: float = 0

    def __str__(self):
        failed = ", ".join(f"{count} {code}" for code, count in self.failed.items())
        return (f"{self.ok} of {self.begun} gets ok{', failed: ' + failed if failed else ''}, longest "
                f"{self.longest_ms:.0f} ms, {self.stand_ins} by stand-ins")


def gets_of(nodes, marks):
    """Sums of the gets since. Failed when one was not over by its deadline, had a wrong value, or ended
    twice, and when a node got nothing for two seconds on end."""
    sums = Sums()
    for node in nodes:
        place = marks[node.name]
        idle = 0
        if node.all("overdue", place):
            raise Failed(f"{node.name}: gets that went past their deadline: {node.all('overdue', place)[:5]}")
        for line in node.all("second", place):
            if line["wrong"] or line["twice"] or line["overdue"]:
                raise Failed(f"{node.name}: {line}")
            sums.begun += line["begun"]
            sums.ok += line["ok"]
            sums.failed.update(line["failed"])
            sums.stand_ins += line["stand_ins"]
            sums.guest_loads += line["guest_loads"]
            sums.longest_ms = max(sums.longest_ms, line["longest_ms"])
            idle = idle + 1 if line["begun"] and not line["ok"] else 0
            if idle == 2:
                raise Failed(f"{node.name} got nothing for two seconds: {line}")
    return sums


# ---- Processes


@case()
def kill(bench):
    nodes = bench.cluster()
    victim, others = nodes[2], [nodes[0], nodes[1], nodes[3]]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    victim.crash()
    links = [node.time_of("link", 5, marks[node.name], name="n3", state="unreachable") for node in others]
    told = [node.time_of("unreachable", 10, marks[node.name], name="n3") for node in others]
    bench.note(f"links down after {since(t0, links)}, unreachable after {since(t0, told)}")
    failed = [node.time_of("failed", FAILS, marks[node.name], name="n3") for node in others]
    views = [node.time_of("view", SETTLES, marks[node.name], owners=names_of(others)) for node in others]
    bench.note(f"failed after {since(t0, failed)}, three own the keys after {since(t0, views)}")
    if min(views) < min(failed):
        raise Failed("ownership moved before anybody was failed")
    time.sleep(1)
    gets = gets_of(others, marks)
    bench.note(str(gets))
    if not gets.stand_ins:
        raise Failed("no get went to a stand-in")

    marks = marks_of(nodes)
    t0 = time.monotonic()
    reborn = bench.start(3, port=PORT + 1)
    everybody = [*others, reborn]
    marks[reborn.name] = 0
    agree(everybody, names_of(everybody), REJOINS)
    linked(everybody, SETTLES)
    back = [node.time_of("view", 1, marks[node.name], owners=names_of(everybody)) for node in everybody]
    bench.note(f"back at another port after {since(t0, back)}")
    time.sleep(1)
    bench.note(str(gets_of(everybody, marks)))


@case()
def freeze(bench):
    nodes = bench.cluster()
    victim, others = nodes[1], [nodes[0], *nodes[2:]]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    victim.signal(signal.SIGSTOP)
    time.sleep(3)
    t1 = time.monotonic()
    victim.signal(signal.SIGCONT)
    down = [node.time_of("link", 2, marks[node.name], name="n2", state="unreachable") for node in others]
    linked(nodes, SETTLES)
    up = [line["t"] for node in others for line in node.all("link", marks[node.name])
          if line["name"] == "n2" and line["state"] == "reachable"]
    bench.note(f"links down after {since(t0, down)}, up {since(t1, up)} after it ran again")
    # In which a suspect would be declared failed.
    time.sleep(8)
    never(nodes, "failed", marks)
    steady_view(nodes, marks)
    bench.note(f"{len(said(nodes, 'suspected', marks))} suspicions, "
               f"{len(said(nodes, 'unreachable', marks))} said unreachable")
    bench.note(str(gets_of(nodes, marks)))


@case()
def freeze_impatient(bench):
    """With deadlines before the silence is noticed: those gets end by them."""
    nodes = bench.cluster(deadline_ms=300, loops=2)
    victim, others = nodes[1], [nodes[0], *nodes[2:]]
    marks = marks_of(nodes)
    victim.signal(signal.SIGSTOP)
    time.sleep(3)
    victim.signal(signal.SIGCONT)
    linked(nodes, SETTLES)
    time.sleep(2)
    gets = gets_of(others, marks)
    bench.note(str(gets))
    if not gets.failed or set(gets.failed) != {"timed_out"}:
        raise Failed("some gets were to time out, and nothing else to go wrong")
    marks = marks_of(nodes)
    time.sleep(2)
    if gets_of(nodes, marks).failed:
        raise Failed("gets fail when all is well again")


@case()
def freeze_long(bench):
    """Longer than a suspect has."""
    nodes = bench.cluster()
    victim, others = nodes[0], nodes[1:]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    victim.signal(signal.SIGSTOP)
    failed = [node.time_of("failed", FAILS, marks[node.name], name="n1") for node in others]
    agree(others, names_of(others), SETTLES)
    bench.note(f"failed after {since(t0, failed)}")
    victim.signal(signal.SIGCONT)
    bench.note(f"one view {agree(nodes, names_of(nodes), REJOINS):.1f} s after it ran again")
    linked(nodes, SETTLES)
    time.sleep(8)
    never([victim], "failed", marks)
    if any(node.view() != names_of(nodes) for node in nodes):
        raise Failed(f"the view did not stay: {[node.view() for node in nodes]}")
    bench.note(str(gets_of(nodes, marks)))


@case()
def restart(bench):
    """Killed and back at once, at the same address: before anybody is sure that it was gone."""
    nodes = bench.cluster(loops=2)
    victim, others = nodes[2], [nodes[0], nodes[1], nodes[3]]
    marks = marks_of(others)
    t0 = time.monotonic()
    victim.crash()
    reborn = bench.start(3, loops=2)
    everybody = [*others, reborn]
    marks[reborn.name] = 0
    back = reborn.time_of("view", REJOINS, 0, owners=names_of(everybody))
    bench.note(f"it sees all after {since(t0, [back])}")
    # In which the earlier process would be declared failed.
    time.sleep(8)
    agree(everybody, names_of(everybody), SETTLES)
    linked(everybody, SETTLES)
    bench.note(f"{len(said(others, 'failed', marks))} said failed")
    bench.note(str(gets_of(everybody, marks)))


@case()
def cold_start(bench):
    """All at once, and again after all were killed."""
    for _ in range(2):
        t0 = time.monotonic()
        nodes = [bench.begin(number) for number in range(1, 5)]
        agree(nodes, names_of(nodes), REJOINS)
        linked(nodes, SETTLES)
        bench.note(f"one view and all linked after {time.monotonic() - t0:.1f} s")
        time.sleep(2)
        bench.note(str(gets_of(nodes, dict.fromkeys(names_of(nodes), 0))))
        for node in nodes:
            node.crash()


@case()
def leave(bench):
    nodes = bench.cluster()
    leaver, others = nodes[3], nodes[:3]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    leaver.signal(signal.SIGTERM)
    left = [node.time_of("left", 10, marks[node.name], name="n4") for node in others]
    views = [node.time_of("view", SETTLES, marks[node.name], owners=names_of(others)) for node in others]
    stopped = leaver.time_of("stopped", 15, marks["n4"])
    bench.note(f"left after {since(t0, left)}, three own the keys after {since(t0, views)}, "
               f"it ended after {since(t0, [stopped])}")
    if leaver.process.wait(10) != 0:
        raise Failed(f"it ended with {leaver.process.returncode}")
    time.sleep(3)
    for event in ("failed", "unreachable"):
        never(others, event, marks)
    gets = gets_of(others, marks)
    bench.note(str(gets))
    if gets.failed:
        failures = [line for node in others for line in node.all("failure", marks[node.name])]
        raise Failed(f"gets failed: {failures[:5]}")


# ---- Networks


@case(namespaces=True)
def cut(bench):
    nodes = bench.cluster()
    victim, others = nodes[2], [nodes[0], nodes[1], nodes[3]]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    bench.net.cut(3)
    links = [node.time_of("link", 10, marks[node.name], name="n3", state="unreachable") for node in others]
    told = [node.time_of("unreachable", 15, marks[node.name], name="n3") for node in others]
    failed = [node.time_of("failed", FAILS, marks[node.name], name="n3") for node in others]
    alone = [victim.time_of("failed", FAILS, marks["n3"], name=node.name) for node in others]
    bench.note(f"links down after {since(t0, links)}, unreachable after {since(t0, told)}, failed after "
               f"{since(t0, failed)}, the others for it after {since(t0, alone)}")
    time.sleep(max(0, t0 + 15 - time.monotonic()))
    t1 = time.monotonic()
    bench.net.mend(3)
    took = agree(nodes, names_of(nodes), REJOINS)
    bench.note(f"one view {took:.1f} s after the link was up")
    linked(nodes, SETTLES)
    bench.note(f"all linked after {time.monotonic() - t1:.1f} s")
    bench.note(str(gets_of(nodes, marks)))


@case(namespaces=True)
def loss(bench):
    nodes = bench.cluster()
    marks = marks_of(nodes)
    bench.note("20 % by " + bench.net.lose(20))
    time.sleep(30)
    never(nodes, "failed", marks)
    steady_view(nodes, marks)
    bench.note(f"{len(said(nodes, 'suspected', marks))} suspicions, "
               f"{len(said(nodes, 'unreachable', marks))} said unreachable, "
               f"{len(said(nodes, 'link', marks, state='unreachable'))} links down")
    bench.note(str(gets_of(nodes, marks)))

    victim, others = nodes[3], nodes[:3]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    victim.crash()
    failed = [node.time_of("failed", FAILS, marks[node.name], name="n4") for node in others]
    agree(others, names_of(others), SETTLES)
    bench.note(f"who was killed then is failed after {since(t0, failed)}")
    if {name for _, name in said(others, "failed", marks)} != {"n4"}:
        raise Failed(f"others are failed: {said(others, 'failed', marks)}")
    bench.net.filter_no_more()
    linked(others, SETTLES)
    bench.note(str(gets_of(others, marks)))


@case(namespaces=True)
def pair(bench):
    """Two that do not reach each other, while the others reach both."""
    nodes = bench.cluster()
    marks = marks_of(nodes)
    bench.net.block(1, 2)
    bench.net.block(2, 1)
    apart(bench, nodes, marks)


@case(namespaces=True)
def one_way(bench):
    """One that does not hear another, who hears it."""
    nodes = bench.cluster()
    marks = marks_of(nodes)
    bench.net.block(1, 2)
    apart(bench, nodes, marks)


def apart(bench, nodes, marks):
    """n1 and n2 have lost each other: nothing follows but that they do without."""
    t0 = time.monotonic()
    first, second = nodes[:2]
    links = [node.time_of("link", 10, marks[node.name], name=other.name, state="unreachable")
             for node, other in ((first, second), (second, first))]
    bench.note(f"links down after {since(t0, links)}")
    time.sleep(15)
    never(nodes, "failed", marks)
    never(nodes, "unreachable", marks)
    steady_view(nodes, marks)
    bench.note(f"{len(said(nodes, 'suspected', marks))} suspicions")
    t1 = time.monotonic()
    bench.net.filter_no_more()
    linked(nodes, SETTLES)
    bench.note(f"all linked {time.monotonic() - t1:.1f} s after they could again")
    bench.note(str(gets_of(nodes, marks)))


@case(namespaces=True)
def no_udp(bench):
    bench.net.block_udp()
    nodes = [bench.start(number) for number in range(1, 5)]
    marks = marks_of(nodes)
    bench.note(f"one view after {agree(nodes, names_of(nodes), REJOINS):.1f} s")
    linked(nodes, SETTLES)
    time.sleep(20)
    never(nodes, "failed", marks)
    bench.note(f"{len(said(nodes, 'suspected', marks))} suspicions, "
               f"{len(said(nodes, 'unreachable', marks))} said unreachable")
    for node in nodes:
        warnings = [line["line"] for line in node.all("log") if "UDP" in line["line"]]
        bench.note(f"{node.name} warned {len(warnings)} times")
        # Of single members, until it is clear that most are concerned.
        of_all = [line for line in warnings if "UDP blocked here" in line]
        if len(of_all) != 1 or len(warnings) > len(nodes):
            raise Failed(f"{node.name} was to warn once: {warnings}")
    bench.note(str(gets_of(nodes, marks)))


@case(namespaces=True)
def partition(bench):
    nodes = bench.cluster()
    halves = nodes[:2], nodes[2:]
    marks = marks_of(nodes)
    t0 = time.monotonic()
    bench.net.split((3, 4))
    for half in halves:
        agree(half, names_of(half), FAILS + SETTLES)
    views = [node.time_of("view", 1, marks[node.name], owners=names_of(half))
             for half in halves for node in half]
    bench.note(f"two own the keys on each side after {since(t0, views)}")
    time.sleep(3)
    bench.net.heal()
    took = agree(nodes, names_of(nodes), REJOINS)
    bench.note(f"one view {took:.1f} s after it was healed")
    linked(nodes, SETTLES)
    bench.note(str(gets_of(nodes, marks)))


# ---- Running them


@dataclasses.dataclass
class Outcome:
    case: Case
    seconds: float
    notes: list
    error: str = ""
    skipped: str = ""


def run_case(one, program, logs):
    began = time.monotonic()
    outcome = Outcome(one, 0, [])
    bench = None
    try:
        bench = Bench(program, one, logs)
        outcome.notes = bench.notes
        if bench.net:
            bench.net.build()
        one.run(bench)
        bench.check_ends()
    except Unavailable as reason:
        outcome.skipped = str(reason)
    except Failed as failure:
        outcome.error = str(failure)
    except Exception:
        outcome.error = traceback.format_exc()
    finally:
        if bench:
            bench.end()
    outcome.seconds = time.monotonic() - began
    return outcome


def report(outcomes):
    for outcome in sorted(outcomes, key=lambda one: CASES.index(one.case)):
        state = "FAILED" if outcome.error else "skipped" if outcome.skipped else "ok"
        print(f"{state:<8}{outcome.case.name:<11}{outcome.seconds:6.1f} s")
        for line in (*outcome.notes, outcome.error, outcome.skipped):
            if line:
                print("        " + line.rstrip().replace("\n", "\n        "))
    if any(outcome.error for outcome in outcomes):
        return 1
    return SKIPPED if all(outcome.skipped for outcome in outcomes) else 0


def end_at_once(number, _):
    """Ctrl-C, or somebody's patience is over: leaves nothing behind."""
    for bench in Bench.open:
        bench.end()
    os._exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--node", required=True, type=pathlib.Path, help="the program cluster_node")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="for what the processes said")
    parser.add_argument("--on", choices=("loopback", "namespaces"), help="only cases of this kind")
    parser.add_argument("--only", default="*", help="cases whose name matches")
    parser.add_argument("--jobs", type=int, default=4, help="cases at a time")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    chosen = [one for one in CASES if fnmatch.fnmatch(one.name, arguments.only) and
              (arguments.on is None or one.namespaces == (arguments.on == "namespaces"))]
    if arguments.list:
        for one in chosen:
            print(f"{one.name} on {'namespaces' if one.namespaces else 'loopback'}")
        return 0
    logs = arguments.work / f"logs-{arguments.on or 'all'}"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_at_once)
    if any(one.namespaces for one in chosen) and os.geteuid() == 0 and shutil.which("ip"):
        remove_leftovers()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(run_case, one, str(arguments.node.resolve()), str(logs))
                   for one in chosen]
        outcomes = [done.result() for done in concurrent.futures.as_completed(running)]
    return report(outcomes)


if __name__ == "__main__":
    sys.exit(main())
