#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An exploration that is killed at random moments, and gone on with, finds what one finds that was not.

explore_kill_test.py POWERCUT [KILLS [SEED]]

Behind each kill the next start takes away what was left: mounts, loop devices, directories, processes.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import support

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
STATES = 60


def traces(place):
    """All that an exploration in `place` makes and has to take away again."""
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if place in line]
    loops = []
    for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            loops.append(path.read_text().strip())
        except OSError:  # it went away meanwhile
            pass
    processes = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"POWERCUT_DISK={place}".encode() in path.read_bytes():
                processes.append(path.parent.name)
        except OSError:
            pass
    directories = sorted(str(path) for path in pathlib.Path(place).glob("powercut-*"))
    return mounts + [loop for loop in loops if place in loop] + processes + directories


def read(findings):
    """The verdicts by state, what is said of the run, and the summary, if there is one."""
    verdicts, run, summary = {}, None, None
    for line in findings.read_text().splitlines():
        record = json.loads(line)
        if record["type"] == "state":
            assert record["state"] not in verdicts, f"{record['state']} stands there twice"
            verdicts[record["state"]] = record["outcome"]
        elif record["type"] == "run":
            assert run is None, "two runs in one file"
            run = record
        elif record["type"] == "summary":
            assert summary is None, "two summaries in one file"
            summary = record
    return verdicts, run, summary


class Test:
    def __init__(self, powercut, folder, place, rng):
        self.powercut, self.folder, self.place, self.rng = powercut, folder, place, rng
        self.log = folder / "ext4.log"
        subprocess.run(["zstd", "-dqf", GOLDEN / "ext4-512.log.zst", "-o", self.log], check=True)
        self.resumed = folder / "resumed.jsonl"
        self.left = 0

    def explore(self, findings, *words):
        # It fails where a file is missing that is there at the end, so that there are verdicts of both kinds.
        command = [self.powercut, "explore", self.log, "--mount", "ext4", "--check", 'test -n "$(ls $POWERCUT_MNT | grep -v lost)"',
                   "--from", "mark:mkfs", "--max-states", str(STATES), "--json", findings, *words]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        _, said = process.communicate(timeout=300)
        if process.returncode not in (0, 1):
            raise SystemExit(f"ended with {process.returncode}: {said}")

    def expect_clean(self):
        deadline = time.monotonic() + 60
        while left := traces(self.place):
            if time.monotonic() > deadline:
                raise SystemExit("left behind: " + "\n".join(left))
            time.sleep(0.05)

    def kill_one(self, longest):
        """The next start has cleaned up. True if it was killed at work, not at its end."""
        process = self.explore(self.resumed, "--resume")
        time.sleep(self.rng.random() * longest)
        process.kill()
        self.left += bool(traces(self.place))
        # What waits for a mount over a file of its own ends only when that is cut off.
        subprocess.run([self.powercut, "explore", self.log, "--model", "prefix", "--at", "300", "--check", "true"], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)
        process.communicate(timeout=60)
        self.expect_clean()
        return process.returncode == -9

    def rounds(self, kills):
        whole = self.folder / "whole.jsonl"
        start = time.monotonic()
        self.finish(self.explore(whole))
        longest = time.monotonic() - start
        expected = read(whole)
        if len(set(expected[0].values())) < 2:
            raise SystemExit(f"only verdicts of one kind: {expected[0]}")

        done, with_some = 0, 0
        while done < kills:
            killed = self.kill_one(longest / 3)
            done += killed
            lines = len(self.resumed.read_text().splitlines()) if self.resumed.exists() else 0
            if not killed or lines > STATES:
                self.compare(expected)
                self.resumed.unlink()
                continue
            with_some += lines > 1
        self.compare(expected)
        print(f"{done} kills, {self.left} left something behind, {with_some} findings")
        if not with_some or not self.left:
            raise SystemExit("no kill struck where there was something to go on with, or to take away")

    def compare(self, expected):
        self.finish(self.explore(self.resumed, "--resume"))
        self.expect_clean()
        verdicts, run, summary = read(self.resumed)
        for name in ("seconds", "run", "by_reads"):
            summary.pop(name), expected[2].pop(name, None)
        if (verdicts, run, summary) != expected:
            raise SystemExit(f"other findings than without a kill:\n{verdicts}\n{run}\n{summary}\n{expected}")


def main():
    powercut = str(pathlib.Path(sys.argv[1]).resolve())
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 32)
    support.need_root()
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="powercut-kill-") as folder:
        place = pathlib.Path(folder) / "place"
        place.mkdir()
        os.environ["TMPDIR"] = str(place)
        Test(powercut, pathlib.Path(folder), str(place), random.Random(seed)).rounds(kills)


main()
