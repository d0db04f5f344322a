#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/postgresql: with its defaults PostgreSQL keeps what it commits, and with fsync=off it does not.

postgresql_test.py POWERCUT
"""

import glob
import pathlib
import sys

import support

LEDGER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "postgresql" / "ledger.py"
# Each state takes a server's start and stop.
CUTS = "mark:mounted", "mark:committed 1", "mark:committed 4"


def run_ledger(workspace, status, *settings):
    cuts = [word for cut in CUTS for word in ("--at", cut)]
    done = workspace.run("test", "--size", "256M", "--fs", "ext4", *cuts, "--model", "prefix", "--check", f"{LEDGER} check",
                         "--log", workspace / f"{len(settings)}.log", "--", LEDGER, "write", 4, *settings, timeout=400)
    support.expect(done.returncode == status, f"status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def check(workspace):
    support.expect("3 states checked" in run_ledger(workspace, 0), "not every state was checked")
    support.expect(" of 4 rows acknowledged and lost" in run_ledger(workspace, 1, "fsync=off"), "no row is said to be lost")


def main():
    support.need_root()
    if not glob.glob("/usr/lib/postgresql/*/bin/initdb"):
        support.skip("no PostgreSQL")
    support.run_case(sys.argv[1], check)


main()
