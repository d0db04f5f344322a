#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A small ledger in SQLite, as an application would keep it.

  ledger.py write ROWS JOURNAL_MODE SYNCHRONOUS
      commits ROWS transactions of one row each, and acknowledges each row to the world, here:
      to the log, with `powercut mark`, once SQLite says that it is committed.
  ledger.py check
      a checker: the database is sound, and every row that was acknowledged before the cut is there.

The database is in $POWERCUT_MNT, where powercut has mounted the recorded disk, or a crash state of it.
"""

import json
import os
import sqlite3
import subprocess
import sys


def payload(row):
    return f"row {row}: " + "abcdefghij" * (1 + row % 7)


def connect():
    return sqlite3.connect(os.path.join(os.environ["POWERCUT_MNT"], "ledger.db"), isolation_level=None)


def write(rows, journal, synchronous):
    database = connect()
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    for row in range(1, int(rows) + 1):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO ledger VALUES (?, ?)", (row, payload(row)))
        database.execute("COMMIT")
        subprocess.run(["powercut", "mark", f"committed {row}"], check=True)


def acknowledged_rows():
    """How many rows had been acknowledged when the power went."""
    with open(os.environ["POWERCUT_MARKS"]) as file:
        marks = [json.loads(line)["mark"] for line in file]
    return max((int(mark.split()[1]) for mark in marks if mark.startswith("committed ")), default=0)


def check():
    acknowledged = acknowledged_rows()
    database = connect()
    verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        sys.exit(f"integrity_check: {verdict}")
    tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ledger'").fetchone()[0]
    found = dict(database.execute("SELECT id, text FROM ledger")) if tables else {}
    lost = [row for row in range(1, acknowledged + 1) if found.get(row) != payload(row)]
    if lost:
        sys.exit(f"{len(lost)} of {acknowledged} rows acknowledged and lost: {', '.join(map(str, lost))}")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
