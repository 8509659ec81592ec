# SPDX-License-Identifier: Apache-2.0
"""What the tests of discovery share: the program that follows a source, ports, certificates."""

import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

# Generous: the machine may be loaded, and a sanitizer may slow everything down.
PATIENCE = 60


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (PATIENCE, what))
        time.sleep(0.02)


class Watcher:
    """discovery_watch, as a child process whose lines are read."""

    program = None

    def __init__(self, *arguments, environment=None):
        self.lines = queue.Queue()
        self.seen = []
        self.process = subprocess.Popen([self.program, *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def next(self, patience=PATIENCE):
        """The next line; None when there is none for so long, or the process has ended."""
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            return None
        if line is not None:
            self.seen.append(line)
        return line

    def expect(self, beginning):
        line = self.next()
        if line is None or not line.startswith(beginning):
            raise AssertionError("expected %r, got %r after %r" % (beginning, line, self.seen))
        return line

    def expect_seeds(self, *seeds):
        line = self.expect("seeds")
        if line.split()[1:] != list(seeds):
            raise AssertionError("expected %r, got %r" % (seeds, line))

    def expect_at_last(self, line):
        """Waits for a line; others may come before it."""
        wait_until(lambda: self.next(1) == line, line)

    def expect_silence(self, seconds):
        line = self.next(seconds)
        if line is not None:
            raise AssertionError("expected nothing, got %r after %r" % (line, self.seen))

    def close(self):
        """Stops the source and returns how many milliseconds that took."""
        self.process.stdin.close()
        line = "not yet"
        while line is not None and not line.startswith("stopped"):
            line = self.next()
        code = self.process.wait(PATIENCE)
        if line is None or code != 0:
            raise AssertionError("ended with %r and %r after %r" % (code, line, self.seen))
        return int(line.split()[1])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        if not self.process.stdin.closed:
            self.process.stdin.close()


class Case(unittest.TestCase):
    """A test with a folder of its own, and watchers that end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kith-discovery-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)
        return self.path(name)

    def watch(self, *arguments, environment=None):
        watcher = Watcher(*arguments, environment=environment)
        self.addCleanup(watcher.kill)
        return watcher

    def run_program(self, *command):
        """Starts a server; ends it with the test."""
        log = open(self.path("log"), "a", encoding="utf-8")
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, cwd=self.folder)

        def end():
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            log.close()

        self.addCleanup(end)
        return process, end

    def make_authority(self, name):
        """A certificate authority; returns the path of its certificate."""
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout",
                     self.path(name + ".key"), "-out", self.path(name + ".crt"))
        return self.path(name + ".crt")

    def make_certificate(self, authority, name, subject="IP:127.0.0.1"):
        """A server's certificate; returns the paths of certificate and key."""
        key, request, certificate = (self.path(name + end) for end in (".key", ".csr", ".crt"))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                     "-subj", "/CN=" + name, "-keyout", key, "-out", request)
        extensions = self.write(name + ".ext", "subjectAltName=" + subject + "\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.path(authority + ".crt"),
                     "-CAkey", self.path(authority + ".key"), "-CAcreateserial", "-days", "2",
                     "-extfile", extensions, "-out", certificate)
        return certificate, key

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=self.folder, timeout=PATIENCE,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main(module_arguments):
    """For the test programs: PROGRAM is their first argument."""
    Watcher.program = module_arguments.pop(1)
    unittest.main(argv=module_arguments, verbosity=2)
