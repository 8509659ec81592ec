#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the programs which README.md shows are the ones that are built.

    check_readme.py README.md PROGRAM.cc...

The README's cpp fences must be the programs, in the order given, each without its licence line.
"""

import difflib
import re
import sys


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    readme, programs = sys.argv[1], sys.argv[2:]
    with open(readme, encoding="utf-8") as file:
        fences = re.findall(r"^```cpp\n(.*?)^```$", file.read(), re.M | re.S)
    wrong = 0
    if len(fences) != len(programs):
        print(f"{readme} has {len(fences)} cpp fences; there are {len(programs)} programs")
        wrong += 1
    for shown, path in zip(fences, programs):
        with open(path, encoding="utf-8") as file:
            built = file.read().split("\n", 1)[1]
        if shown != built:
            print("".join(difflib.unified_diff(built.splitlines(True), shown.splitlines(True),
                                               path, readme)))
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
