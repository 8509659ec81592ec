#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the code keeps to the architecture, file by file, without compiling it.

    tools/check_layers.py [--root DIRECTORY]

Reads every C++ file and reports, as FILE:LINE, what breaks a rule: an include against the arrows of
docs/architecture.md, a header where it does not belong, or a construct that the project leaves out.
The tables below are the rules. Exits with 1 when something was found.
"""

import argparse
import fnmatch
import os
import re
import sys

FOLDERS = ["include", "src", "cmd", "sim", "testing", "tests", "fuzz", "bench", "examples"]

# What an area may include besides itself and VALUE_HEADERS; the first line that matches counts.
# An area is a folder: src/core/fetch is core/fetch. "*" stands for anything.
ARROWS = [
    ("include/kith", []),
    ("base", []),
    ("wire/*", ["base"]),
    ("store", ["base"]),
    ("metrics", ["base"]),
    ("core/placement", ["base"]),
    ("core/node", ["base", "wire/peer", "store", "core/*"]),
    ("core/*", ["base", "wire/peer", "wire/gossip", "core/placement"]),
    ("edge/net", ["base", "wire/*", "metrics", "edge/tls"]),
    ("edge/discovery", ["base", "edge/net", "include/kith"]),
    ("edge/driver", ["base", "wire/*", "metrics", "store", "core/*", "edge/*"]),
    ("edge/*", ["base", "wire/*", "metrics"]),
    ("api", ["base", "wire/*", "store", "metrics", "core/*", "edge/*", "include/kith"]),
    ("frontend/*", ["base", "wire/{name}", "metrics", "edge/loop", "edge/net", "include/kith"]),
    ("cmd/kith", ["api", "frontend/*", "metrics", "include/kith", "edge/tls"]),
    ("cmd/*", ["api", "frontend/*", "metrics", "include/kith"]),
    ("sim", ["base", "wire/*", "store", "metrics", "core/*"]),
    ("testing", ["base", "wire/*", "store", "metrics", "core/*"]),
    ("examples", ["include/kith"]),
    ("tests", ["*"]),
    ("fuzz", ["*"]),
    ("bench", ["*"]),
]

# Plain values that every layer speaks.
VALUE_HEADERS = {"kith/result.h", "kith/time.h", "kith/value.h", "kith/version.h"}

# A test beside its code (X_test.cc) may also use these.
TEST_ONLY = ["testing"]

# Areas under src whose name has two parts, and all folders of src.
DEEP = {"wire", "core", "edge", "frontend"}
LAYERS = DEEP | {"base", "store", "metrics", "api"}

# (areas, pattern of the include, what to do instead). Of source and headers; tests are exempt.
FORBIDDEN_INCLUDES = [
    (["base", "wire/*", "store", "metrics", "core/*", "sim"],
     r"(boost|grpc|grpcpp|google|curl)/|ares(_\w+)?\.h$",
     "what talks to the outside belongs in src/edge"),
    (["base", "store", "metrics", "core/*", "sim"], r"openssl/",
     "what talks to the outside belongs in src/edge, and ciphers in src/wire"),
    (["wire/*"], r"openssl/(?!(crypto|err|evp)\.h$)",
     "a cipher is a function of bytes; the rest of OpenSSL talks to the outside, in src/edge"),
    (["wire/*", "store", "core/*"],
     r"(sys/(socket|epoll|select|un|time)|netinet/.*|arpa/.*|netdb|poll|unistd|time|pthread)\.h$"
     r"|(thread|future|random|ctime|iostream|fstream|filesystem)$",
     "core, wire and store are pure: the caller brings time, randomness (base/rng.h) and bytes"),
    (["wire/*", "core/*"],
     r"(mutex|shared_mutex|condition_variable|semaphore|latch|barrier|stop_token)$"
     r"|absl/synchronization/",
     "core and wire are single-threaded"),
]

# (areas, pattern of the include, what to do instead). Of headers.
FORBIDDEN_IN_HEADERS = [
    (["include/kith"], r"absl/", "abseil is an implementation detail; users need not have it"),
    (["include/kith", "base", "wire/*", "store", "metrics", "core/*", "edge/*", "api", "frontend/*"],
     r"(boost|openssl|grpc|grpcpp|curl)/|ares(_\w+)?\.h$|nlohmann/(?!json_fwd\.hpp$)",
     "heavy headers stay in .cc files: forward-declare, or hide it behind a class (pimpl)"),
]

# (areas, pattern in code without comments and strings, what to do instead).
FORBIDDEN_CODE = [
    (["*"], r"\bco_(await|return|yield)\b",
     "no coroutines: g++ 12 miscompiles them; use callbacks or a state machine"),
    (["include/kith", "base", "wire/*", "store", "core/*", "sim", "edge/*", "api"],
     r"\bstd::hash\b",
     "std::hash differs between libraries; use placement_hash or hash_with_seed (base/hash.h)"),
    (["wire/*", "store", "core/*", "sim"],
     r"\bstd::(random_device|mt19937(_64)?|default_random_engine|minstd_rand0?"
     r"|(uniform|normal|exponential|poisson|bernoulli|geometric|discrete)\w*_distribution|shuffle)\b",
     "the same seed must give the same run everywhere; use Rng (base/rng.h)"),
    (["wire/*", "store", "core/*", "sim"],
     r"\b(steady_clock|system_clock|high_resolution_clock)::now\b|\babsl::Now\b",
     "time is the caller's: take a TimePoint"),
]

# Programs around pure code: they may tell how long they took.
PROGRAMS = {"sim/main.cc"}

SPDX = "// SPDX-License-Identifier: Apache-2.0"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.M)
LITERALS = re.compile(
    r'(?P<comment>//(?:[^\\\n]|\\.|\\\n)*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<tag>[^()\\ \n]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<text>"(?:[^"\\\n]|\\.)*"|(?<![0-9a-fA-F])\'(?:[^\'\\\n]|\\.)+\')',
    re.S)


def blanked(source, strings):
    """The source with comments, and if `strings` also literals, blanked; line numbers stay."""
    def replace(match):
        if match.group("comment") is None and not strings:
            return match.group(0)
        return "".join(c if c == "\n" else " " for c in match.group(0))
    return LITERALS.sub(replace, source)


def area_of(path):
    """The area of a path relative to the root; None when it belongs to none."""
    parts = path.split("/")
    if path.startswith("include/kith/"):
        return "include/kith"
    if parts[0] == "src":
        if parts[1] in DEEP and len(parts) > 3:
            return parts[1] + "/" + parts[2]
        return parts[1] if len(parts) > 2 else None
    if parts[0] == "cmd" and len(parts) > 2:
        return "cmd/" + parts[1]
    return parts[0] if parts[0] in FOLDERS and parts[0] != "include" else None


def matches(area, patterns):
    return any(fnmatch.fnmatchcase(area, p) for p in patterns)


def resolve(root, folder, name, quoted):
    """The included file's path relative to the root; None when it is not one of ours."""
    candidates = [folder + "/" + name] if quoted else []
    candidates += ["src/" + name, "include/" + name, name]
    for candidate in candidates:
        candidate = os.path.normpath(candidate)
        if os.path.isfile(os.path.join(root, candidate)) and area_of(candidate):
            return candidate
    # Not there (yet): the name still says where it would be.
    first = name.split("/")[0]
    if first == "kith":
        return "include/" + name
    if "/" in name and (first in LAYERS or os.path.isdir(os.path.join(root, "src", first))):
        return "src/" + name
    if first in FOLDERS and "/" in name:
        return name
    return None


class Checker:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.files = 0

    def report(self, path, line, problem, rule):
        self.findings.append(f"{path}:{line}: {problem}\n    rule: {rule}")

    def check_arrow(self, path, line, area, name, target, is_test):
        if target == "include/" + name and name in VALUE_HEADERS:
            return
        to = area_of(target)
        if to is None or to == area:
            return
        allowed = next((list(a) for pattern, a in ARROWS if fnmatch.fnmatchcase(area, pattern)), None)
        if allowed is None:
            self.report(path, line, f"{area} is in no line of ARROWS",
                        "a new folder gets its line in tools/check_layers.py and docs/architecture.md")
            return
        allowed = [a.replace("{name}", area.split("/")[-1]) for a in allowed]
        if is_test:
            allowed += TEST_ONLY
        if not matches(to, allowed):
            said = ", ".join(allowed) if allowed else "nothing of ours"
            self.report(path, line, f"arrow {area} -> {to} (includes {name})",
                        f"{area} may include {said}, and kith/{{result,time,value,version}}.h")

    def check_file(self, path):
        self.files += 1
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            source = file.read()
        area = area_of(path)
        header = path.endswith(".h")
        is_test = path.endswith("_test.cc")

        if source.split("\n", 1)[0].rstrip() != SPDX:
            self.report(path, 1, "the licence line is missing", f"line 1 is: {SPDX}")
        without_comments = blanked(source, strings=False)
        if header and not re.search(r"^#pragma once$", without_comments, re.M):
            self.report(path, 1, "#pragma once is missing", "every header has it")
        if area is None:
            self.report(path, 1, "the file is in no area", "source belongs in a layer's folder")
            return

        for match in INCLUDE.finditer(without_comments):
            quoted, name = match.group(1) == '"', match.group(2)
            line = source.count("\n", 0, match.start(2)) + 1
            target = resolve(self.root, os.path.dirname(path), name, quoted)
            if target:
                self.check_arrow(path, line, area, name, target, is_test)
            if header:
                self.check_table(FORBIDDEN_IN_HEADERS, path, line, area, name, f"<{name}> in a header")
            if not is_test:
                self.check_table(FORBIDDEN_INCLUDES, path, line, area, name, f"{area} includes <{name}>")

        code = blanked(source, strings=True)
        for areas, pattern, instead in FORBIDDEN_CODE:
            if "::now" in pattern and path in PROGRAMS:
                continue
            if matches(area, areas):
                for match in re.finditer(pattern, code):
                    self.report(path, code.count("\n", 0, match.start()) + 1,
                                f"{match.group(0)} in {area}", instead)

    def check_table(self, table, path, line, area, name, problem):
        for areas, pattern, instead in table:
            if matches(area, areas) and re.match(pattern, name):
                self.report(path, line, problem, instead)

    def check_public_headers_are_listed(self, paths):
        """A public header outside the file set is neither installed nor compiled on its own."""
        lists = os.path.join(self.root, "CMakeLists.txt")
        public = [p for p in paths if p.startswith("include/kith/")]
        if not public:
            return
        listed = set()
        if os.path.isfile(lists):
            with open(lists, encoding="utf-8") as file:
                listed = set(re.findall(r"include/kith/[\w/]+\.h", file.read()))
        for path in public:
            if path not in listed:
                self.report(path, 1, "the public header is not listed in CMakeLists.txt",
                            "every header of include/kith is in the file set of kith_headers")

    def run(self):
        paths = []
        for top in FOLDERS:
            for folder, folders, names in os.walk(os.path.join(self.root, top)):
                folders.sort()
                if "selftest" in folders:  # violations on purpose
                    folders.remove("selftest")
                paths += [os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")
                          for name in sorted(names) if name.endswith((".h", ".hpp", ".cc", ".cpp"))]
        for path in paths:
            if path.endswith((".hpp", ".cpp")):
                self.report(path, 1, "the file's ending", "headers end in .h, sources in .cc")
            self.check_file(path)
        self.check_public_headers_are_listed(paths)


def main():
    parser = argparse.ArgumentParser(description="Checks the architecture's rules.")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    root = os.path.normpath(parser.parse_args().root)
    checker = Checker(root)
    checker.run()
    for finding in checker.findings:
        print(finding)
    if checker.files == 0:
        print(f"no C++ file under {root}: nothing was checked")
        return 1
    print(f"{checker.files} files, {len(checker.findings)} findings")
    return 1 if checker.findings else 0


if __name__ == "__main__":
    sys.exit(main())
