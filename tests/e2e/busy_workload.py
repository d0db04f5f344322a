#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""busy_workload.py SEED: keeps the file system at $POWERCUT_MNT busy for a moment, from several threads:
writes of all sizes, overwrites, appends, truncations, holes, renames, links, deletions, fsync, and SQLite
with both kinds of journal. What is done follows from the seed; how the threads interleave does not."""

import ctypes
import os
import pathlib
import random
import sqlite3
import sys
import threading

THREADS = 4
STEPS = 150
PUNCH_HOLE_KEEP_SIZE = 3

libc = ctypes.CDLL(None, use_errno=True)


def step(generator, folder, names):
    name = folder / generator.choice(names)
    what = generator.randrange(10)
    if what < 4:
        with open(name, "r+b" if name.exists() else "wb") as file:
            file.seek(generator.randrange(300_000))
            file.write(generator.randbytes(generator.choice([1, 100, 4096, 5000, 65536, 200_000])))
            if generator.random() < 0.4:
                file.flush()
                os.fsync(file.fileno())
    elif what == 4 and name.exists():
        os.truncate(name, generator.randrange(200_000))
    elif what == 5 and name.exists():
        with open(name, "r+b") as file:
            libc.fallocate(file.fileno(), PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(8192), ctypes.c_long(65536))
    elif what == 6 and name.exists():
        os.replace(name, folder / generator.choice(names))
    elif what == 7 and name.exists():
        name.unlink()
    elif what == 8:
        made = folder / f"d{generator.randrange(5)}"
        if made.exists():
            made.rmdir()
        else:
            made.mkdir()
    else:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(fd)
        os.close(fd)


def files(seed, folder):
    generator = random.Random(seed)
    folder.mkdir()
    names = [f"f{i}" for i in range(12)]
    for _ in range(STEPS):
        step(generator, folder, names)


def database(seed, path, journal):
    generator = random.Random(seed)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
    for _ in range(30):
        connection.execute("BEGIN")
        for _ in range(5):
            connection.execute("INSERT OR REPLACE INTO t VALUES (?, ?)",
                               (generator.randrange(100), generator.randbytes(generator.randrange(3000))))
        connection.execute("COMMIT")
    connection.close()


def main():
    seed = int(sys.argv[1])
    root = pathlib.Path(os.environ["POWERCUT_MNT"])
    failures = []

    def guarded(function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # a thread's end says nothing by itself
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(files, seed + i, root / f"t{i}")) for i in range(THREADS)]
    for journal in ("WAL", "DELETE"):
        threads.append(threading.Thread(target=guarded, args=(database, seed, root / f"{journal}.db", journal)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        print(f"busy_workload: {failure!r}", file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
