#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""powercut explore on the golden logs: real file systems, real checkers, nothing left behind.

explore_test.py POWERCUT [TEST...]
"""

import json
import os
import pathlib
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"
POWERCUT = ""
# The log's instants, one after the other, each judged for itself.
INSTANTS = ("--model", "prefix", "--prune", "off")
PLACE = ""  # the explorations' TMPDIR
IS_CI = os.environ.get("CI", "") not in ("", "false", "0")


def missing():
    """What these tests need and this machine lacks."""
    if os.geteuid() != 0:
        yield "root"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(path, os.R_OK | os.W_OK):
            yield path
    for program in ("e2fsck", "xfs_repair", "btrfs", "zstd"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True).returncode != 0:
            yield program


def kernel_has(file_system):
    return f"\t{file_system}\n" in pathlib.Path("/proc/filesystems").read_text()


def traces():
    """All that an exploration of ours makes and has to take away again; others may be running."""
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if PLACE in line]
    loops = [path.read_text().strip() for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file")]
    processes = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"POWERCUT_DISK={PLACE}".encode() in path.read_bytes():
                processes.append(path.parent.name)
        except OSError:
            pass
    return {
        "mounts": mounts,
        "loops": [loop for loop in loops if PLACE in loop],
        "directories": sorted(str(path) for path in pathlib.Path(PLACE).glob("powercut-*")),
        "processes": processes,
    }


def replay(log, entries, size):
    """The image after the first entries, by the simplest means there are."""
    data = log.read_bytes()
    sector_size = struct.unpack_from("<I", data, 24)[0]
    image = bytearray(size)
    offset = sector_size
    for _ in range(entries):
        sector, count, flags, _ = struct.unpack_from("<QQQQ", data, offset)
        offset += sector_size
        length = count * sector_size
        begin = sector * sector_size
        if flags & 4:
            image[begin:begin + length] = bytes(length)
        elif not flags & 8:
            image[begin:begin + length] = data[offset:offset + length]
            offset += length
    return bytes(image)


class ExploreTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="golden-", dir=PLACE)
        cls.path = pathlib.Path(cls.directory.name)
        for name in ("ext4-512", "ext4-4096", "sqlite-wal", "xfs-512", "btrfs-discard-k612", "raw-512"):
            subprocess.run(["zstd", "-dqf", GOLDEN / f"{name}.log.zst", "-o", cls.path / f"{name}.log"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        self.before = traces()

    def tearDown(self):
        self.assertEqual(traces(), self.before)

    def start(self, *words):
        self.findings_path = self.path / "findings.jsonl"
        command = [POWERCUT, "explore", *map(str, words), "--json", self.findings_path]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def explore(self, *words, status=0):
        process = self.start(*words)
        try:
            self.out, self.err = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            process.terminate()
            self.out, self.err = process.communicate()
            self.fail(f"took too long: {self.out}{self.err}")
        self.assertEqual(process.returncode, status, self.out + self.err)
        if not self.findings_path.exists():
            return None
        lines = [json.loads(line) for line in self.findings_path.read_text().splitlines()]
        self.findings_path.unlink()
        self.run_facts = lines[0] if lines else None
        self.states = sorted((line for line in lines if line["type"] == "state"), key=lambda state: state["entries"])
        self.failures = [state for state in self.states if state["outcome"] != "passed"]
        return lines[-1] if lines and lines[-1]["type"] == "summary" else None

    def log(self, name):
        return self.path / f"{name}.log"

    def manifest(self, name):
        return json.loads((GOLDEN / f"{name}.manifest.json").read_text())

    def golden_check(self, name):
        return shlex.join([sys.executable, str(HERE / "check_golden_mark.py"), str(GOLDEN / f"{name}.manifest.json")])

    # File systems are whole at every flush and mark.

    def expect_whole(self, name, file_system, at="flush,mark", to="end"):
        summary = self.explore(self.log(name), "--fs", file_system, "--at", at, "--to", to, *INSTANTS)
        manifest = self.manifest(name)
        self.assertEqual(summary["checked"], self.run_facts["cuts"])
        self.assertGreaterEqual(summary["checked"], 20)
        self.assertEqual(summary["failed"], 0)
        first_mark = next(mark["entry"] for mark in manifest["marks"] if mark["name"] == "mkfs")
        self.assertEqual(self.states[0]["entries"], first_mark + 1)
        self.assertEqual(self.run_facts["device_size_bytes"], manifest["data_disk_bytes"])

    def test_ext4(self):
        self.expect_whole("ext4-512", "ext4")
        self.expect_whole("ext4-4096", "ext4")
        self.expect_whole("sqlite-wal", "ext4")

    def test_xfs(self):
        self.assertTrue(kernel_has("xfs"))
        self.expect_whole("xfs-512", "xfs")

    def test_btrfs(self):
        self.assertTrue(kernel_has("btrfs"))
        self.expect_whole("btrfs-discard-k612", "btrfs", at="mark")

    # One e2fsck that recovers the journal and checks all decides where it finds nothing; else the two of the
    # definition do.
    def test_ext4_is_judged_as_by_recovery_and_check_one_after_the_other(self):
        workload = 'cd "$POWERCUT_MNT"; for i in 1 2 3 4 5 6; do mkdir d$i; seq $i 3000 > d$i/new; sync d$i/new; mv d$i/new file$i; rm -f file$((i - 2)); done'
        for options, torn in ("nobarrier", "sector"), ("barrier", "off"):
            log = self.path / f"{options}.log"
            subprocess.run([POWERCUT, "record", "--size", "32M", "--fs", "ext4", "--mount-options", options, "--log", log,
                            "--", "sh", "-c", workload], check=True, capture_output=True)
            words = (log, "--from", "mark:mkfs", "--at", "all", "--torn", torn, "--strategy", "one,random:6", "--max-states", "200", "--prune", "off")
            recovery = "e2fsck -y -E journal_only {} >$TMPDIR/out; status=$?; [ $status -le 1 ] || exit $status"
            no_repair = 'grep -v "^Run journal anyway" $TMPDIR/out | grep -q "? yes" && exit $status'
            two_steps = f"{recovery}; {no_repair}; e2fsck -fn {{}}"
            by_state = []
            for checker in (["--fs", "ext4"], ["--check", two_steps]):
                self.explore(*words, *checker, status=1 if options == "nobarrier" else 0)
                by_state.append({state["state"]: (state["outcome"], state.get("code")) for state in self.states})
            in_both = by_state[0].keys() & by_state[1].keys()
            self.assertGreaterEqual(len(in_both), 100)
            for state in in_both:
                self.assertEqual(by_state[0][state], by_state[1][state], state)
            outcomes = {by_state[0][state][0] for state in in_both}
            self.assertEqual(outcomes, {"passed", "exit-status"} if options == "nobarrier" else {"passed"})

    # What was acknowledged is there at every mark.

    def expect_acknowledged(self, name, file_system):
        summary = self.explore(self.log(name), "--mount", file_system, "--at", "mark", *INSTANTS, "--check", self.golden_check(name))
        self.assertEqual(summary["checked"], len(self.manifest(name)["marks"]))
        self.assertEqual(summary["failed"], 0)

    def test_acknowledged_ext4(self):
        self.expect_acknowledged("ext4-512", "ext4")

    def test_acknowledged_sqlite(self):
        self.expect_acknowledged("sqlite-wal", "ext4")

    def test_acknowledged_xfs(self):
        self.expect_acknowledged("xfs-512", "xfs")

    # Two at once: the states of one must not be taken for the other's, though all have one UUID.
    def test_acknowledged_btrfs_twice_at_once(self):
        log = self.log("btrfs-discard-k612")
        check = self.golden_check("btrfs-discard-k612")
        other = subprocess.Popen([POWERCUT, "explore", log, "--mount", "btrfs", "--at", "mark", *INSTANTS, "--check", check, "--jobs", "4"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.expect_acknowledged("btrfs-discard-k612", "btrfs")
        output, _ = other.communicate(timeout=200)
        self.assertEqual(other.returncode, 0, output)

    # The canary of the two above: a manifest that says what is not so.
    def test_what_is_not_there_is_found(self):
        manifest = self.manifest("ext4-512")
        marks = [mark for mark in manifest["marks"] if mark.get("files")]
        falsified = marks[len(marks) // 2]
        next(iter(falsified["files"].values()))["sha256"] = "0" * 64
        path = self.path / "falsified.json"
        path.write_text(json.dumps(manifest))
        check = shlex.join([sys.executable, str(HERE / "check_golden_mark.py"), str(path)])
        self.explore(self.log("ext4-512"), "--mount", "ext4", "--at", "mark", *INSTANTS, "--check", check, status=1)
        self.assertEqual([state["entries"] for state in self.failures], [falsified["entry"] + 1])
        self.assertIn("has another content", self.failures[0]["output"])

    # Damage in the middle of a log is found by the ready checkers, from there on.
    def test_a_damaged_file_system_is_found(self):
        log = self.log("ext4-512")
        damaged = bytearray(log.read_bytes())
        # The last write of the super block of ext4, by the unmount, becomes noise.
        offset, sector_size, place = 512, 512, None
        for index in range(688):
            sector, count, flags, _ = struct.unpack_from("<QQQQ", damaged, offset)
            payload = 0 if flags & 12 else count * sector_size
            if index > 110 and sector <= 2 < sector + count and payload:
                place = (index, offset + sector_size, payload)
            offset += sector_size + payload
        self.assertIsNotNone(place)
        index, begin, length = place
        damaged[begin:begin + length] = b"\xa5" * length
        bad = self.path / "damaged.log"
        bad.write_bytes(damaged)
        self.explore(bad, "--fs", "ext4", "--at", "all", "--from", "mark:mounted", *INSTANTS, status=1)
        self.assertEqual(self.failures[0]["entries"], index + 1)
        self.assertEqual(len(self.failures), 688 - index)

    # Whatever of the writes that no flush had made durable is lost, torn or there, the file systems recover.

    def expect_whole_in_all_states(self, name, file_system, states):
        summary = self.explore(self.log(name), "--fs", file_system, "--max-states", states)
        self.assertEqual(self.run_facts["model"], "epoch")
        self.assertEqual(self.run_facts["torn"], "4096")
        self.assertEqual(summary["checked"], states)
        self.assertEqual(summary["failed"], 0)
        self.assertEqual(summary["stopped_at_limit"], "--max-states")
        self.assertGreater(summary["cuts"], 30)
        self.assertLessEqual(summary["cuts"], self.run_facts["cuts"])
        self.assertGreater(summary["possible_log2"], 10)
        self.assertLess(summary["pairs_covered"], summary["pairs"])

    def test_all_states_of_ext4(self):
        self.expect_whole_in_all_states("ext4-512", "ext4", 300)
        self.expect_whole_in_all_states("sqlite-wal", "ext4", 100)

    def test_all_states_of_xfs(self):
        self.expect_whole_in_all_states("xfs-512", "xfs", 60)

    # A super block that is torn within 4 KiB: what --torn sector is for.
    def test_torn_sectors(self):
        self.explore(self.log("ext4-512"), "--fs", "ext4", "--torn", "sector", "--strategy", "exhaustive,one", "--at", "flush",
                     "--max-failures", "1", "--max-states", "3000", status=1)
        self.assertIn(":torn:", self.failures[0]["state"])
        again = subprocess.run(["sh", "-c", self.failures[0]["reproduce"]], capture_output=True, text=True)
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        self.assertIn("FAIL " + self.failures[0]["state"], again.stdout)

    # Verdicts.

    def test_every_bad_end_fails(self):
        log = self.log("ext4-512")
        cases = [("exit 3", "exit-status", 3), ("kill -SEGV $$", "signal", signal.SIGSEGV), ("kill -KILL $$", "signal", signal.SIGKILL),
                 ("sleep 60", "timeout", 0), ("setsid sleep 60 & sleep 60", "timeout", 0)]
        for command, outcome, code in cases:
            with self.subTest(command):
                summary = self.explore(log, "--at", "300,301", *INSTANTS, "--timeout", "1", "--check", command, status=1)
                self.assertEqual(summary["failed"], 2)
                self.assertEqual({(state["outcome"], state.get("code", 0)) for state in self.failures}, {(outcome, code)})

    def test_failures_are_found_at_the_planted_states_and_reproduced(self):
        log = self.log("ext4-512")
        check = "test $POWERCUT_ENTRY -ne 300 && test $POWERCUT_ENTRY -ne 411 || { echo \"it's broken\"; false; }"
        summary = self.explore(log, "--at", "all", *INSTANTS, "--check", check, "--keep", self.path / "kept", status=1)
        self.assertEqual(summary["checked"], 689)
        self.assertEqual([state["state"] for state in self.failures], ["entry:300", "entry:411"])
        self.assertEqual(summary["first_failure"], "entry:300")
        self.assertEqual(self.failures[0]["output"], "it's broken\n")
        for state in self.failures:
            self.assertIn(state["reproduce"], self.out)
            again = subprocess.run(["sh", "-c", state["reproduce"]], capture_output=True, text=True)
            self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
            self.assertIn("FAIL " + state["state"], again.stdout)
            image = pathlib.Path(state["kept_image"])
            self.assertEqual(image.read_bytes(), replay(log, state["entries"], 64 << 20))
            self.assertLess(image.stat().st_blocks * 512, 16 << 20)
            self.assertEqual(pathlib.Path(state["kept_output"]).read_text(), "it's broken\n")
        self.assertEqual(len(list((self.path / "kept").iterdir())), 4)

    def test_a_state_that_cannot_be_mounted_fails(self):
        self.explore(self.log("ext4-512"), "--mount", "ext4", "--at", "10", *INSTANTS, status=1)
        self.assertEqual(self.failures[0]["outcome"], "mount")
        self.assertEqual(self.failures[0]["step"], "mount -t ext4")

    def test_no_state_is_a_failure(self):
        self.explore(self.log("raw-512"), "--at", "every:1000", "--check", "true", status=1)
        self.assertIn("no state was checked", self.out)

    def test_bad_use(self):
        log = self.log("ext4-512")
        for status, words, message in [
            (2, [log, "--at", "flush"], "nothing to check with"),
            (2, [log, "--check", "no-such-checker {}"], "'no-such-checker' not found"),
            (2, [log, "--check", ":; no-such-checker {}"], "could not be run"),
            (2, [log, "--check", "if"], "not a shell command"),
            (2, [log, "--check", ""], "empty command"),
            (2, [log, "--check", "true", "--at", "flushes"], "flushes"),
            (2, [log, "--check", "true", "--at", "mark:moon"], "moon"),
            (2, [log, "--fs", "minix"], "--fs"),
            (2, [log, "--check", "true", "--mount-options", "ro"], "--mount-options"),
            (2, [self.log("raw-512"), "--fs", "ext4"], "--from"),
            (3, [self.path / "none.log", "--check", "true"], "none.log"),
            (3, [POWERCUT, "--check", "true"], "not"),
            (3, [log, "--check", "true", "--size", "1M"], "1048576"),
            (3, [log, "--check", "true", "--base", "/etc/passwd"], "the device, which has only"),
            (4, [log, "--check", "true", "--keep", "/proc/x/y"], "/proc/x"),
        ]:
            with self.subTest(words):
                self.explore(*words, status=status)
                self.assertIn(message, self.err)
        process = subprocess.run([POWERCUT, "explore", log, "--check", "touch /tmp/x", "--json", "/no/such/file"], capture_output=True, text=True)
        self.assertEqual(process.returncode, 4)
        self.assertIn("/no/such/file", process.stderr)

    # Ends before the end.

    def test_a_signal_ends_it_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                process = self.start(self.log("ext4-512"), "--mount", "ext4", "--at", "all", "--from", "mark:mounted", *INSTANTS,
                                     "--check", "setsid sleep 600 & sleep 0.2")
                time.sleep(2)
                process.send_signal(number)
                out, err = process.communicate(timeout=20)
                self.assertEqual(process.returncode, 128 + number, out + err)
                self.assertIn("interrupted", out)
                summary = json.loads(self.findings_path.read_text().splitlines()[-1])
                self.assertTrue(summary["interrupted"])
                self.assertGreater(summary["checked"], 0)
                self.assertEqual(traces(), self.before)

    # What one leaves that is killed, the next one takes away.
    def test_the_next_one_cleans_up_behind_one_that_was_killed(self):
        process = self.start(self.log("ext4-512"), "--mount", "ext4", "--at", "all", "--from", "mark:mounted", *INSTANTS,
                             "--check", "setsid sleep 600 & sleep 600")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len(traces()["processes"]) < 3:
            time.sleep(0.1)
        process.kill()
        process.communicate()
        self.assertNotEqual(traces(), self.before)
        self.explore(self.log("ext4-512"), "--at", "300", *INSTANTS, "--check", "true")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and traces() != self.before:
            time.sleep(0.1)
        self.assertEqual(traces(), self.before)

    # Also in the middle of a mount or unmount, when it waits in the kernel for what it serves itself.
    def test_it_can_be_killed_at_any_moment(self):
        for delay in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6):
            process = self.start(self.log("ext4-512"), "--mount", "ext4", "--at", "all", "--from", "mark:mounted", "--check", "true")
            time.sleep(delay)
            process.kill()
            process.communicate(timeout=60)
        self.explore(self.log("ext4-512"), "--at", "300", "--check", "true")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and traces() != self.before:
            time.sleep(0.1)
        self.assertEqual(traces(), self.before)

    # And it leaves alone what belongs to one that lives.
    def test_two_at_once(self):
        other = subprocess.Popen([POWERCUT, "explore", self.log("ext4-512"), "--mount", "ext4", "--at", "300,310,320,330", *INSTANTS, "--jobs", "1", "--check", "sleep 1"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3):
            self.explore(self.log("ext4-512"), "--at", "300", *INSTANTS, "--check", "true")
        output, _ = other.communicate(timeout=60)
        self.assertEqual(other.returncode, 0, output)

    def test_what_a_checker_has_mounted_goes_with_it(self):
        place = self.path / "place"
        place.mkdir(exist_ok=True)
        command = f"mount -o loop {{}} {shlex.quote(str(place))}"
        summary = self.explore(self.log("ext4-512"), "--at", "mark", "--from", "mark:mounted", *INSTANTS, "--jobs", "1", "--check", command)
        self.assertGreater(summary["checked"], 40)
        self.assertFalse(os.path.ismount(place))


def main():
    global POWERCUT, PLACE
    POWERCUT = str(pathlib.Path(sys.argv.pop(1)).resolve())
    lacking = list(missing())
    if lacking:
        print(f"cannot run here, for want of {', '.join(lacking)}")
        raise SystemExit(1 if IS_CI else 77)
    with tempfile.TemporaryDirectory(prefix="powercut-place-") as PLACE:
        os.environ["TMPDIR"] = PLACE
        unittest.main()


main()
