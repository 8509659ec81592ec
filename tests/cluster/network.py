# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own: a namespace for each host, and one with the switch that joins them.
Nothing in it reaches anything outside. Needs root and iproute2; for lost packets netem or nftables."""

import os
import shutil
import subprocess

PREFIX = "kithtest"
COMMAND_SECONDS = 30


class Unavailable(Exception):
    """The machine has no such thing."""


def run(*command):
    """Its output; CalledProcessError, with the error output, when it fails."""
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=COMMAND_SECONDS).stdout


def why(error):
    lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    return lines[-1] if lines else str(error)


def attempt(what, *command):
    try:
        return run(*command)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{what}: {why(error)}") from None


def remove_leftovers():
    """Namespaces of runs that were killed: their names have the process."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        pid = name.removeprefix(PREFIX + "-").split("-")[0]
        if name.startswith(PREFIX + "-") and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            subprocess.run(("ip", "netns", "delete", name), check=False, timeout=COMMAND_SECONDS)


class Network:
    """Hosts 1 to `hosts` at one switch. Ends with `close`, also half-built."""

    def __init__(self, tag, hosts):
        self._base = f"{PREFIX}-{os.getpid()}-{tag}"
        self._hosts = range(1, hosts + 1)
        self._made = []

    def build(self):
        """Unavailable: not allowed, or not known to the kernel."""
        if os.geteuid() != 0:
            raise Unavailable("namespaces need root")
        if shutil.which("ip") is None:
            raise Unavailable("there is no `ip` (iproute2)")
        switch = self._make("switch")
        # A second switch, with nothing at it, for who shall be apart.
        for bridge in ("br0", "br1"):
            attempt("bridges", "ip", "-n", switch, "link", "add", bridge, "type", "bridge",
                    "forward_delay", "0")
            run("ip", "-n", switch, "link", "set", bridge, "up")
        for host in self._hosts:
            name = self._make(host)
            port = f"port{host}"
            attempt("veth", "ip", "-n", name, "link", "add", "eth0", "type", "veth",
                    "peer", "name", port, "netns", switch)
            run("ip", "-n", name, "address", "add", self.ip(host) + "/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
        return self

    def _make(self, what):
        name = self._name(what)
        attempt("namespaces", "ip", "netns", "add", name)
        self._made.append(name)
        return name

    def _name(self, what):
        return f"{self._base}-{what}"

    def ip(self, host):
        return f"10.77.0.{host}"

    def within(self, host):
        """What a command begins with to run on that host."""
        return ["ip", "netns", "exec", self._name(host)]

    # ---- Faults

    def cut(self, host):
        """Pulls the plug of the host at the switch."""
        run("ip", "-n", self._name("switch"), "link", "set", f"port{host}", "down")

    def mend(self, host):
        run("ip", "-n", self._name("switch"), "link", "set", f"port{host}", "up")

    def split(self, hosts):
        """Moves these to the other switch, which is not joined with the first."""
        for host in hosts:
            run("ip", "-n", self._name("switch"), "link", "set", f"port{host}", "master", "br1")

    def heal(self):
        for host in self._hosts:
            run("ip", "-n", self._name("switch"), "link", "set", f"port{host}", "master", "br0")

    def lose(self, percent):
        """Loses packets at random from now on, each one with this probability. Returns by what means."""
        try:
            for host in self._hosts:
                attempt("netem", *self.within(host), "tc", "qdisc", "add", "dev", "eth0", "root",
                        "netem", "loss", f"{percent}%")
            return "netem"
        except Unavailable as no_netem:
            try:
                for host in self._hosts:
                    self._filter(host, f"numgen random mod 100 < {percent}")
            except Unavailable as no_filter:
                raise Unavailable(f"{no_netem}; {no_filter}") from None
            return f"nftables ({no_netem})"

    def filter_no_more(self):
        """Ends lose, block and block_udp."""
        for host in self._hosts:
            for end in (("tc", "qdisc", "delete", "dev", "eth0", "root"),
                        ("nft", "flush", "ruleset")):
                subprocess.run([*self.within(host), *end], check=False, capture_output=True,
                               timeout=COMMAND_SECONDS)

    def block_udp(self):
        for host in self._hosts:
            self._filter(host, "meta l4proto udp")

    def block(self, host, other):
        """The host does not hear the other one any more."""
        self._filter(host, f"ip saddr {self.ip(other)}")

    def _filter(self, host, match):
        """Drops what arrives on the host and matches. Not what leaves it: of that the sender would
        be told."""
        nft = (*self.within(host), "nft")
        attempt("nftables", *nft, "add table inet kith")
        attempt("nftables", *nft,
                "add chain inet kith arriving { type filter hook input priority 0; }")
        attempt("nftables", *nft, f"add rule inet kith arriving iifname eth0 {match} drop")

    def close(self):
        """Processes on the hosts must have ended."""
        for name in reversed(self._made):
            subprocess.run(("ip", "netns", "delete", name), check=False, capture_output=True,
                           timeout=COMMAND_SECONDS)
        self._made = []
