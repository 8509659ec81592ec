# SPDX-License-Identifier: Apache-2.0
"""Processes of one pool, driven by lines of JSON: see gossip_member.cc and go/member."""

import base64
import json
import os
import signal
import subprocess
import threading
import time

PORT = 17946
LIFETIME_SECONDS = 180  # After which every process ends by itself.


class Failed(Exception):
    """Something that a case expects did not come about."""


class Node:
    """One process. What it says is kept, with the time since the case began."""

    def __init__(self, program, name, ip, logs, port=PORT, **flags):
        self.name = name
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
        self.said = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self._readers = [threading.Thread(target=self._listen, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _listen(self):
        for line in self.process.stdout:
            with self._changed:
                self.said.append((time.monotonic(), json.loads(line)))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    # ---- What it says

    def mark(self):
        """A place in what it says, for `since`."""
        with self._changed:
            return len(self.said)

    def wait(self, event, within, since=0, **fields):
        """The first line of this kind with these fields; Failed when there is none in time."""
        deadline = time.monotonic() + within
        with self._changed:
            while True:
                for when, line in self.said[since:]:
                    if line["ev"] == event and all(line.get(k) == v for k, v in fields.items()):
                        return when, line
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    how = "ended" if self._ended else f"said nothing of it in {within} s"
                    raise Failed(f"{self.name} was to say {event} {fields or ''} and {how}"
                                 f"{self._last_words()}")
                self._changed.wait(left)

    def all(self, event, since=0):
        with self._changed:
            return [line for _, line in self.said[since:] if line["ev"] == event]

    def _last_words(self):
        if self.process.poll() is None:
            return ""
        return f" (exit {self.process.returncode}: {self.process.stderr.read().strip()[-2000:]})"

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

    # ---- What it is told

    def tell(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self.name} has ended{self._last_words()}") from None

    def ask(self, line, event, within=10):
        since = self.mark()
        self.tell(line)
        return self.wait(event, within, since)[1]

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

    # ---- What happens to it

    def signal(self, number):
        self.process.send_signal(number)

    def crash(self):
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        return time.monotonic()

    def end(self):
        """Takes it down, whatever it is doing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)
        for reader in self._readers:
            reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


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
