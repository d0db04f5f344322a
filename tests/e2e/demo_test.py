#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo/run comes out as it says: right settings pass, wrong ones lose acknowledged rows.

demo_test.py POWERCUT
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IS_CI = os.environ.get("CI", "") not in ("", "false", "0")


def main():
    powercut = pathlib.Path(sys.argv[1]).resolve()
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK) or not os.path.exists("/dev/loop-control"):
        print("needs root, /dev/fuse and loop devices")
        raise SystemExit(1 if IS_CI else 77)
    with tempfile.TemporaryDirectory(prefix="powercut-demo-") as directory:
        environment = {**os.environ, "POWERCUT_BIN": str(powercut.parent), "POWERCUT_DEMO_DIR": directory, "POWERCUT_DEMO_ROWS": "3"}
        done = subprocess.run([ROOT / "demo" / "run"], env=environment, capture_output=True, text=True, timeout=500)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.returncode
        for name, is_right in (("wal", True), ("rollback", True), ("off", False), ("defaults", False)):
            lines = [json.loads(line) for line in (pathlib.Path(directory) / f"{name}.jsonl").read_text().splitlines()]
            summary = lines[-1]
            assert summary["checked"] == summary["distinct"] > summary["cuts"] >= 20, summary
            assert (summary["failed"] == 0) == is_right, summary
            told = [line for line in lines if "acknowledged and lost" in line.get("output", "")]
            assert bool(told) != is_right
            assert (pathlib.Path(directory) / f"{name}.html").stat().st_size > 1000


main()
