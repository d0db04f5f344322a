#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs command-line cases: shell scripts with what they are expected to print and how they end.

run.py --bin BUILD/bin [--update] CASE.sh...
run.py --bin BUILD/bin --canary

Beside CASE.sh stand, where they are not empty or 0:
  CASE.stdout, CASE.stderr   what is printed, exactly; or CASE.stdout.glob, CASE.stderr.glob, where each
                             line is a shell pattern (* ? [...]) and a line "..." stands for any lines
  CASE.exit                  the exit status
A case runs with bash -euo pipefail in a private folder, which stands as $DIR in what it prints; with the programs in
PATH, the helpers of lib.sh, and GOLDEN the folder of the golden logs. A comment "# needs: root fuse loop"
names what the machine must have: without it the case is skipped (status 77), or fails if CI=true.
--update writes the expectations from what happens: read the difference before it is committed.
"""

import argparse
import difflib
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
TIME_LIMIT_SECONDS = 120


def missing_needs(script):
    found = re.search(r"^# needs: (.*)$", script, re.M)
    have = {
        "root": os.geteuid() == 0,
        "fuse": os.access("/dev/fuse", os.R_OK | os.W_OK),
        "loop": os.path.exists("/dev/loop-control"),
    }
    needs = found[1].split() if found else []
    return [need for need in needs if not (have[need] if need in have else shutil.which(need))]


def environment(bin_folder, folder):
    keep = {name: os.environ[name] for name in ("HOME", "ASAN_OPTIONS", "TSAN_OPTIONS") if name in os.environ}
    return {
        **keep,
        "PATH": f"{bin_folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
        "TMPDIR": str(folder),
        "DIR": str(folder),
        "BUILD": str(pathlib.Path(bin_folder).parent),
        "CLI": str(HERE),
        "GOLDEN": str(HERE.parent / "golden"),
    }


def run_script(case, bin_folder, folder):
    command = ["bash", "-euo", "pipefail", "-c", f'. "{HERE}/lib.sh"; . "{case}"']
    try:
        done = subprocess.run(command, cwd=folder, env=environment(bin_folder, folder), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIME_LIMIT_SECONDS)
    except subprocess.TimeoutExpired as late:
        return "", f"(no end after {late.timeout} s)\n", -1
    show = lambda raw: raw.decode(errors="backslashreplace").replace(str(folder), "$DIR")
    return show(done.stdout), show(done.stderr), done.returncode


def matches_glob(pattern_lines, lines):
    if not pattern_lines:
        return not lines
    if pattern_lines[0] == "...":
        return any(matches_glob(pattern_lines[1:], lines[i:]) for i in range(len(lines) + 1))
    return bool(lines) and fnmatch.fnmatchcase(lines[0], pattern_lines[0]) and matches_glob(pattern_lines[1:], lines[1:])


def compare_stream(case, stream, text):
    glob_file = case.with_suffix(f".{stream}.glob")
    exact_file = case.with_suffix(f".{stream}")
    if glob_file.exists():
        wanted = glob_file.read_text()
        if matches_glob(wanted.splitlines(), text.splitlines()):
            return []
    else:
        wanted = exact_file.read_text() if exact_file.exists() else ""
        if wanted == text:
            return []
    return list(difflib.unified_diff(wanted.splitlines(), text.splitlines(), f"{stream} expected", f"{stream} seen", lineterm=""))


def compare(case, stdout, stderr, status):
    exit_file = case.with_suffix(".exit")
    wanted = int(exit_file.read_text()) if exit_file.exists() else 0
    problems = compare_stream(case, "stdout", stdout) + compare_stream(case, "stderr", stderr)
    if status != wanted:
        problems.append(f"exit status {status}, expected {wanted}")
    return problems


def update(case, stdout, stderr, status):
    for stream, text in (("stdout", stdout), ("stderr", stderr), ("exit", f"{status}\n" if status else "")):
        file = case.with_suffix(f".{stream}")
        if stream != "exit" and case.with_suffix(f".{stream}.glob").exists():
            continue
        if text:
            file.write_text(text)
        else:
            file.unlink(missing_ok=True)


def run_case(case, bin_folder, writes=False, quiet=False):
    """0, 1 or SKIPPED."""
    missing = missing_needs(case.read_text())
    if missing:
        print(f"{case.stem}: this machine lacks: {' '.join(missing)}")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="powercut-cli-"))
    stdout, stderr, status = run_script(case, bin_folder, folder)
    if writes:
        update(case, stdout, stderr, status)
    problems = [] if writes else compare(case, stdout, stderr, status)
    if not problems or quiet:
        shutil.rmtree(folder, ignore_errors=True)
        return 1 if problems else 0
    print(f"error: {case.relative_to(HERE) if case.is_relative_to(HERE) else case}:")
    print("\n".join("  " + line for line in problems))
    print(f"  its folder: {folder}\n  again: {pathlib.Path(__file__)} --bin {bin_folder} {case}")
    return 1


def canary(bin_folder):
    """Cases that lie about each of the three have to fail, and a true one has to pass."""
    plans = {
        "true": (0, "echo a; echo b >&2; exit 3", {"stdout": "a\n", "stderr": "b\n", "exit": "3\n"}),
        "glob": (0, "echo one; echo two; echo 33", {"stdout.glob": "o*\n...\n[0-9]?\n"}),
        "stdout": (1, "echo a", {"stdout": "b\n"}),
        "silent": (1, "echo a", {}),
        "stderr": (1, "echo a >&2", {"stderr": "b\n"}),
        "status": (1, "exit 3", {"exit": "4\n"}),
        "pattern": (1, "echo one; echo two", {"stdout.glob": "o*\n"}),
        "fails-early": (1, "false; exit 0", {}),
        "expect": (1, "expect 1 true", {}),
    }
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (wanted, script, files) in plans.items():
            case = pathlib.Path(folder) / f"{name}.sh"
            case.write_text(script + "\n")
            for suffix, text in files.items():
                case.with_suffix("." + suffix).write_text(text)
            if run_case(case, bin_folder, quiet=True) != wanted:
                wrong.append(name)
    if wrong:
        print("error: the canary: wrongly judged:", *wrong)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("cases", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    bin_folder = str(pathlib.Path(args.bin).resolve())
    if args.canary:
        return canary(bin_folder)
    if not args.cases:
        parser.error("no case given")
    return max(run_case(case.resolve(), bin_folder, args.update) for case in args.cases)


if __name__ == "__main__":
    sys.exit(main())
