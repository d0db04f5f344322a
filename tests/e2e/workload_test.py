#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""workload_test.py POWERCUT CASE SECONDS: a database that keeps its promises, on a real file system, is recorded, and as many
crash states as SECONDS allow are checked: none may fail. A failure is either a false alarm or a real fault, and its log is kept.
"""

import json
import pathlib
import sys

import support

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SQLITE, POSTGRESQL = EXAMPLES / "sqlite" / "ledger.py", EXAMPLES / "postgresql" / "ledger.py"
# The file system, the size of the disk, and what writes to it.
CASES = {
    "ext4.sqlite": ("ext4", "128M", SQLITE, ["250", "WAL", "FULL"]),
    "xfs.sqlite": ("xfs", "320M", SQLITE, ["250", "WAL", "FULL"]),
    "btrfs.sqlite": ("btrfs", "128M", SQLITE, ["250", "WAL", "FULL"]),
    "ext4.postgresql": ("ext4", "256M", POSTGRESQL, ["20"]),
}


def check(workspace):
    file_system, size, ledger, words = CASES[sys.argv[2]]
    seconds = int(sys.argv[3])
    log, findings = workspace / "run.log", workspace / "findings.jsonl"
    workspace.environment["PATH"] = f"{pathlib.Path(workspace.powercut).parent}:{workspace.environment['PATH']}"
    recorded = workspace.run("record", "--size", size, "--fs", file_system, "--log", log, "--", ledger, "write", *words, timeout=300)
    support.expect(recorded.returncode == 0, f"record ended with {recorded.returncode}: {recorded.stderr}")
    # Whatever it ends with, the last state may take its time.
    explored = workspace.run("explore", log, "--fs", file_system, "--mount", file_system, "--check", f"{ledger} check",
                             "--time", seconds, "--json", findings, timeout=seconds + 600)
    print(explored.stdout, explored.stderr, flush=True)
    support.expect(explored.returncode == 0, f"explore ended with {explored.returncode}")
    summary = json.loads(findings.read_text().splitlines()[-1])
    support.expect(summary["checked"] > 0 and summary["failed"] == 0, str(summary))


def main():
    support.need_root()
    support.run_case(sys.argv[1], check)


main()
