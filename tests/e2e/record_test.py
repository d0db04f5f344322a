#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record_test.py POWERCUT FILE_SYSTEM SECTOR_SIZE: a busy workload is recorded; the log is whole, its marks
stand in their places, and replaying all of it gives the very disk that was recorded. The canary: a disk
that differs in one byte is told."""

import json
import pathlib
import sys

import support

HERE = pathlib.Path(__file__).resolve().parent
# xfs wants 300 MB, btrfs 109.
SIZE = {"ext4": "96M", "xfs": "320M", "btrfs": "256M"}


def marks(workspace):
    listing = workspace.run("log", "run.log", "--json")
    support.expect(listing.returncode == 0, listing.stderr)
    entries = [json.loads(line) for line in listing.stdout.splitlines()]
    return [entry["mark"] for entry in entries if entry.get("mark")]


def case(workspace):
    file_system, sector_size = sys.argv[2], sys.argv[3]
    recorded = workspace.run("record", "--file", "disk.img", "--size", SIZE[file_system], "--fs", file_system,
                             "--sector-size", sector_size, "--log", "run.log", "--",
                             sys.executable, HERE / "busy_workload.py", "17", timeout=120)
    print(recorded.stderr)
    support.expect(recorded.returncode == 0, f"record ended with {recorded.returncode}")
    workspace.expect_clean("after success")
    support.expect(marks(workspace) == ["mkfs", "mounted", "exited", "unmounted"], marks(workspace))

    verified = workspace.run("verify", "run.log")
    support.expect(verified.returncode == 0, verified.stdout + verified.stderr)
    compared = workspace.run("replay", "run.log", "replayed.img", "--compare", "disk.img", timeout=120)
    support.expect(compared.returncode == 0, compared.stdout + compared.stderr)

    with open(workspace / "disk.img", "r+b") as disk:
        disk.seek(1_000_001)
        byte = disk.read(1)
        disk.seek(1_000_001)
        disk.write(bytes([byte[0] ^ 1]))
    canary = workspace.run("replay", "run.log", "again.img", "--compare", "disk.img", timeout=120)
    support.expect(canary.returncode == 1, f"a differing disk was not told: {canary.stdout}")


support.need_root()
support.need_file_system(sys.argv[2])
support.run_case(sys.argv[1], case)
