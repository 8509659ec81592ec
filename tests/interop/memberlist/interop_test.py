#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts kith's membership into one pool with HashiCorp's memberlist, and with Serf.

    interop_test.py --programs build/dev/tests/interop/memberlist --work DIRECTORY
                    [--only PATTERN] [--jobs N] [--list]

Builds the Go programs of go/, runs the cases below, each on loopback addresses of its own, several at
a time, and prints a table. Exits with 1 when a case failed, with 77 when there is no Go or no
memberlist to run with. Every process ends by itself, and every wait has an end.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import traceback
from typing import Callable, Optional

import build_go
import raw
from node import Failed, Node, agree, said_bytes

SKIPPED = 77
KEY16 = b"0123456789abcdef".hex()
OTHER_KEY16 = b"fedcba9876543210".hex()
KEY32 = b"0123456789abcdef0123456789ABCDEF".hex()


@dataclasses.dataclass(frozen=True)
class Programs:
    kith: str
    cluster: str
    memberlist: dict  # Version -> (program, whether it has labels).
    serf: Optional[tuple]  # (version, program)


class Bench:
    """What one case runs with: its processes, on addresses of its own."""

    _places = iter(range(1, 255))
    _lock = threading.Lock()

    def __init__(self, programs, version, logs):
        self.programs = programs
        self.version = version
        self.logs = logs
        self.notes = []
        self.nodes = []
        with Bench._lock:
            place = next(Bench._places)
        # Two runs of this script at once seldom meet.
        self.net = f"127.{100 + os.getpid() % 100}.{place}"
        self.port = 18_000 + 2 * place

    def ip(self, number):
        return f"{self.net}.{number}"

    def _start(self, program, name, ip, flags):
        node = Node(program, name, ip or self.ip(len(self.nodes) + 1), self.logs, **flags)
        self.nodes.append(node)
        return node.up()

    def kith(self, name="k1", ip=None, **flags):
        return self._start(self.programs.kith, name, ip, flags)

    def cluster(self, name="k1", ip=None, **flags):
        """A kith node with all that kith says above memberlist's wire."""
        return self._start(self.programs.cluster, name, ip, flags)

    def go(self, name="g1", ip=None, **flags):
        return self._start(self.programs.memberlist[self.version][0], name, ip, flags)

    def serf(self, name="s1", **flags):
        return self._start(self.programs.serf[1], name, None, flags)

    def pair(self, kith_joins, **flags):
        """A node of each kind, joined one way or the other."""
        kith, go = self.kith(**flags), self.go(**flags)
        if kith_joins:
            kith.joins(go)
        else:
            go.joins(kith)
        agree([kith, go], ["k1", "g1"])
        return kith, go

    def note(self, text):
        self.notes.append(text)

    def end(self):
        for node in self.nodes:
            node.end()


CASES = []


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    run: Callable
    arguments: tuple
    needs_labels: bool = False
    needs_serf: bool = False


def case(*variants, needs_labels=False, needs_serf=False):
    """Registers a function as cases, one for each tuple (name's ending, arguments...)."""

    def register(function):
        for ending, *arguments in variants or (("",),):
            name = function.__name__ + (" " + ending if ending else "")
            labels = needs_labels or "label" in ending
            CASES.append(Case(name, function, tuple(arguments), labels, needs_serf))
        return function

    return register


BOTH_WAYS = (("kith->go", True), ("go->kith", False))


# ---- Being in one pool


@case(*BOTH_WAYS)
def join(bench, kith_joins):
    kith, go = bench.kith(meta="km", state="ks"), bench.go(meta="gm", state="gs")
    joiner, seed = (kith, go) if kith_joins else (go, kith)
    joiner.joins(seed)
    bench.note(f"two agree after {agree([kith, go], ['k1', 'g1']):.2f} s")
    for node, theirs in ((kith, b"gs"), (go, b"ks")):
        if said_bytes(node.wait("merge", 5)[1]) != theirs:
            raise Failed(f"{node.name} merged another user state than {theirs}")
    third = bench.go("g2") if kith_joins else bench.kith("k2")
    third.joins(joiner)
    took = agree([kith, go, third], ["k1", "g1", third.name])
    bench.note(f"three after {took:.2f} s")
    for node in (kith, go, third):
        if node.health() != 0:
            raise Failed(f"{node.name} doubts its own health: {node.health()}")


SECRETS = {"plain": {}, "key16": {"key": KEY16}, "key32": {"key": KEY32},
           "label": {"label": "lbl"}, "label+key16": {"label": "lbl", "key": KEY16}}


@case(*((f"{secret}{' compressed' if compress else ''} {way}", secret, compress, kith_joins)
        for secret in SECRETS for compress in (False, True) for way, kith_joins in BOTH_WAYS))
def matrix(bench, secret, compress, kith_joins):
    flags = {**SECRETS[secret], "compress": compress}
    kith, go = bench.pair(kith_joins, meta="meta " * 20, **flags)
    kith.do("setmeta new")
    agree([kith, go], ["k1", "g1"])
    kith.do("tcp g1 over a stream")
    go.do("udp k1 in a packet")
    if said_bytes(go.wait("msg", 5)[1]) != b"over a stream":
        raise Failed("g1 heard something else")
    if said_bytes(kith.wait("msg", 5)[1]) != b"in a packet":
        raise Failed("k1 heard something else")
    # Long enough for several probes each way.
    time.sleep(2.5)
    for node in (kith, go):
        if node.all("leave") or node.all("suspect") or node.health() != 0:
            raise Failed(f"{node.name} does not hear the other well")


# What kith does, what memberlist does, what kith's log says then, and what memberlist's.
MISMATCHES = {
    "other key": ({"key": KEY16}, {"key": OTHER_KEY16}, "none of the keys opens",
                  "o installed keys could decrypt"),
    "key and none": ({"key": KEY16}, {}, "that is not encrypted", "ncrypt"),
    "none and key": ({}, {"key": KEY16}, "where no key is configured", "ncrypt"),
    "other label": ({"label": "one"}, {"label": "two"}, "another pool, by its label",
                    "unacceptable label"),
    "label and none": ({"label": "one"}, {}, "another pool, by its label", "unacceptable label"),
}


@case(*((name, name) for name in MISMATCHES))
def mismatch(bench, name):
    of_kith, of_go, kith_says, go_says = MISMATCHES[name]
    kith, go = bench.kith(**of_kith), bench.go(**of_go)
    for joiner, seed in ((kith, go), (go, kith)):
        if joiner.ask(f"join {seed.address}", "joined", 20)["n"] != 0:
            raise Failed(f"{joiner.name} says that it joined")
    for node in (kith, go):
        if sorted(node.members()[0]) != [node.name]:
            raise Failed(f"{node.name} took in {sorted(node.members()[0])}")
    kith.wait_log(kith_says, 5)
    go.wait_log(go_says, 5)


@case()
def ipv6(bench):
    # There is only one address, so the ports are the case's own.
    kith = bench.kith(ip="::1", port=bench.port)
    go = bench.go(ip="::1", port=bench.port + 1)
    kith.joins(go)
    agree([kith, go], ["k1", "g1"])
    time.sleep(3)
    agree([kith, go], ["k1", "g1"])
    if kith.all("suspect") or go.health() != 0:
        raise Failed("they do not hear each other well")


@case()
def steady(bench):
    nodes = [bench.kith("k1"), bench.go("g1"), bench.kith("k2"), bench.go("g2")]
    for node in nodes[1:]:
        node.joins(nodes[0])
    agree(nodes, [node.name for node in nodes])
    time.sleep(30)
    agree(nodes, [node.name for node in nodes])
    for node in nodes:
        for event in ("leave", "suspect", "conflict", "udp_blocked", "incompatible"):
            if node.all(event):
                raise Failed(f"{node.name} says {node.all(event)}")
        for line in node.log().splitlines():
            if "[ERR" in line or "[WARN" in line:
                raise Failed(f"the log of {node.name} has: {line}")


# ---- What it carries


@case()
def meta(bench):
    kith, go = bench.pair(True)
    for teller, hearer, text in ((kith, go, "from kith"), (go, kith, "from go")):
        began = time.monotonic()
        teller.do(f"setmeta {text}")
        when, update = hearer.wait("update", 5, name=teller.name)
        if said_bytes({"b64": update["meta_b64"]}) != text.encode():
            raise Failed(f"{hearer.name} heard another meta: {update}")
        bench.note(f"{teller.name}: {when - began:.2f} s")
    agree([kith, go], ["k1", "g1"])


@case()
def user(bench):
    kith, go = bench.pair(False)
    longest = "x" * 1395
    for teller, hearer in ((kith, go), (go, kith)):
        for how, payload in (("bcast", "b"), ("bcast", longest), (f"udp {hearer.name}", "u"),
                             (f"udp {hearer.name}", longest), (f"udp {hearer.name}", ""),
                             (f"tcp {hearer.name}", "t"), (f"tcp {hearer.name}", longest * 50)):
            since = hearer.mark()
            teller.do(f"{how} {payload}")
            heard = said_bytes(hearer.wait("msg", 10, since)[1])
            # A broadcast comes several times.
            deadline = time.monotonic() + 10
            while heard != payload.encode() and time.monotonic() < deadline:
                since = hearer.mark()
                heard = said_bytes(hearer.wait("msg", 10, since)[1])
            if heard != payload.encode():
                raise Failed(f"{hearer.name} did not hear '{payload[:20]}' by {how}")
    refused = kith.ask(f"bcast {longest}x", "done")
    if not refused["err"]:
        raise Failed("kith takes a broadcast that fits into no packet")


# ---- Leaving and dying


@case(("kith", True), ("go", False))
def leave(bench, kith_leaves):
    kith, go = bench.pair(True)
    # Hears of it by push/pull alone.
    late = bench.kith("k2", push_pull=1)
    late.joins(kith)
    agree([kith, go, late], ["k1", "g1", "k2"])
    leaver, stayer = (kith, go) if kith_leaves else (go, kith)
    late.tell(f"deaf {kith.ip}")
    late.tell(f"deaf {go.ip}")
    began = time.monotonic()
    if leaver.ask("leave", "left", 10)["err"]:
        raise Failed("leaving failed")
    when, _ = stayer.wait("leave", 5, name=leaver.name)
    bench.note(f"heard after {when - began:.2f} s")
    if not kith_leaves and kith.record("g1")["state"] != "left":
        raise Failed("kith takes memberlist for dead where it left")
    late.wait("leave", 10, name=leaver.name, kind="left")
    if not raw.answers_ping(leaver.ip, leaver.port, leaver.name, bench.ip(9)):
        raise Failed(f"{leaver.name} does not answer pings after it left")
    time.sleep(1)
    if sorted(stayer.members()[0]) != sorted({stayer.name, "k2"}):
        raise Failed(f"{stayer.name} lists {sorted(stayer.members()[0])}")


def die(bench, profile, kith_dies, fewest, most):
    kith, go = bench.pair(True, profile=profile)
    time.sleep(1.5)
    victim, witness = (kith, go) if kith_dies else (go, kith)
    died = victim.crash()
    when, line = witness.wait("leave", most + 10, name=victim.name)
    took = when - died
    bench.note(f"known after {took:.1f} s")
    if not kith_dies and line["kind"] != "failed":
        raise Failed("kith takes it for one that left")
    if not fewest <= took <= most:
        raise Failed(f"it took {took:.1f} s and should take {fewest} to {most}")


@case(("kith, 2 nodes, local", True), ("go, 2 nodes, local", False))
def crash(bench, kith_dies):
    die(bench, "local", kith_dies, 2.5, 12)


@case(("kith, 2 nodes, LAN", True), ("go, 2 nodes, LAN", False))
def crash_lan(bench, kith_dies):
    die(bench, "lan", kith_dies, 4, 15)


@case(("kith", True), ("go", False))
def freeze(bench, kith_freezes):
    kith, go = bench.pair(True, profile="lan")
    time.sleep(2)
    frozen, witness = (kith, go) if kith_freezes else (go, kith)
    before = kith.record(frozen.name)["incarnation"]
    for _ in range(3):  # Until the probe falls into the freeze: at every second tick of memberlist's.
        frozen.signal(signal.SIGSTOP)
        time.sleep(3.5)
        frozen.signal(signal.SIGCONT)
        time.sleep(2)
        suspected = (f"Suspect {frozen.name}" in go.log() if kith_freezes
                     else bool(kith.all("suspect")))
        if suspected:
            break
    else:
        raise Failed("nobody suspected it")
    if not kith_freezes:
        kith.wait("cleared", 5, name="g1")
    agree([kith, go], ["k1", "g1"], 5)
    after = kith.record(frozen.name)["incarnation"]
    bench.note(f"incarnation {before} -> {after}")
    if after <= before:
        raise Failed("it did not refute")
    if witness.all("leave") or frozen.all("leave"):
        raise Failed("somebody was taken for dead")


@case(("before it is noticed", False), ("after", True))
def restart(bench, noticed):
    kith, go = bench.pair(True)
    other = bench.kith("k2")
    other.joins(go)
    agree([kith, go, other], ["k1", "g1", "k2"])
    since = go.mark()
    kith.crash()
    if noticed:
        go.wait("leave", 20, since, name="k1")
        since = go.mark()
    again = bench.kith("k1", ip=kith.ip)
    again.joins(go)
    began = time.monotonic()
    agree([again, go, other], ["k1", "g1", "k2"])
    bench.note(f"back after {time.monotonic() - began:.2f} s")
    time.sleep(5)
    agree([again, go, other], ["k1", "g1", "k2"])
    incarnation = other.record("k1")["incarnation"]
    bench.note(f"incarnation {incarnation}")
    if noticed and incarnation < 2:
        raise Failed("it did not outdo its earlier life")
    if not noticed and go.all("leave", since):
        raise Failed("it was taken for dead after it came back")


@case()
def restart_of_go(bench):
    kith, go = bench.pair(True)
    go.crash()
    kith.wait("leave", 20, name="g1", kind="failed")
    again = bench.go("g1", ip=go.ip)
    again.joins(kith)
    bench.note(f"back after {agree([kith, again], ['k1', 'g1'], 10):.2f} s")


# ---- Networks that lose


@case()
def mute(bench):
    """kith does not hear pings in packets, and serves those on streams."""
    kith, go = bench.pair(True)
    kith.tell("deaf pings")
    time.sleep(12)
    agree([kith, go], ["k1", "g1"], 5)
    if go.all("leave"):
        raise Failed("it was taken for dead")
    if go.health() != 0:
        raise Failed(f"the health of g1 is {go.health()}")
    if "network may be misconfigured" not in go.log():
        raise Failed("g1 did not notice that packets are not answered")


@case(("by go", False), ("by kith", True))
def relay(bench, by_kith):
    """kith and memberlist do not hear each other, and a third hears both."""
    kith, go = bench.pair(True)
    third = bench.kith("k2") if by_kith else bench.go("g2")
    third.joins(go)
    agree([kith, go, third], ["k1", "g1", third.name])
    kith.tell(f"deaf {go.ip}")
    noticed = len(go.log())
    time.sleep(12)
    agree([kith, go, third], ["k1", "g1", third.name], 5)
    if go.all("leave") or kith.all("leave") or kith.all("suspect"):
        raise Failed("somebody was taken for dead or suspect")
    if kith.all("udp_blocked"):
        raise Failed("the relay's answers to kith did not come in time")
    # memberlist draws its relay at random nine times, and has none when it misses it each time.
    unrelayed = go.log()[noticed:].count("network may be misconfigured")
    if unrelayed > 2:
        raise Failed(f"{unrelayed} times the relay's answer to memberlist did not come in time")
    for node in (kith, go):
        if node.health() != 0:
            raise Failed(f"the health of {node.name} is {node.health()}")


# ---- Names


@case(("go judges", False), ("kith judges", True))
def conflict(bench, kith_judges):
    kith, go = bench.pair(True)
    if kith_judges:
        judge, owner, thief = kith, go, bench.go("g1", ip=bench.ip(8))
    else:
        judge, owner, thief = go, kith, bench.kith("k1", ip=bench.ip(8))
    thief.tell(f"join {judge.address}")
    _, line = judge.wait("conflict", 10, name=owner.name)
    if thief.ip not in line["theirs"]:
        raise Failed(f"another conflict: {line}")
    time.sleep(2)
    members, _ = judge.members()
    if sorted(members) != ["g1", "k1"] or members[owner.name]["addr"] != owner.ip:
        raise Failed(f"the first does not stay: {members}")


# ---- Strangers


@case()
def hostile(bench):
    kith, go = bench.pair(True)
    before = kith.memory_bytes()
    for seed in range(5):
        if not raw.attack(kith.ip, kith.port, "k1", seed, 1000, 60, bench.ip(9)):
            raise Failed("it does not answer in between")
    time.sleep(1)
    grown = kith.memory_bytes() - before
    bench.note(f"memory + {grown / 2**20:.1f} MiB")
    if grown > 64 << 20:
        raise Failed(f"its memory grew by {grown} bytes")
    agree([kith, go], ["k1", "g1"], 10)
    if go.all("leave") or kith.all("leave"):
        raise Failed("somebody was taken for dead")
    if not raw.answers_ping(kith.ip, kith.port, "k1", bench.ip(9)):
        raise Failed("it does not answer any more")


# ---- Keys


@case()
def rotation(bench):
    nodes = [bench.kith("k1", key=KEY16), bench.go("g1", key=KEY16), bench.kith("k2", key=KEY16)]
    for node in nodes[1:]:
        node.joins(nodes[0])
    names = [node.name for node in nodes]
    agree(nodes, names)
    for step in (f"addkey {KEY32}", f"usekey {KEY32}", f"removekey {KEY16}"):
        for node in nodes:
            node.do(step)
            time.sleep(0.5)
        for node in nodes:
            node.do(f"setmeta after {step[:9]}")
        agree(nodes, names)
    time.sleep(2)
    for node in nodes:
        if node.all("leave") or node.all("suspect"):
            raise Failed(f"{node.name} lost somebody on the way")
    new, old = bench.kith("k3", key=KEY32), bench.kith("k4", key=KEY16)
    new.joins(nodes[1])
    if old.ask(f"join {nodes[0].address}", "joined", 20)["n"] != 0:
        raise Failed("the old key still opens the pool")
    agree(nodes + [new], names + ["k3"])


# ---- What kith says above memberlist's wire


def participants(node, names, within):
    """Waits until the last that it said of a cache's participants is these."""
    deadline = time.monotonic() + within
    while True:
        said = node.all("participants")
        if said and said[-1]["names"] == names:
            return
        if time.monotonic() > deadline:
            raise Failed(f"{node.name} said {said[-3:]} of the participants and not {names}")
        time.sleep(0.05)


@case(("plain", {}), ("label+key16", SECRETS["label+key16"]))
def cluster(bench, secret):
    """Kith nodes that know of each other through memberlist alone."""
    first, go = bench.cluster("k1", **secret), bench.go(**secret)
    second = bench.cluster("k2", **secret)
    go.joins(first)
    second.joins(go)
    agree([first, go, second], ["k1", "g1", "k2"])
    for node in (first, second):
        node.do("open images")
    for node in (first, second):
        participants(node, ["k1", "k2"], 15)
    first.wait("join", 1, name="g1", is_kith=False)
    first.wait("join", 1, name="k2", is_kith=True)
    time.sleep(10)
    for node in (first, go, second):
        for event in ("leave", "unreachable", "conflict"):
            if node.all(event):
                raise Failed(f"{node.name} says {node.all(event)}")
    for line in go.log().splitlines():
        if "[ERR" in line or "[WARN" in line:
            raise Failed(f"the log of g1 has: {line}")
    died = second.crash()
    participants(first, ["k1"], 25)
    bench.note(f"a crash moves keys after {time.monotonic() - died:.1f} s")
    go.wait("leave", 25, name="k2")
    first.ask("leave", "left", 10)
    go.wait("leave", 10, name="k1")


@case()
def cluster_without_go(bench):
    """memberlist's node dies: kith's stay together, and take it in again when it comes back."""
    first, go, second = bench.cluster("k1"), bench.go(), bench.cluster("k2")
    go.joins(first)
    second.joins(go)
    for node in (first, second):
        node.do("open images")
    for node in (first, second):
        participants(node, ["k1", "k2"], 15)
    go.crash()
    for node in (first, second):
        node.wait("leave", 25, name="g1", kind="failed")
        participants(node, ["k1", "k2"], 1)
    again = bench.go("g1", ip=go.ip)
    # kith asks the dead for a while, so that a pool which fell apart heals by itself.
    began = time.monotonic()
    agree([first, again, second], ["k1", "g1", "k2"], 40)
    bench.note(f"found again by itself after {time.monotonic() - began:.1f} s")


# ---- More than two kinds


def of_all_versions(bench):
    flags = {"key": KEY16, "compress": True}
    nodes = [bench.kith("k1", **flags), bench.kith("k2", key=KEY16)]
    for number, version in enumerate(bench.programs.memberlist):
        bench.version = version
        nodes.append(bench.go(f"g{number}", **flags))
    for node in nodes[1:]:
        node.joins(nodes[0])
    names = [node.name for node in nodes]
    bench.note(f"agree after {agree(nodes, names):.2f} s")
    nodes[0].ask("leave", "left", 10)
    agree(nodes[1:], names[1:])
    nodes[1].crash()
    bench.note(f"a crash is known to all after {agree(nodes[2:], names[2:]):.1f} s")


@case(("kith->serf", True), ("serf->kith", False), needs_serf=True)
def serf(bench, kith_joins):
    kith, of_serf = bench.kith(serf=True, push_pull=2), bench.serf()
    other = bench.serf("s2")
    joiner, seed = (kith, of_serf) if kith_joins else (of_serf, kith)
    joiner.joins(seed)
    other.joins(of_serf)
    for node in (of_serf, other):
        node.wait("member-join", 10, name="k1")
    kith.wait("join", 10, name="s1")
    kith.wait("join", 10, name="s2")
    # Each event is said a few times, and may miss somebody.
    for attempt in range(6):
        of_serf.do(f"event deploy{attempt}")
        time.sleep(1)
        if any(b"deploy" in said_bytes(line) for line in kith.all("msg")):
            break
    else:
        raise Failed("kith hears none of Serf's events")
    other.wait("event", 20)
    time.sleep(4)
    for node in (kith, of_serf, other):
        if sorted(node.members()[0]) != ["k1", "s1", "s2"]:
            raise Failed(f"{node.name} lists {sorted(node.members()[0])}")
    of_serf.ask("leave", "left", 15)
    kith.wait("leave", 10, name="s1", kind="left")
    died = kith.crash()
    when, _ = other.wait("member-failed", 25, name="k1")
    bench.note(f"a crash is known after {when - died:.1f} s")


# ---- Running them


@dataclasses.dataclass
class Outcome:
    case: Case
    version: str
    error: Optional[str]
    seconds: float
    notes: list


def run_case(one, version, programs, logs):
    began = time.monotonic()
    bench = Bench(programs, version, logs)
    error = None
    try:
        one.run(bench, *one.arguments)
    except Failed as failed:
        error = str(failed)
    except Exception:  # pylint: disable=broad-except
        error = traceback.format_exc()
    finally:
        bench.end()
    return Outcome(one, version, error, time.monotonic() - began, bench.notes)


def plan(programs, pattern):
    """(case, version), the slowest kinds first."""
    chosen = []
    for one in CASES:
        versions = [programs.serf[0]] if one.needs_serf and programs.serf else []
        if not one.needs_serf:
            versions = [version for version, (_, labels) in programs.memberlist.items()
                        if labels or not one.needs_labels]
        chosen += [(one, version) for version in versions]
    if len(programs.memberlist) > 1:
        chosen.append((Case("all versions in one pool", of_all_versions, ()), "all"))
    chosen = [(one, version) for one, version in chosen
              if fnmatch.fnmatch(f"{one.name} {version}", f"*{pattern}*")]
    slow = {"steady": 0, "cluster": 0, "cluster_without_go": 0, "crash": 1, "crash_lan": 1, "freeze": 1, "restart": 1}
    return sorted(chosen, key=lambda pair: slow.get(pair[0].run.__name__, 2))


def build(programs, work):
    """The programs, and why some are not there."""
    memberlist, serf_program, missing = {}, None, []
    try:
        (version, program), serf_program = build_go.build_latest(work)
        memberlist[version] = (str(program), True)
    except build_go.Missing as why:
        missing.append(f"memberlist and Serf of today: {why}")
    try:
        version, program, labels = build_go.build_debian(work)
        memberlist[version] = (str(program), labels)
    except build_go.Missing as why:
        missing.append(f"Debian's memberlist: {why}")
    kith, of_cluster = (str(programs / name) for name in ("gossip_member", "cluster_member"))
    return Programs(kith, of_cluster, memberlist, serf_program), missing


def report(outcomes, missing):
    order = {one.name: number for number, one in enumerate(CASES)}
    outcomes.sort(key=lambda o: (order.get(o.case.name, len(order)), o.version))
    width = max((len(o.case.name) for o in outcomes), default=4)
    print(f"\n{'case':<{width}}  {'with':<7} {'result':<7} {'s':>5}  notes")
    for o in outcomes:
        result = "FAILED" if o.error else "ok"
        print(f"{o.case.name:<{width}}  {o.version:<7} {result:<7} {o.seconds:5.1f}  "
              f"{'; '.join(o.notes)}")
    failed = [o for o in outcomes if o.error]
    for o in failed:
        print(f"\nFAILED {o.case.name} with {o.version}:\n{o.error}")
    for why in missing:
        print(f"\nskipped {why}")
    print(f"\n{len(outcomes) - len(failed)} passed, {len(failed)} failed"
          + (f", {len(missing)} skipped" if missing else ""))
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--programs", required=True, type=pathlib.Path,
                        help="where gossip_member and cluster_member are")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="for programs and logs")
    parser.add_argument("--only", default="", help="cases whose name and version match")
    parser.add_argument("--jobs", type=int, default=10, help="cases at a time")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    logs = arguments.work / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()

    programs, missing = build(arguments.programs.resolve(), arguments.work.resolve())
    if not programs.memberlist:
        for why in missing:
            print(f"skipped {why}")
        return SKIPPED
    chosen = plan(programs, arguments.only)
    if arguments.list:
        for one, version in chosen:
            print(f"{one.name} {version}")
        return 0
    print(f"{len(chosen)} cases with memberlist {', '.join(programs.memberlist)}", flush=True)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(run_case, one, version, programs, str(logs))
                   for one, version in chosen]
        for done in concurrent.futures.as_completed(running):
            outcome = done.result()
            outcomes.append(outcome)
            print(f"{'FAILED' if outcome.error else 'ok':<7} {outcome.case.name} "
                  f"{outcome.version}", flush=True)
    return report(outcomes, missing)


if __name__ == "__main__":
    sys.exit(main())
