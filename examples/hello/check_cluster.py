#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs three processes of the cluster program, asks each for one key, and checks that one loaded it.

    check_cluster.py HELLO_CLUSTER
"""

import re
import socket
import subprocess
import sys

NODES = 3


def free_addresses(count):
    """Held open together, so that they differ; free again on return."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = ["127.0.0.1:%d" % one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def main():
    addresses = free_addresses(NODES)
    processes = []
    try:
        for own in addresses:
            others = [address for address in addresses if address != own]
            processes.append(subprocess.Popen([sys.argv[1], own] + others, text=True,
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        answers = []
        for process in processes:
            process.stdin.write("world\n")
            process.stdin.flush()
            answers.append(process.stdout.readline().strip())
        print("\n".join(answers))
        for process in processes:
            process.stdin.close()
        ended = [process.wait(timeout=20) for process in processes]
    finally:
        for process in processes:
            process.kill()
    sources = [re.fullmatch(r"hello, world \((\w+)\)", answer) for answer in answers]
    if not all(sources) or any(ended):
        print("a wrong answer, or exit codes", ended)
        return 1
    named = sorted(source.group(1) for source in sources)
    loads = named.count("origin")
    if loads != 1 or not set(named) <= {"origin", "local", "peer"}:
        print("not loaded exactly once")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
