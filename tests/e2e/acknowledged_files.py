#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A workload that acknowledges files with `powercut mark --file`: acknowledged_files.py COUNT sync|nosync"""

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


write(*sys.argv[1:])
