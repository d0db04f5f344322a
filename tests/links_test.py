#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each relative link of the Markdown pages leads to a file, and each file that they name in `backquotes` exists."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = "src|tests|docs|tools|cmake|sim|fuzz|bench|demo|examples"


def targets(page, text):
    """(what is written, the path it means)"""
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in link:
            yield link, page.parent / link
    for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text):
        yield name, TOP / name


def broken(page, text):
    return [name for name, path in targets(page, text) if not path.exists()]


def main():
    pages = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
    failed = False
    for page in pages:
        for name in broken(page, page.read_text()):
            print(f"error: {page.relative_to(TOP)}: {name} does not exist")
            failed = True
    if broken(TOP / "README.md", "[a](docs/nothing.md) and `src/nothing.h`") != ["docs/nothing.md", "src/nothing.h"]:
        print("error: the canary was not caught")
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
