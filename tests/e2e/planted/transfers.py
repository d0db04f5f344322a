#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Transfers between accounts in SQLite, each in two tables, on the recorded file system.

transfers.py write TRANSFERS JOURNAL_MODE SYNCHRONOUS    acknowledges each transfer with a mark
transfers.py check    each one that was acknowledged is there, and none is there by half
"""

import json
import os
import sqlite3
import subprocess
import sys

DATABASE = os.path.join(os.environ["POWERCUT_MNT"], "transfers.db")


def note(number):
    # Long enough that a transaction changes many pages.
    return f"transfer {number} " * 400


def write(count, journal, synchronous):
    database = sqlite3.connect(DATABASE, isolation_level=None)
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(f"PRAGMA synchronous={synchronous}")
    for table in ("given", "taken"):
        database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
    for number in range(1, int(count) + 1):
        database.execute("BEGIN IMMEDIATE")
        for table in ("given", "taken"):
            database.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, note(number)))
        database.execute("COMMIT")
        subprocess.run(["powercut", "mark", f"transferred {number}"], check=True)


def acknowledged():
    with open(os.environ["POWERCUT_MARKS"], encoding="utf-8") as file:
        marks = [json.loads(line)["mark"] for line in file]
    return max((int(mark.split()[1]) for mark in marks if mark.startswith("transferred ")), default=0)


def rows(database, table):
    known = database.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    return dict(database.execute(f"SELECT id, note FROM {table}")) if known else {}


def check():
    promised = acknowledged()
    try:
        database = sqlite3.connect(DATABASE)
        verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        given, taken = rows(database, "given"), rows(database, "taken")
    except sqlite3.DatabaseError as error:
        sys.exit(f"damaged: {error}")
    if verdict != "ok":
        sys.exit(f"damaged: {verdict}")
    if given != taken:
        sys.exit(f"half a transfer: {sorted(given.keys() ^ taken.keys())}")
    lost = [number for number in range(1, promised + 1) if given.get(number) != note(number)]
    if lost:
        sys.exit(f"acknowledged and lost: {lost}")


{"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
