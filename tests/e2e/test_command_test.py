#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""powercut test: each file system keeps the files that were acknowledged, and what is not kept is found.

test_command_test.py POWERCUT [TEST...]
"""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE / "acknowledged_files.py"
IS_CI = os.environ.get("CI", "") not in ("", "false", "0")
POWERCUT = ""


class TestCommandTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="powercut-test-")
        self.path = pathlib.Path(self.directory.name)
        self.addCleanup(self.directory.cleanup)
        self.findings = self.path / "findings.jsonl"

    def tearDown(self):
        # Others may be at work.
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        self.assertEqual([line for line in mounts if str(self.path) in line], [])
        loops = [path.read_text() for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file")]
        self.assertEqual([loop for loop in loops if str(self.path) in loop], [])

    def start(self, *words):
        environment = {**os.environ, "TMPDIR": str(self.path), "POWERCUT_RUNTIME_DIR": str(self.path / "run"), "PATH": f"{pathlib.Path(POWERCUT).parent}:{os.environ['PATH']}"}
        return subprocess.Popen([POWERCUT, "test", *map(str, words)], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run_test(self, *words, status=0):
        process = self.start("--json", self.findings, *words)
        self.out, self.err = process.communicate(timeout=240)
        self.assertEqual(process.returncode, status, self.out + self.err)
        self.lines = [json.loads(line) for line in self.findings.read_text().splitlines()]
        self.failures = [line for line in self.lines if line["type"] == "state" and line["outcome"] != "passed"]
        self.logs = sorted(self.path.glob("*.log"))

    # In crash states of every cut, with writes lost and torn; a budget, as there are thousands of them.
    def expect_kept(self, file_system, size, sector_size, states=120):
        junit, html = self.path / "junit.xml", self.path / "report.html"
        self.run_test("--fs", file_system, "--size", size, "--sector-size", sector_size, "--acks", "--max-states", states,
                      "--junit", junit, "--html", html,
                      "--check", "test -d \"$POWERCUT_MNT\"", "--", FILES, 5, "sync")
        summary = self.lines[-1]
        self.assertEqual(self.lines[0]["model"], "exact")
        self.assertEqual(summary["checked"], states)
        self.assertEqual(summary["failed"], 0)
        self.assertGreater(summary["cuts"], 20)
        self.assertGreater(summary["possible_log2"], 10)
        self.assertEqual(summary["run"] + summary["by_reads"], summary["checked"])
        self.assertEqual(self.logs, [])
        self.assertEqual(list(self.path.glob("*.idx")), [])
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual(suite.findall(".//failure") + suite.findall(".//error"), [])
        self.assertGreater(len(suite.findall(".//testcase")), 0)
        self.assertIn("<html", html.read_text())

    def test_ext4_512(self):
        self.expect_kept("ext4", "64M", 512)

    def test_ext4_4096(self):
        self.expect_kept("ext4", "64M", 4096)

    def test_xfs_512(self):
        self.expect_kept("xfs", "320M", 512)

    def test_xfs_4096(self):
        self.expect_kept("xfs", "320M", 4096)

    def test_btrfs_512(self):
        self.expect_kept("btrfs", "128M", 512, states=60)

    # The canary: the same files, acknowledged before they are durable.
    def test_what_is_not_synced_is_lost(self):
        junit = self.path / "junit.xml"
        self.run_test("--fs", "ext4", "--size", "64M", "--acks", "--max-failures", 20, "--junit", junit, "--", FILES, 3, "nosync", status=1)
        self.assertTrue(all(failure["outcome"] == "acknowledgement" for failure in self.failures))
        self.assertGreater(self.lines[-1]["causes"], 0)
        self.assertGreater(len(xml.etree.ElementTree.parse(junit).getroot().findall(".//failure")), 0)
        # The log stays, and the command in each failure shows it again.
        self.assertEqual(len(self.logs), 1)
        self.assertIn(str(self.logs[0]), self.err)
        again = subprocess.run(["sh", "-c", self.failures[0]["reproduce"]], capture_output=True, text=True)
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        self.assertIn("is missing", again.stdout)

    def test_a_log_of_the_users_stays(self):
        log = self.path / "mine.log"
        self.run_test("--raw", "--size", "1M", "--log", log, "--check", "true", "--", "sh", "-c", "dd if=/dev/urandom of=$POWERCUT_DISK bs=4k count=4 oflag=direct")
        self.assertTrue(log.exists())

    # A device with content is explored over that content.
    def test_base(self):
        image, base = self.path / "disk.img", self.path / "base.img"
        for path in (image, base):
            path.write_bytes(b"A" * (1 << 20))
        # The first byte changes, the others stay what they were.
        check = "test $(head -c 8192 {} | tail -c 4096 | tr -d A | wc -c) -eq 0"
        self.run_test("--raw", "--file", image, "--base", base, "--check", check, "--at", "all", "--",
                      "sh", "-c", "head -c 4096 /dev/zero | dd of=$POWERCUT_DISK bs=4k oflag=direct conv=notrunc")
        self.assertEqual(base.read_bytes(), b"A" * (1 << 20))
        self.assertEqual(image.read_bytes()[:4096], bytes(4096))

    def test_a_workload_that_fails_is_no_success(self):
        self.run_test("--raw", "--size", "1M", "--check", "true", "--", "false", status=1)
        self.assertEqual(self.lines, [])
        self.assertEqual(self.logs, [])
        self.assertIn("no state was checked", self.err)

    def test_a_signal_while_recording(self):
        process = self.start("--raw", "--size", "1M", "--check", "true", "--", "sleep", "60")
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 143, out + err)
        self.assertEqual(list(self.path.glob("*.log")), [])

    def test_a_signal_while_exploring(self):
        process = self.start("--raw", "--size", "1M", "--at", "all", "--check", "touch " + shlex.quote(str(self.path / "begun")) + "; sleep 60",
                             "--", "sh", "-c", "dd if=/dev/urandom of=$POWERCUT_DISK bs=4k count=4 oflag=direct")
        deadline = time.monotonic() + 30
        while not (self.path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertIn("interrupted: ", out)


def main():
    global POWERCUT
    POWERCUT = str(pathlib.Path(sys.argv.pop(1)).resolve())
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK) or not os.path.exists("/dev/loop-control"):
        print("needs root, /dev/fuse and loop devices")
        raise SystemExit(1 if IS_CI else 77)
    unittest.main()


main()
