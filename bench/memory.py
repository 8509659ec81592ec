#!/usr/bin/env python3
"""Memory per entry of kith, memcached and Redis: a million keys of 16 bytes with values of 100.

Each holds all of them, in a process of its own; what counts is by how much its resident memory grew. Prints one line
per system. memcached and redis-server are Debian's, with default settings but for the room they have.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ENTRIES = 1_000_000
KEY_BYTES = 16
VALUE = b"v" * 100
BATCH = 1000
CONTENT = KEY_BYTES + len(VALUE)
PAGE_BYTES = 4096
STORE_BENCH = pathlib.Path(__file__).resolve().parent.parent / "build/release/bench/store_bench"


def key(n):
    return b"key:%012d" % n


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.02)
    sys.exit(f"memory.py: nobody listens at port {port}")


def exchange(connection, request, reply):
    """Sends `request` and waits for exactly `reply`."""
    connection.sendall(request)
    received = b""
    while len(received) < len(reply):
        part = connection.recv(1 << 16)
        if not part:
            break
        received += part
    if received != reply:
        sys.exit(f"memory.py: an unexpected answer: {received[:80]!r}")


def memcached_set(n):
    return b"set %s 0 0 %d\r\n%s\r\n" % (key(n), len(VALUE), VALUE), b"STORED\r\n"


def redis_set(n):
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (KEY_BYTES, key(n), len(VALUE), VALUE), b"+OK\r\n"


def server_bytes(command, port, set_command):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(port) as connection:
            time.sleep(0.2)
            before = resident_bytes(server.pid)
            for first in range(0, ENTRIES, BATCH):
                pairs = [set_command(n) for n in range(first, first + BATCH)]
                exchange(connection, b"".join(p[0] for p in pairs), b"".join(p[1] for p in pairs))
            return (resident_bytes(server.pid) - before) / ENTRIES
    finally:
        server.terminate()
        server.wait()


def kith_bytes():
    """What store_bench measures of itself before it measures anything else."""
    command = [STORE_BENCH, "--benchmark_filter=hit/kith", "--benchmark_repetitions=1", "--benchmark_min_time=0.01"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if line.startswith("bytes per entry"):
            return float(line.split("kith ")[1].split(",")[0])
    sys.exit("memory.py: store_bench prints no bytes per entry")


def row(name, measured):
    print(f"{name:12s} {measured:8.0f} {measured - CONTENT:10.0f}")


def main():
    if not STORE_BENCH.exists():
        sys.exit(f"memory.py: build {STORE_BENCH} first (make bench)")
    print(f"{ENTRIES} entries, {CONTENT} bytes of key and value each")
    print(f"{'':12s} {'bytes':>8s} {'overhead':>10s}   resident, by entry")
    row("kith", kith_bytes())
    port = free_port()
    servers = {
        "memcached": (["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-m", "1024"], memcached_set),
        "Redis": (["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
                  redis_set),
    }
    for name, (command, set_command) in servers.items():
        if shutil.which(command[0]) is None:
            print(f"{name:12s} left out: no {command[0]} here")
        else:
            row(name, server_bytes(command, port, set_command))


if __name__ == "__main__":
    main()
