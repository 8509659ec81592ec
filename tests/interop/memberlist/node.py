# SPDX-License-Identifier: Apache-2.0
"""Processes of one pool, driven by lines of JSON: see gossip_member.cc and go/member."""

import base64
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from child import Child, Failed

PORT = 17946
LIFETIME_SECONDS = 180  # After which every process ends by itself.


class Node(Child):
    """One process of the pool."""

    def __init__(self, program, name, ip, logs, port=PORT, **flags):
        self.ip = ip
        self.port = port
        self.address = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        self.log_path = os.path.join(logs, f"{name}-{ip.replace(':', '_')}-{time.monotonic_ns()}.log")
        command = [program, "--name", name, "--bind", ip, "--port", str(port),
                   "--log", self.log_path, "--lifetime", str(LIFETIME_SECONDS)]
        for flag, value in flags.items():
            flag = "--" + flag.replace("_", "-")
            if value is True:
                command.append(flag)
            elif value not in (None, False, ""):
                command.append(f"{flag}={value}")
        super().__init__(command, name)

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, text, within):
        deadline = time.monotonic() + within
        while text not in self.log():
            if time.monotonic() > deadline:
                raise Failed(f"the log of {self.name} has no '{text}' after {within} s")
            time.sleep(0.05)

    def do(self, line, within=10):
        """A command that answers `done`."""
        answer = self.ask(line, "done", within)
        if answer["err"]:
            raise Failed(f"{self.name}: {line}: {answer['err']}")

    def up(self):
        self.wait("up", 15)
        return self

    def joins(self, other, within=10):
        answer = self.ask(f"join {other.address}", "joined", within)
        if answer["n"] != 1:
            raise Failed(f"{self.name} could not join {other.name}: {answer['err']}")

    def members(self):
        """Who is alive or suspected, by name, and this node's health score."""
        answer = self.ask("members", "members")
        gone = ("dead", "left", "failed", "leaving")
        living = {entry["name"]: entry for entry in answer["list"]
                  if entry.get("state", entry.get("status", "alive")) not in gone}
        return living, answer["health"]

    def health(self):
        return self.members()[1]

    def record(self, name):
        """All that it knows of one node, which may be dead."""
        for entry in self.ask("members", "members")["list"]:
            if entry["name"] == name:
                return entry
        raise Failed(f"{self.name} does not know {name}")

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise Failed(f"{self.name} has ended")


def said_bytes(line):
    return base64.b64decode(line["b64"] or "")


def told(entry):
    """What all nodes must agree on about one of them."""
    return (entry["name"], entry["addr"], entry["port"], entry.get("meta_b64") or "",
            tuple(entry["vsn"]))


# memberlist's local profile says each piece of news twice. Whom it misses, perhaps one in ten in a pool
# of four, hears of it by the next push/pull, every 15 s.
NEWS_SECONDS = 40


def agree(nodes, names, within=NEWS_SECONDS):
    """Waits until all list these names, and the same about each. The seconds that it took."""
    began = time.monotonic()
    names = sorted(names)
    while True:
        lists = {node.name: node.members()[0] for node in nodes}
        views = {tuple(sorted(told(entry) for entry in members.values()))
                 for members in lists.values()}
        if len(views) == 1 and sorted(next(iter(lists.values()))) == names:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            shown = {name: [told(entry) for entry in members.values()]
                     for name, members in lists.items()}
            raise Failed(f"not all list {names} after {within} s: {shown}")
        time.sleep(0.05)
