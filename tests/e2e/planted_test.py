#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""planted_test.py POWERCUT PROGRAMS CASE: a storage stack with one known fault is recorded, and the fault is found; the
same without the fault is recorded, and nothing is found. docs/planted-faults.md has the cases.

PROGRAMS is the folder of the programs that are built of planted/.
"""

import dataclasses
import json
import pathlib
import shlex
import sys

import support

PLANTED = pathlib.Path(__file__).resolve().parent / "planted"
ACKNOWLEDGED_FILES = pathlib.Path(__file__).resolve().parent / "acknowledged_files.py"


@dataclasses.dataclass
class Case:
    # Words behind `record --log LOG`, or a command that makes the log, which then stands in for {log}.
    wrong: list
    right: list
    # Words behind `explore LOG`; wrong_check and right_check where the two are not checked alike.
    check: list
    # What a failing state has to say.
    message: str
    # Words with which the fault is found.
    finds: list
    # Words with which nothing is found in the right version; the same unless given.
    passes: list = None
    # Words with which it cannot be found: nothing fails in the wrong version either.
    misses: list = dataclasses.field(default_factory=list)
    right_check: list = None
    makes_log: bool = False


PREFIX = ["--model", "prefix"]
EPOCH = ["--model", "epoch"]
EXACT = ["--model", "exact"]
WHOLE = ["--torn", "off"]
# Of right versions: mounts take their time.
SOME = [*EXACT, "--max-states", "40"]


def programs():
    return pathlib.Path(sys.argv[2])


def wal(fault, **rest):
    program = str(programs() / "planted_wal")
    record = ["--raw", "--size", "256K", "--", program, "write"]
    check = lambda name: ["--check", shlex.join([program, "check", name])]
    # no-flush is a fault of the writer, the others are faults of recovery.
    return Case(wrong=[*record, fault, "6"], right=[*record, "none", "6"], check=check(fault), right_check=check("none"),
                **rest)


def unfinished(history, **rest):
    program = str(programs() / "planted_unfinished_flush")
    return Case(wrong=[program, "record", history, "{log}"], right=[program, "record", "right", "{log}"], makes_log=True,
                check=["--check", shlex.join([program, "check"])], **rest)


def on_file_system(file_system, program, wrong, right, mount_options=(), **rest):
    def record(words):
        return ["--size", "320M" if file_system == "xfs" else "32M", "--fs", file_system, *mount_options, "--", str(program), "write", *words]
    return Case(wrong=record(wrong), right=record(right),
                check=["--mount", file_system, "--at", "flush,mark", "--from", "mark:mounted", *mount_options,
                       "--check", shlex.join([str(program), "check"])], **rest)


def sqlite(wrong, right, file_system="ext4", **rest):
    return on_file_system(file_system, PLANTED / "transfers.py", ["3", *wrong], ["3", *right], **rest)


def mounted(file_system, options, words):
    given = ["--mount-options", options] if options else []
    return ["--size", "32M", "--fs", file_system, *given, "--", *map(str, words)]


def cases():
    sync_files = [ACKNOWLEDGED_FILES, "3", "sync"]
    return {
        "forgotten_flush": lambda: wal("no-flush", message="counter", finds=[[*EPOCH, *WHOLE], [*EXACT, *WHOLE]], misses=[PREFIX]),
        "atomic_writes": lambda: wal("no-checksum", message="counter", finds=[[*EXACT, "--torn", "sector"]], misses=[[*EXACT, *WHOLE]]),
        "repeated_recovery": lambda: wal("not-idempotent", message="counter", finds=[[*EXACT, "--nested"]], misses=[EXACT]),
        "early_flush": lambda: unfinished("early-flush", message="without its data", finds=[EPOCH, EXACT], misses=[PREFIX]),
        "early_commit": lambda: unfinished("early-commit", message="without its data", finds=[EXACT], misses=[PREFIX, EPOCH]),
        "sqlite_off": lambda: sqlite(["WAL", "OFF"], ["WAL", "FULL"], message="acknowledged and lost", finds=[PREFIX, EXACT], passes=[SOME]),
        "sqlite_no_journal": lambda: sqlite(["OFF", "EXTRA"], ["DELETE", "EXTRA"], message="", finds=[EXACT], passes=[SOME]),
        "sqlite_directory": lambda: sqlite(["DELETE", "FULL"], ["DELETE", "EXTRA"], file_system="xfs",
                                           message="acknowledged and lost", finds=[PREFIX, EXACT], passes=[SOME]),
        "ext4_nobarrier": lambda: Case(
            wrong=mounted("ext4", "nobarrier", sync_files), right=mounted("ext4", "", sync_files),
            check=["--mount", "ext4", "--acks", "--from", "mark:mounted"], message="is missing", finds=[EXACT], passes=[SOME]),
        "ext2": lambda: Case(
            wrong=mounted("ext2", "", sync_files), right=mounted("ext4", "", sync_files),
            check=["--from", "mark:mounted", "--check", "e2fsck -fn {}"], right_check=["--fs", "ext4", "--from", "mark:mounted"],
            message="", finds=[PREFIX, EXACT], passes=[SOME]),
        "rename_without_fsync": lambda: on_file_system(
            "ext4", PLANTED / "saved_file.py", ["nosync"], ["fsync"],
            mount_options=["--mount-options", "noauto_da_alloc,data=writeback"],
            message="neither the old nor the new", finds=[PREFIX, EXACT], passes=[SOME]),
    }


def make_log(workspace, case, words, name):
    log = workspace / name
    if case.makes_log:
        support.subprocess.run([word.replace("{log}", str(log)) for word in words], check=True, timeout=60)
        return log
    recorded = workspace.run("record", "--log", log, *words, timeout=120)
    support.expect(recorded.returncode == 0, f"record ended with {recorded.returncode}: {recorded.stderr}")
    return log


def explore(workspace, log, words):
    findings = workspace / "findings.jsonl"
    done = workspace.run("explore", log, *words, "--json", findings, timeout=300)
    print(f"$ powercut explore {log.name} {shlex.join(map(str, words))}\n{done.stdout}{done.stderr}", flush=True)
    lines = [json.loads(line) for line in findings.read_text().splitlines()] if findings.exists() else []
    support.expect(done.returncode in (0, 1) and lines and lines[-1]["type"] == "summary",
                   f"explore ended with {done.returncode}")
    support.expect(lines[-1]["checked"] > 0, "no state was checked")
    failures = [line for line in lines if line["type"] == "state" and line["outcome"] != "passed"]
    causes = [line for line in lines if line["type"] == "cause"]
    support.expect(bool(causes) == bool(failures), f"{len(failures)} failures, {len(causes)} causes")
    support.expect((done.returncode == 1) == bool(failures), f"status {done.returncode}, {len(failures)} failures")
    return failures


def run(workspace):
    case = cases()[sys.argv[3]]()
    workspace.environment["PATH"] = f"{pathlib.Path(workspace.powercut).parent}:{workspace.environment['PATH']}"
    wrong = make_log(workspace, case, case.wrong, "wrong.log")
    right = make_log(workspace, case, case.right, "right.log")
    for words in case.finds:
        failures = explore(workspace, wrong, [*case.check, *words, "--max-failures", "1"])
        support.expect(any(case.message in failure["output"] for failure in failures), f"not found with {words}")
    for words in case.passes or case.finds:
        support.expect(not explore(workspace, right, [*(case.right_check or case.check), *words]), f"false alarm with {words}")
    for words in case.misses:
        support.expect(not explore(workspace, wrong, [*case.check, *words]), f"{words} is thought not to find it")


def main():
    support.need_root()
    if sys.argv[3].startswith("ext2"):
        support.need_file_system("ext2")
    support.run_case(sys.argv[1], run)


main()
