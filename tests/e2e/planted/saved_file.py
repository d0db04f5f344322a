#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A document is saved by writing a copy and renaming it, on the recorded file system.

saved_file.py write fsync|nosync    with or without fsync of the copy in front of the rename
saved_file.py check                 the document is the old one or the new one, and never anything else
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["POWERCUT_MNT"])
OLD = b"old document\n" * 3000
NEW = b"new document\n" * 3000


def make_durable(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def write(how):
    document, copy = ROOT / "document", ROOT / "document.new"
    document.write_bytes(OLD)
    make_durable(document)
    make_durable(ROOT)
    subprocess.run(["powercut", "mark", "saved"], check=True)
    copy.write_bytes(NEW)
    if how == "fsync":
        make_durable(copy)
    copy.rename(document)
    # Somebody else's fsync takes the rename along: the journal is one for all.
    (ROOT / "other").write_bytes(b"x")
    make_durable(ROOT / "other")
    subprocess.run(["powercut", "mark", "renamed"], check=True)


def check():
    with open(os.environ["POWERCUT_MARKS"], encoding="utf-8") as file:
        marks = [json.loads(line)["mark"] for line in file]
    document = ROOT / "document"
    if "saved" not in marks:
        return
    if not document.exists():
        sys.exit("the document is gone")
    content = document.read_bytes()
    if content not in (OLD, NEW):
        sys.exit(f"the document is neither the old nor the new one: {len(content)} bytes, {content[:20]}")


{"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
