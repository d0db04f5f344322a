#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that appends records to a file on ext4 and forgets to flush before it says that they are there:
powercut explore, explain and explore --flushes find the file, the write and the flush that is missing.

explain_test.py POWERCUT
"""

import json
import shlex
import sys

import support

# Records go to the device at once (O_DIRECT), but stay in its cache without fdatasync.
WORKLOAD = """
import mmap, os, subprocess, sys
BLOCK = 4096
path = os.environ["POWERCUT_MNT"] + "/app.log"
block = mmap.mmap(-1, BLOCK)
def fill(text):
    block[:] = text.encode().ljust(BLOCK, b"\\0")
fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_DIRECT)
for i in range(4):
    fill("empty\\n")
    os.pwritev(fd, [block], i * BLOCK)
os.fsync(fd)
os.fsync(os.open(os.environ["POWERCUT_MNT"], os.O_RDONLY))
subprocess.run([sys.argv[1], "mark", "created"], check=True)
for i in range(3):
    fill(f"record {i}\\n")
    os.pwritev(fd, [block], i * BLOCK)
    if sys.argv[2] == "flush":
        os.fdatasync(fd)
    subprocess.run([sys.argv[1], "mark", f"committed {i}"], check=True)
"""

CHECKER = """
import json, os, sys
content = open(os.environ["POWERCUT_MNT"] + "/app.log", "rb").read()
for line in open(os.environ["POWERCUT_MARKS"]):
    mark = json.loads(line)["mark"]
    if mark.startswith("committed "):
        number = int(mark.split()[1])
        if not content[number * 4096:].startswith(f"record {number}\\n".encode()):
            sys.exit(f"record {number} is lost")
"""


class Test:
    def __init__(self, workspace):
        self.workspace = workspace
        (workspace / "workload.py").write_text(WORKLOAD)
        (workspace / "checker.py").write_text(CHECKER)
        self.check = ["--mount", "ext4", "--check", f"python3 {workspace / 'checker.py'}"]

    def run(self, *words, expected=0):
        result = self.workspace.run(*words, timeout=300)
        assert result.returncode == expected, (words, result.returncode, result.stdout, result.stderr)
        return result

    def record(self, name, how):
        self.run("record", "--size", "64M", "--fs", "ext4", "--log", name, "--", "python3", "workload.py",
                 self.workspace.powercut, how)

    def records(self, name, kind):
        lines = (self.workspace / name).read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["type"] == kind]

    def entries(self, log):
        lines = self.run("log", log, "--json").stdout.splitlines()
        return {entry["entry"]: entry for entry in map(json.loads, lines) if "entry" in entry}

    def forgotten(self):
        """The cause is one, and names the write, the file and the acknowledgement."""
        self.record("forgotten.log", "forget")
        explored = self.run("explore", "forgotten.log", *self.check, "--from", "mark:created", "--at", "mark",
                            "--to", "mark:committed 2", "--json", "forgotten.jsonl", expected=1)
        causes = self.records("forgotten.jsonl", "cause")
        assert len(causes) == 1, causes
        self.look_at(causes[0])
        assert causes[0]["states"] == len([state for state in self.records("forgotten.jsonl", "state")
                                           if state["outcome"] != "passed"]), causes
        assert "/app.log" in explored.stdout, explored.stdout
        failing = max((state["state"] for state in self.records("forgotten.jsonl", "state")
                       if state["outcome"] != "passed"), key=len)

        explained = self.run("explain", "forgotten.log", failing, *self.check, "--json", expected=1)
        self.look_at(json.loads(explained.stdout))
        text = self.run("explain", "forgotten.log", failing, *self.check, expected=1).stdout
        for part in ("/app.log", "text \"record ", "flush", "committed "):
            assert part in text, (part, text)
        assert "/app.log" in self.run("explain", "forgotten.jsonl", expected=1).stdout
        # The command that it prints shows the failure again.
        reproduce = shlex.split(causes[0]["reproduce"])
        assert reproduce[1] == "explore", reproduce
        self.run(*reproduce[1:], expected=1)

    def look_at(self, cause):
        assert cause["outcome"] == "exit-status" and cause["code"] == 1, cause
        assert cause["message"].startswith("record ") and cause["message"].endswith(" is lost"), cause
        assert [len(cause[part]) for part in ("lost", "torn", "survivors")] == [1, 0, 0], cause
        lost = cause["lost"][0]
        number = int(cause["message"].split()[1])
        assert lost["place"] == f"/app.log at byte {number * 4096}", cause
        assert lost["content"] == f'text "record {number}..."', cause
        assert lost["completed"] > lost["submitted"] > 0, cause
        entries = self.entries("forgotten.log")
        barrier = cause["barrier"]
        assert barrier["after"] == lost["entry"] < barrier["before"], cause
        assert barrier["because"] == f"mark committed {number}", cause
        assert entries[barrier["before"]]["mark"] == f"committed {number}", cause

    def flushed(self):
        """With the flush nothing fails, and the audit says that each flush is needed."""
        self.record("flushed.log", "flush")
        what = ["flushed.log", *self.check, "--from", "mark:created", "--at", "mark", "--to", "mark:committed 2"]
        self.run("explore", *what)
        self.run("explore", *what, "--flushes", "--json", "flushed.jsonl")
        flushes = self.records("flushed.jsonl", "flush")
        needed = [flush for flush in flushes if flush["needed"]]
        assert len(needed) >= 3, flushes
        assert all(f":without:{flush['entry']}" in flush["state"] for flush in needed), needed
        # It can be looked at as any state.
        self.run("explore", "flushed.log", *self.check, "--at", needed[0]["state"], expected=1)


def case(workspace):
    test = Test(workspace)
    test.forgotten()
    test.flushed()


def main():
    support.need_root()
    support.need_file_system("ext4")
    support.need_program("debugfs")
    support.run_case(sys.argv[1], case)


if __name__ == "__main__":
    main()
