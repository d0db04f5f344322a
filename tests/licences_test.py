#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file says its licence in one of its first three lines."""

import pathlib
import sys
import tempfile

SUFFIXES = {".cc", ".h", ".c", ".py", ".sh", ".bash", ".cmake", ".html", ".css", ".js"}
LINE = "SPDX-License-Identifier: Apache-2.0"
FOLDERS = ["src", "tests", "sim", "fuzz", "bench", "demo", "tools", ".ci", "cmake"]


def needs_licence(path):
    if path.suffix in SUFFIXES or path.name == "CMakeLists.txt":
        return True
    if path.suffix or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def check(top):
    looked_at = 0
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*")):
            if "golden" in path.parts or "corpus" in path.parts or "__pycache__" in path.parts:
                continue
            if path.is_file() and needs_licence(path):
                looked_at += 1
                lines = path.read_text(errors="replace").splitlines()[:3]
                if not any(LINE in line for line in lines):
                    yield f"{path.relative_to(top)}: no '{LINE}' in its first three lines"
    if looked_at == 0:
        yield f"{top}: no source files"


def canary():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "src").mkdir()
        (top / "src" / "good.cc").write_text(f"// {LINE}\n")
        (top / "src" / "bad.cc").write_text("int x;\n")
        (top / "src" / "script").write_text("#!/bin/sh\n")
        return len(list(check(top))) == 2


def main():
    if not canary():
        print("error: the canary was not caught")
        return 1
    problems = list(check(pathlib.Path(__file__).resolve().parent.parent))
    for problem in problems:
        print("error:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
