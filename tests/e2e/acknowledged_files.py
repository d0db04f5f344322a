#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A workload that acknowledges files with `powercut mark --file`, and the checker of it.

acknowledged_files.py write COUNT sync|nosync    acknowledged_files.py check
"""

import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(os.environ["POWERCUT_MNT"])


def make_durable(path):
    for place in (path, path.parent):
        fd = os.open(place, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def write(count, how):
    prng = random.Random(count)
    for number in range(int(count)):
        folder = ROOT / f"folder{number % 3}"
        if not folder.exists():
            folder.mkdir()
            make_durable(folder)
        path = folder / f"file{number}"
        temporary = folder / "temporary"
        temporary.write_bytes(prng.randbytes(prng.randint(1, 60000)))
        if how == "sync":
            make_durable(temporary)
        temporary.rename(path)
        if how == "sync":
            make_durable(path)
        subprocess.run(["powercut", "mark", "--file", path], check=True)
        # Noise that nobody waits for, and that goes again.
        (ROOT / f"noise{number}").write_bytes(prng.randbytes(30000))
        if number > 2:
            (ROOT / f"noise{number - 2}").unlink()


def check():
    with open(os.environ["POWERCUT_MARKS"]) as file:
        marks = [json.loads(line)["mark"] for line in file]
    problems = []
    for mark in marks:
        if not mark.startswith("{"):
            continue
        promised = json.loads(mark)
        path = ROOT / promised["file"]
        if not path.is_file():
            problems.append(f"{promised['file']} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != promised["sha256"]:
            problems.append(f"{promised['file']} has another content")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


{"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
