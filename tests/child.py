# SPDX-License-Identifier: Apache-2.0
"""A program as a child process that says lines of JSON, each with its kind in `ev`."""

import json
import signal
import subprocess
import threading
import time


class Failed(Exception):
    """Something that a case expects did not come about."""


class Child:
    """One process. What it says is kept, with the time at which it was read."""

    def __init__(self, command, name):
        self.name = name
        self.said = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

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
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
