# SPDX-License-Identifier: Apache-2.0
"""Builds the Go programs: with memberlist and Serf of today by Go's module system, and with
memberlist as Debian has it."""

import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE / "go"
DEBIAN_SOURCES = pathlib.Path("/usr/share/gocode")
DEBIAN_MEMBERLIST = DEBIAN_SOURCES / "src/github.com/hashicorp/memberlist"
FETCH_SECONDS = 120
BUILD_SECONDS = 400


class Missing(Exception):
    """What a program is built from is not to be had here."""


def run(command, seconds, **more):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds, **more)
    except subprocess.TimeoutExpired:
        raise Missing(f"{' '.join(map(str, command))} took more than {seconds} s") from None


def environment(into, **more):
    return {**os.environ, "GOCACHE": str(into / "go-cache"), "GOFLAGS": "-buildvcs=false", **more}


def last_line(output):
    lines = output.strip().splitlines()
    return lines[-1] if lines else "no output"


def pinned(module):
    found = re.search(rf"{re.escape(module)} v(\S+)", (MODULES / "go.mod").read_text())
    return found.group(1)


def build_latest(into):
    """The programs of go.mod: (version, program) of memberlist, the same of Serf. Missing: no Go that is new
    enough, or the modules cannot be fetched. An error of the build is a defect."""
    go = shutil.which("go")
    if go is None:
        raise Missing("there is no Go on the PATH")
    wanted = re.search(r"^go (\S+)$", (MODULES / "go.mod").read_text(), re.M).group(1)
    fetched = run([go, "mod", "download"], FETCH_SECONDS, cwd=MODULES, env=environment(into))
    if fetched.returncode != 0:
        have = run([go, "version"], 20).stdout.strip()
        raise Missing(f"the modules for Go {wanted} cannot be fetched ({have}): "
                      f"{last_line(fetched.stdout)}")
    built = run([go, "build", "-o", str(into) + "/", "./member", "./serfmember"], BUILD_SECONDS,
                cwd=MODULES, env=environment(into))
    if built.returncode != 0:
        raise RuntimeError(f"go build failed:\n{built.stdout}")
    return ((pinned("github.com/hashicorp/memberlist"), into / "member"),
            (pinned("github.com/hashicorp/serf"), into / "serfmember"))


def build_debian(into):
    """The program with Debian's memberlist: (version, program)."""
    compilers = sorted(pathlib.Path("/usr/lib").glob("go-1.*/bin/go"))
    if not DEBIAN_MEMBERLIST.is_dir() or not compilers:
        raise Missing("golang-go and golang-github-hashicorp-memberlist-dev are not installed")
    shown = run(["dpkg-query", "-W", "-f=${Version}", "golang-github-hashicorp-memberlist-dev"], 20)
    version = shown.stdout.split("-")[0]
    has_labels = (DEBIAN_MEMBERLIST / "label.go").exists()
    program = into / "member-debian"
    files = ["main.go", "label.go"] if has_labels else ["-tags=nolabels", "main.go", "nolabel.go"]
    built = run([str(compilers[-1]), "build", "-o", str(program), *files],
                BUILD_SECONDS, cwd=MODULES / "member",
                env=environment(into, GO111MODULE="off", GOPATH=str(DEBIAN_SOURCES),
                                GOTOOLCHAIN="local"))
    if built.returncode != 0:
        raise RuntimeError(f"go build with Debian's memberlist failed:\n{built.stdout}")
    return version, program, has_labels
