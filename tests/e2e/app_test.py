#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--app: databases that are sound after a cut pass, and damaged ones are found.

app_test.py POWERCUT sqlite|postgresql
"""

import glob
import json
import os
import pathlib
import subprocess
import sys
import unittest

import support

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
POWERCUT = ""
# Damage that no write of the database's own would be: one page is written over, and its neighbours are not.
DAMAGE = 'dd if=/dev/urandom of="$1" bs=4096 seek="$2" count=1 conv=notrunc,fsync status=none && powercut mark damaged'


class AppTest(unittest.TestCase):
    def setUp(self):
        self.workspace = support.Workspace(POWERCUT)
        self.workspace.environment["PATH"] = f"{pathlib.Path(POWERCUT).parent}:{os.environ['PATH']}"
        self.addCleanup(self.workspace.remove)
        self.log = self.workspace / "run.log"

    def tearDown(self):
        self.workspace.expect_clean("by the test")

    def record(self, size, *workload):
        done = self.workspace.run("record", "--size", size, "--fs", "ext4", "--log", self.log, "--", *workload, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)

    def check(self, command, *words, status):
        done = self.workspace.run(command, *words, timeout=300)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def explore(self, *words, status=0):
        """The failing states, as --json has them."""
        findings = self.workspace / "findings.jsonl"
        self.check("explore", self.log, "--fs", "ext4", *words, "--json", findings, status=status)
        lines = [json.loads(line) for line in findings.read_text().splitlines()]
        states = [line for line in lines if line["type"] == "state"]
        self.assertTrue(states)
        return [state for state in states if state["outcome"] != "passed"]

    def expect_failure_again(self, failure, message):
        again = subprocess.run(["sh", "-c", failure["reproduce"]], capture_output=True, text=True, timeout=100,
                               env=self.workspace.environment, cwd=self.workspace.path, check=False)
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        self.assertIn(message, again.stdout)


class Sqlite(AppTest):
    LEDGER = EXAMPLES / "sqlite" / "ledger.py"
    APP = "--app", "sqlite:/ledger.db"

    def test_what_is_sound_passes(self):
        self.record("32M", self.LEDGER, "write", 3, "WAL", "FULL")
        self.assertEqual(self.explore(*self.APP, "--from", "mark:committed 1", "--max-states", 60), [])

    def test_a_journal_that_is_switched_off_is_found(self):
        # Pages reach the disk in any order, and nothing undoes a transaction of which some are missing.
        self.record("32M", "sh", "-c", """
            sqlite3 "$POWERCUT_MNT/app.db" 'CREATE TABLE t (a, b); CREATE INDEX i ON t (b); PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
                WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 2000) INSERT INTO t SELECT x, hex(randomblob(30)) FROM n;'
            powercut mark filled && sync -d "$POWERCUT_MNT/app.db" && powercut mark synced""")
        failures = self.explore("--app", "sqlite:app.db", "--at", "all", "--from", "mark:filled", "--max-states", 200,
                                "--max-failures", 1, status=1)
        self.assertEqual({failure["step"] for failure in failures}, {"sqlite:app.db"})
        self.assertNotIn("there is no database", failures[0]["output"])

    def test_damage_is_found_and_shown_again(self):
        self.record("32M", "sh", "-c", f'"$0" write 40 DELETE EXTRA && set -- "$POWERCUT_MNT/ledger.db" 1 && {DAMAGE}', self.LEDGER)
        self.assertEqual(self.explore(*self.APP, "--at", "mark:committed 40"), [])
        found = self.explore(*self.APP, "--at", "mark:damaged", "--memory-limit", "1G", "--file-limit", "64M", status=1)
        self.assertIn("--app sqlite:/ledger.db", found[0]["reproduce"])
        self.assertIn("--memory-limit 1073741824 --file-limit 67108864", found[0]["reproduce"])
        self.assertEqual(found[0]["step"], "sqlite:/ledger.db")
        self.expect_failure_again(found[0], "sqlite:/ledger.db exited with status 1")
        explained = self.check("explain", self.log, found[0]["state"], "--fs", "ext4", *self.APP, status=1)
        self.assertIn("sqlite:/ledger.db exited with status 1", explained)

    def test_another_database_is_none(self):
        self.record("32M", "sh", "-c", 'cd "$POWERCUT_MNT" && ln -s /proc/version link.db && sync -f .')
        for path, message in (("absent.db", "there is no database 'absent.db'"), ("link.db", "which is not on the disk")):
            failures = self.explore("--app", f"sqlite:{path}", "--at", "end", status=1)
            self.assertIn(message, failures[0]["output"])

    def test_together_with_a_command(self):
        words = ("test", "--size", "32M", "--fs", "ext4", *self.APP, "--at", "end", "--check")
        workload = ("--", self.LEDGER, "write", 2, "WAL", "FULL")
        self.check(*words, 'test -f "$POWERCUT_MNT/ledger.db"', *workload, status=0)
        self.assertIn("the checker exited with status 3", self.check(*words, "exit 3", *workload, status=1))

    def test_limits(self):
        self.record("32M", "true")
        words = ("--at", "end", "--check")
        allocate = f"{sys.executable} -c 'bytearray(300 << 20)'"
        write = 'head -c 2M /dev/zero >"$TMPDIR/file"'
        # What is remembered of a checker is not so of the same one with a limit.
        cached = *words, allocate, "--cache", "verdicts"
        self.assertEqual(self.explore(*cached), [])
        self.assertIn("MemoryError", self.explore(*cached, "--memory-limit", "200M", status=1)[0]["output"])
        self.assertEqual(self.explore(*words, write, "--file-limit", "2M"), [])
        self.assertEqual(len(self.explore(*words, write, "--file-limit", "1M", status=1)), 1)

    def test_wrong_use(self):
        log = self.workspace / "absent.log"
        for words, message in ((("--app", "sqlite:a"), "--app looks at files of a file system"),
                               (("--fs", "ext4", "--app", "mysql:a"), "--app is sqlite:PATH or postgresql:PATH, not 'mysql:a'"),
                               (("--fs", "ext4", "--app", "sqlite:"), "--app 'sqlite:' names no file"),
                               (("--fs", "ext4", "--memory-limit", "1G"), "--memory-limit is of what --check or --app runs")):
            self.assertIn(message, self.check("explore", log, *words, status=2))
        self.assertIn("--app looks at files of a file system",
                      self.check("test", "--raw", "--size", "1M", "--app", "sqlite:a", "--", "true", status=2))


class Postgresql(AppTest):
    LEDGER = EXAMPLES / "postgresql" / "ledger.py"
    APP = "--app", "postgresql:cluster"

    def test_a_cluster(self):
        # The system catalogue of a database is damaged when the server has stopped.
        self.record("256M", "sh", "-c", f'''"$0" write 3 && powercut mark stopped &&
            set -- "$POWERCUT_MNT"/cluster/base/5/1259 1 && {DAMAGE}''', self.LEDGER)
        sound = "--at", "mark:committed 1", "--at", "mark:committed 3"
        self.assertEqual(self.explore(*self.APP, "--model", "prefix", *sound), [])
        found = self.explore(*self.APP, "--model", "prefix", "--at", "mark:damaged", status=1)
        self.assertEqual(found[0]["step"], "postgresql:cluster")
        self.assertIn("page", found[0]["output"])
        absent = self.explore("--app", "postgresql:other", "--model", "prefix", "--at", "mark:stopped", status=1)
        self.assertIn("there is no cluster 'other'", absent[0]["output"])


def main():
    global POWERCUT
    POWERCUT = str(pathlib.Path(sys.argv.pop(1)).resolve())
    kind = sys.argv.pop(1)
    support.need_root()
    if kind == "sqlite":
        support.need_program("sqlite3")
    elif not glob.glob("/usr/lib/postgresql/*/bin/pg_amcheck"):
        support.skip("no PostgreSQL")
    unittest.main(defaultTest=kind.capitalize())


main()
