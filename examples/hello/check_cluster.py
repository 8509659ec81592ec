#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs three processes of the cluster program, asks each for a key, and checks that one loaded it.

    check_cluster.py HELLO_CLUSTER
"""

import re
import socket
import subprocess
import sys
import time

NODES = 3
ATTEMPTS = 50


def free_addresses(count):
    """Held open together, so that they differ; free again on return."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = ["127.0.0.1:%d" % one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def ask(processes, key):
    """Where each process had the key from."""
    answers = []
    for process in processes:
        process.stdin.write(key + "\n")
        process.stdin.flush()
        answers.append(process.stdout.readline().strip())
    print(answers)
    sources = [re.fullmatch(r"hello, %s \((\w+)\)" % key, answer) for answer in answers]
    if not all(sources):
        sys.exit("a wrong answer")
    return sorted(source.group(1) for source in sources)


def main():
    addresses = free_addresses(NODES)
    processes = []
    try:
        for own in addresses:
            seed = addresses[:1] if own != addresses[0] else []
            processes.append(subprocess.Popen([sys.argv[1], own] + seed, text=True,
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        # Until all have found each other a key may be loaded twice.
        for attempt in range(ATTEMPTS):
            named = ask(processes, "world%d" % attempt)
            if named.count("origin") == 1 and set(named) <= {"origin", "local", "peer"}:
                break
            time.sleep(0.2)
        else:
            sys.exit("not loaded exactly once")
        for process in processes:
            process.stdin.close()
        ended = [process.wait(timeout=20) for process in processes]
    finally:
        for process in processes:
            process.kill()
    if any(ended):
        sys.exit("exit codes %s" % ended)


if __name__ == "__main__":
    main()
