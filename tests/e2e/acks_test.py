#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--acks on a real file system: programs that keep what they acknowledge pass, and the others are found.

acks_test.py POWERCUT [TEST...]
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

import support

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
POWERCUT = ""

# For the workloads: a content of that many bytes, made durable or not.
LIBRARY = """
set -e
cd "$POWERCUT_MNT"
fill() { head -c "$2" /dev/urandom >"$1"; }
replace() { fill temporary "$2"; sync temporary; mv temporary "$1"; sync .; }
"""


class AcksTest(unittest.TestCase):
    def setUp(self):
        self.workspace = support.Workspace(POWERCUT)
        self.workspace.environment["PATH"] = f"{pathlib.Path(POWERCUT).parent}:{os.environ['PATH']}"
        self.addCleanup(self.workspace.remove)
        self.log = self.workspace / "run.log"
        self.findings = self.workspace / "findings.jsonl"

    def tearDown(self):
        self.workspace.expect_clean("by the test")

    # Without the commits that ext4 makes every few seconds, what nobody syncs is not there at any time.
    def run_test(self, workload, status=0):
        done = self.workspace.run("test", "--size", "16M", "--fs", "ext4", "--mount-options", "commit=600", "--acks", "--model", "prefix",
                                  "--log", self.log, "--json", self.findings, "--", *workload, timeout=200)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        lines = [json.loads(line) for line in self.findings.read_text().splitlines()]
        states = [line for line in lines if line["type"] == "state"]
        self.assertGreater(len(states), 5)
        self.failures = [state for state in states if state["outcome"] != "passed"]
        return done.stdout

    def passes(self, script):
        self.run_test(["sh", "-c", LIBRARY + script])

    def fails(self, script, text):
        shown = self.run_test(["sh", "-c", LIBRARY + script], status=1)
        self.assertIn(text, shown)
        self.assertTrue(self.failures)
        self.assertEqual({failure["outcome"] for failure in self.failures}, {"acknowledgement"}, shown)

    def test_files_that_are_kept(self):
        self.passes("""
            replace a 30000; powercut mark --file a
            powercut mark --changing a; replace a 20000; powercut mark --file a
            replace a 10000; powercut mark --file a
            mkdir d; sync d; sync .
            powercut mark --changing d/b; fill t 5000; sync t; mv t d/b; sync d; powercut mark --file "$POWERCUT_MNT/d/b"
            powercut mark --changing a; powercut mark --changing d/b
            mv a d/b; sync d; sync .; powercut mark --file d/b; powercut mark --removed a
            powercut mark --changing d/b; rm -r d; sync .; powercut mark --removed d/b""")

    def test_a_file_that_is_written_in_place(self):
        write_in_place = "for i in 0 1 2 3; do head -c 8192 /dev/urandom | dd of=a bs=8192 seek=$i conv=notrunc,fsync; done"
        self.passes(f"""
            replace a 32768; powercut mark --file a
            powercut mark --changing a --in-place; {write_in_place}; powercut mark --file a""")
        self.log.unlink()
        self.fails(f"""
            replace a 32768; powercut mark --file a
            powercut mark --changing a; {write_in_place}; powercut mark --file a""", "a has a wrong content")

    def test_what_is_acknowledged_too_early_is_lost(self):
        self.fails("fill a 3000; powercut mark --file a; replace b 10", "not as promised: a ")
        # The command that is shown shows it again.
        again = subprocess.run(["sh", "-c", self.failures[0]["reproduce"]], capture_output=True, text=True, timeout=100,
                               env=self.workspace.environment, cwd=self.workspace.path, check=False)
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        self.assertIn("not as promised: a ", again.stdout)

    def test_a_removal_that_is_not_durable(self):
        self.fails("replace a 3000; powercut mark --file a; rm a; powercut mark --removed a; replace b 10",
                   "a is there and must not be")

    def test_a_file_that_changes_without_a_word(self):
        self.fails("replace a 3000; powercut mark --file a; replace a 3001", "a has a wrong content")

    def test_a_wrong_hash(self):
        self.fails("""fill a 3; sync a; sync .; powercut mark '{"file":"a","size":3,"sha256":"%s"}'""" % ("0" * 64),
                   "expected: 3 bytes, sha256 " + "0" * 64)

    def test_the_module_of_the_examples(self):
        program = self.workspace / "program.py"
        program.write_text(f"""
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
sys.dont_write_bytecode = True
import acknowledge

def make_durable(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)

os.chdir(os.environ["POWERCUT_MNT"])
recorder = acknowledge.Recorder()
for content in b"one", b"two" * 1000:
    recorder.changing("ä b")
    with open("temporary", "wb") as file:
        file.write(content)
    make_durable("temporary")
    os.rename("temporary", "ä b")
    make_durable(".")
    recorder.file("ä b")
recorder.changing("ä b", in_place=True)
os.remove("ä b")
make_durable(".")
recorder.removed("ä b")
""")
        self.run_test([sys.executable, program])
        listed = self.workspace.run("log", self.log, "--kind", "mark").stdout
        for mark in ('{"changing":"ä b","exists":false}', '{"file":"ä b","size":3,"sha256":"7692c3ad',
                     '{"changing":"ä b","exists":true}', '{"changing":"ä b","exists":true,"in_place":true}',
                     '{"removed":"ä b"}'):
            self.assertIn(mark, listed)

    def test_nothing_to_compare(self):
        done = self.workspace.run("test", "--size", "16M", "--fs", "ext4", "--acks", "--log", self.log, "--", "true")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("has no acknowledgement mark", done.stderr)
        for words in (("explore", self.log), ("test", "--raw", "--size", "1M")):
            behind = ("--", "true") if words[0] == "test" else ()
            done = self.workspace.run(*words, "--acks", *behind)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--acks compares files of a file system", done.stderr)


def main():
    global POWERCUT
    POWERCUT = str(pathlib.Path(sys.argv.pop(1)).resolve())
    support.need_root()
    unittest.main()


main()
