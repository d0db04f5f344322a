#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_golden_mark.py MANIFEST: a checker for `powercut explore --at mark --mount FS`.

The mounted state ($POWERCUT_MNT) has to hold what the manifest says was durable when the mark was set.
"""

import hashlib
import json
import os
import pathlib
import sqlite3
import sys


def problems(mark, root):
    for name, expected in mark.get("files", {}).items():
        path = root / name
        if not path.is_file():
            yield f"{name} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != expected["sha256"]:
            yield f"{name} has another content"
    for name in mark.get("absent", []):
        if (root / name).exists():
            yield f"{name} is back"
    if "sql" in mark:
        database = sqlite3.connect(root / mark["sql"]["db"])
        row = database.execute("SELECT count(*), coalesce(sum(v*7+id), 0) FROM t").fetchone()
        if row != (mark["sql"]["count"], mark["sql"]["sum(v*7+id)"]):
            yield f"the table holds {row}"


def main():
    with open(sys.argv[1]) as file:
        manifest = json.load(file)
    entries = int(os.environ["POWERCUT_ENTRY"])
    mark = next(mark for mark in manifest["marks"] if mark["entry"] + 1 == entries)
    if mark["name"] != os.environ["POWERCUT_MARK"]:
        raise SystemExit(f"told of mark {os.environ['POWERCUT_MARK']}, not {mark['name']}")
    with open(os.environ["POWERCUT_MARKS"]) as file:
        told = [json.loads(line) for line in file]
    before = [{"entry": m["entry"], "mark": m["name"]} for m in manifest["marks"] if m["entry"] < entries]
    if told != before:
        raise SystemExit(f"told of {len(told)} marks, not {len(before)}")
    found = list(problems(mark, pathlib.Path(os.environ["POWERCUT_MNT"])))
    for problem in found:
        print(problem)
    raise SystemExit(1 if found else 0)


main()
