# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: skipping, running powercut, and looking for what it left behind."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def skip(reason):
    """Ends the test: as skipped, or as failed where CI is set, since there nothing may be missing."""
    print(f"cannot run: {reason}")
    sys.exit(1 if os.environ.get("CI") else SKIPPED)


def need_root():
    if os.geteuid() != 0:
        skip("not root")
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        skip("no FUSE or no loop driver")


def need_file_system(name):
    if shutil.which(f"mkfs.{name}") is None:
        skip(f"no mkfs.{name}")
    if shutil.which("modprobe") is not None:
        subprocess.run(["modprobe", "-q", name], check=False, stderr=subprocess.DEVNULL)
    known = pathlib.Path("/proc/filesystems").read_text().split()
    if name not in known:
        skip(f"this kernel has no {name}")


def need_program(name):
    if shutil.which(name) is None:
        skip(f"no {name}")


class Workspace:
    """A directory of the test's own, which is also the base of the recorders' runtime directories, so
    that whatever they leave behind can be told from what others use. Kept if the test fails."""

    def __init__(self, powercut):
        self.powercut = os.path.abspath(powercut)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="powercut-e2e-"))
        self.runtime = self.path / "runtime"
        self.environment = dict(os.environ, POWERCUT_RUNTIME_DIR=str(self.runtime))
        self.environment.pop("POWERCUT_CONTROL", None)

    def __truediv__(self, name):
        return self.path / name

    def run(self, *words, timeout=60, **options):
        return subprocess.run([self.powercut, *map(str, words)], env=self.environment, cwd=self.path,
                              timeout=timeout, text=True, capture_output=True, stdin=subprocess.DEVNULL,
                              check=False, **options)

    def start(self, *words):
        return subprocess.Popen([self.powercut, *map(str, words)], env=self.environment, cwd=self.path,
                                text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def traces(self):
        """Everything of a recorder that is still there."""
        found = []
        for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
            if str(self.path) in line.split()[4]:
                found.append("mount " + line.split()[4])
        for attribute in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                backing = attribute.read_text().strip()
            except OSError:
                continue
            # Of a mount that was detached the kernel shows the path from its own root on only.
            if str(self.path) in backing or self.runtime_names() & set(backing.split("/")):
                found.append(f"loop {attribute.parts[3]} over {backing}")
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"POWERCUT_RUN={self.runtime}".encode() in environment:
                found.append(f"process {process.name} {command}")
        for root, _, files in os.walk(self.path):
            for name in files:
                path = pathlib.Path(root) / name
                try:
                    if stat.S_ISSOCK(path.lstat().st_mode):
                        found.append(f"socket {path}")
                except OSError:  # a FUSE file whose server has been killed
                    found.append(f"dead file {path}")
        if self.runtime.exists():
            found += [f"runtime directory {path}" for path in self.runtime.iterdir()]
        return found

    def runtime_names(self):
        return {path.name for path in self.runtime.glob("run-*")} if self.runtime.exists() else set()

    def expect_clean(self, when):
        for _ in range(100):
            traces = self.traces()
            if not traces:
                return
            time.sleep(0.02)
        raise AssertionError(f"left behind {when}: {traces}")

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def run_case(powercut, case):
    """Runs one case with a workspace. What a case leaves of itself is its own affair, but for traces."""
    workspace = Workspace(powercut)
    try:
        case(workspace)
        workspace.expect_clean("by the whole case")
    except BaseException:
        print(f"kept: {workspace.path}")
        raise
    workspace.remove()
