#!/usr/bin/python3 -IBS
# SPDX-License-Identifier: Apache-2.0
"""A small ledger in SQLite, as an application would keep it.

  ledger.py write ROWS JOURNAL_MODE SYNCHRONOUS
      commits ROWS transactions of one row each, and acknowledges each row to the world, here:
      to the log, with a mark, once SQLite says that it is committed.
  ledger.py check
      a checker: the database is sound, every row that was acknowledged before the cut is there, and no row
      that was never written.

The database is in $POWERCUT_MNT, where powercut has mounted the recorded disk, or a crash state of it.
"""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import acknowledge  # noqa: E402
import rows  # noqa: E402


def connect():
    return sqlite3.connect(os.path.join(os.environ["POWERCUT_MNT"], "ledger.db"), isolation_level=None)


def write(count, journal, synchronous):
    recorder = acknowledge.Recorder()
    database = connect()
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    for row in range(1, int(count) + 1):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO ledger VALUES (?, ?)", (row, rows.text_of(row)))
        database.execute("COMMIT")
        recorder.mark(rows.mark_of(row))


def check():
    database = connect()
    verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        sys.exit(f"integrity_check: {verdict}")
    tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ledger'").fetchone()[0]
    found = dict(database.execute("SELECT id, text FROM ledger")) if tables else {}
    sys.exit("\n".join(rows.problems(found)) or 0)


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
