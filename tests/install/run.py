#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs a build into an empty folder, looks at what is there, and builds a project against it.

run.py BUILD
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# What each program, library and page stands for; all of them have to be there.
WANTED = [
    "bin/powercut",
    "include/powercut/log/format.h",
    "lib/libpowercut_log.a",
    "lib/cmake/powercut/powercutConfig.cmake",
    "share/man/man1/powercut.1",
    "lib/nbdkit/plugins/nbdkit-logwrites-plugin.so",
    "share/man/man1/nbdkit-logwrites-plugin.1",
    "lib/nbdkit/plugins/nbdkit-powercut-plugin.so",
    "share/man/man1/nbdkit-powercut-plugin.1",
    "bin/replay-log",
    "share/man/man1/replay-log.1",
    "share/man/man1/powercut-log.1",
    "share/man/man1/powercut-record.1",
    "share/bash-completion/completions/powercut",
]
# Internal to the programs, or of the tests.
UNWANTED = ["include/powercut/apps", "bin/powercut_pages", "lib/libpowercut_flags.a"]


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"error: {words[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main():
    build = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="powercut-install-") as folder:
        prefix = pathlib.Path(folder) / "prefix"
        consumer = pathlib.Path(folder) / "consumer"
        run("cmake", "--install", build, "--prefix", prefix)
        problems = [f"{name} is not installed" for name in WANTED if not (prefix / name).exists()]
        problems += [f"{name} is installed" for name in UNWANTED if (prefix / name).exists()]
        version = run(prefix / "bin/powercut", "--version", env={"PATH": os.environ["PATH"]})
        if not version.startswith("powercut "):
            problems.append(f"powercut --version says {version!r}")
        run("cmake", "-S", HERE / "consumer", "-B", consumer, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", consumer)
        entries = run(consumer / "consumer", pathlib.Path(folder) / "run.log").split()
        if entries != ["write", "write", "mark"]:
            problems.append(f"the consumer's log has the entries {entries}")
        for problem in problems:
            print("error:", problem)
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
