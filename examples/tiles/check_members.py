#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs three tiles processes with one seed, and checks what each says of the others at /members:
when all are there, after one was killed, stopped, told to end, and is back.

    check_members.py TILES
"""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PROCESSES = 3
PATIENCE = 60  # seconds for what takes a few, on a machine that is busy


def free_ports(count):
    """For connections and packets alike. Held open together, so that they differ."""
    held, ports = [], []
    while len(ports) < count:
        stream = socket.socket()
        stream.bind(("127.0.0.1", 0))
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held += [stream, packets]
        try:
            packets.bind(stream.getsockname())
        except OSError:
            continue
        ports.append(stream.getsockname()[1])
    for one in held:
        one.close()
    return ports


class Cluster:
    def __init__(self, program):
        self.program = program
        ports = free_ports(3 * PROCESSES)
        self.ports = [ports[3 * i:3 * i + 3] for i in range(PROCESSES)]
        self.running = [None] * PROCESSES

    def start(self, index, seed):
        http, kith, gossip = ("127.0.0.1:%d" % port for port in self.ports[index])
        words = [self.program, "--http", http, "--listen", kith, "--gossip", gossip,
                 "--name", "tiles-%d" % (index + 1), "--drain", "5000"]
        if seed is not None:
            words += ["--seed", "127.0.0.1:%d" % self.ports[seed][2]]
        self.running[index] = subprocess.Popen(words)

    def send(self, index, number):
        self.running[index].send_signal(number)

    def ask(self, index, path):
        url = "http://127.0.0.1:%d%s" % (self.ports[index][0], path)
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read()

    def states(self, index):
        """As process `index` sees them: "ready failed ready", and how many own tiles."""
        try:
            pool = json.loads(self.ask(index, "/members"))
        except (OSError, urllib.error.URLError):
            return "does not answer", 0
        return " ".join(member["state"] for member in pool["members"]), len(pool["owners"])

    def heard(self, index):
        return [event["what"] for event in json.loads(self.ask(index, "/members"))["events"]]

    def wait(self, seen_by, states, owners):
        """Until those see this, in one word for each member, and that many owners."""
        end = time.monotonic() + PATIENCE
        for index in seen_by:
            seen = self.states(index)
            while seen != (states, owners):
                if time.monotonic() > end:
                    raise AssertionError("tiles-%d sees %s; expected %s" %
                                         (index + 1, seen, (states, owners)))
                time.sleep(0.05)
                seen = self.states(index)
        print("%s, %d owners" % (states, owners), flush=True)

    def end(self):
        for process in self.running:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def check(cluster):
    cluster.start(0, None)
    cluster.wait([0], "ready", 1)
    cluster.start(1, 0)
    cluster.start(2, 0)
    cluster.wait([0, 1, 2], "ready ready ready", 3)

    cluster.send(1, signal.SIGKILL)
    cluster.running[1].wait()
    cluster.wait([0, 2], "ready failed ready", 2)
    assert {"unreachable", "failed"} <= set(cluster.heard(0)), cluster.heard(0)
    for index in (0, 2):
        assert cluster.ask(index, "/tiles/3/1/1.png").startswith(b"\x89PNG")
    cluster.start(1, 2)
    cluster.wait([0, 1, 2], "ready ready ready", 3)

    cluster.send(2, signal.SIGSTOP)
    cluster.wait([0, 1], "ready ready failed", 2)
    assert "suspected" in cluster.heard(0), cluster.heard(0)
    cluster.send(2, signal.SIGCONT)
    cluster.wait([0, 1, 2], "ready ready ready", 3)

    # The first node, which was everybody's seed, leaves; nobody depends on it.
    cluster.send(0, signal.SIGTERM)
    cluster.wait([0, 1, 2], "draining ready ready", 2)
    assert cluster.running[0].wait(timeout=PATIENCE) == 0
    cluster.wait([1, 2], "left ready ready", 2)
    cluster.start(0, 1)
    cluster.wait([0, 1, 2], "ready ready ready", 3)


def main():
    cluster = Cluster(sys.argv[1])
    try:
        check(cluster)
    finally:
        cluster.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
