#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cleanup_test.py POWERCUT CASE: whatever happens to a recording, nothing stays: no mount, loop device,
process, socket or runtime directory; and the log is whole, or is after repair where the recorder was
killed. The canary: the search for traces finds them while the recording runs."""

import os
import shlex
import signal
import subprocess
import sys
import time

import support

EXT4 = ["record", "--size", "32M", "--fs", "ext4", "--log", "run.log"]
WRITE = 'dd if=/dev/urandom of="$POWERCUT_MNT/f" bs=64k count=20 conv=fsync status=none'


def shell(script):
    return ["--", "sh", "-c", script]


def expect_whole_log(workspace, log="run.log"):
    verified = workspace.run("verify", log)
    support.expect(verified.returncode == 0, verified.stdout + verified.stderr)


def wait_for(path):
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not appear")


def start_and_wait(workspace, *words, script="sleep 60"):
    """A recording whose command has begun."""
    process = workspace.start(*words, *shell(f"touch {shlex.quote(str(workspace / 'ready'))}; {script}"))
    wait_for(workspace / "ready")
    return process


def end(process, expected, *fragments):
    output, _ = process.communicate(timeout=60)
    print(output)
    support.expect(process.returncode == expected, f"status {process.returncode}, not {expected}")
    for fragment in fragments:
        support.expect(fragment in output, f"'{fragment}' is missing in the output")


def success(workspace):
    result = workspace.run(*EXT4, *shell(WRITE))
    support.expect(result.returncode == 0, result.stderr)
    workspace.expect_clean("after success")
    expect_whole_log(workspace)


def canary(workspace):
    process = start_and_wait(workspace, *EXT4)
    kinds = {trace.split()[0] for trace in workspace.traces()}
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    support.expect(kinds == {"mount", "loop", "process", "socket", "runtime"}, f"only found {kinds}")


def failing_command(workspace):
    result = workspace.run(*EXT4, *shell(f"{WRITE}; exit 7"))
    support.expect(result.returncode == 7, result.stderr)
    workspace.expect_clean("after a failing command")
    expect_whole_log(workspace)


def killed_command(workspace):
    result = workspace.run(*EXT4, *shell("kill -SEGV $$"))
    support.expect(result.returncode == 128 + signal.SIGSEGV, result.stderr)
    workspace.expect_clean("after a command that was killed")


def missing_command(workspace):
    result = workspace.run(*EXT4, "--", "powercut-no-such-command")
    support.expect(result.returncode == 4 and "powercut-no-such-command" in result.stderr, result.stderr)
    workspace.expect_clean("after a command that is not there")


def failing_mkfs(workspace):
    result = workspace.run(*EXT4, "--mkfs-options", "-E no_such_option", *shell("true"))
    support.expect(result.returncode == 4 and "mkfs.ext4" in result.stderr, result.stderr)
    workspace.expect_clean("after a failing mkfs")
    result = workspace.run("record", "--size", "32M", "--fs", "nosuchfs", "--log", "other.log", *shell("true"))
    support.expect(result.returncode == 4 and "there is no mkfs.nosuchfs" in result.stderr, result.stderr)
    workspace.expect_clean("without mkfs")


def failing_mount(workspace):
    result = workspace.run(*EXT4, "--mount-options", "no_such_option", *shell("true"))
    support.expect(result.returncode == 4 and "cannot mount ext4" in result.stderr, result.stderr)
    workspace.expect_clean("after a failing mount")


def signals(workspace):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        (workspace / "ready").unlink(missing_ok=True)
        process = start_and_wait(workspace, *EXT4, "--overwrite", script=f"{WRITE}; sleep 60")
        process.send_signal(number)
        end(process, 128 + number, "passed on to the command")
        workspace.expect_clean(f"after signal {number}")
        expect_whole_log(workspace)


def stubborn_command(workspace):
    process = start_and_wait(workspace, *EXT4, script="trap '' TERM; sleep 60; sleep 60")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    end(process, 128 + signal.SIGKILL, "killed")
    workspace.expect_clean("after a command that ignores SIGTERM")


def early_signal(workspace):
    """At moments while the disk is still being made."""
    for delay in (0.01, 0.03, 0.05, 0.08, 0.12, 0.2):
        process = workspace.start(*EXT4, "--overwrite", *shell("sleep 60"))
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        # Before the signal is taken over it just ends the process.
        support.expect(process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM),
                       f"status {process.returncode}: {output}")
        support.expect(process.returncode > 0 or delay < 0.05, "the signal ended the recorder")
        workspace.run(*EXT4, "--overwrite", *shell("true"))
        workspace.expect_clean(f"after a signal at {delay} s")


def killed_recorder(workspace):
    control = workspace / "control"
    process = start_and_wait(workspace, *EXT4, "--control", control, script=f"{WRITE}; sleep 60")
    process.kill()
    process.wait()
    support.expect(workspace.traces(), "a killed recorder cannot clean up")
    verified = workspace.run("repair", "run.log")
    support.expect(verified.returncode == 0, verified.stdout + verified.stderr)
    expect_whole_log(workspace)
    result = workspace.run("record", "--raw", "--size", "1M", "--log", "next.log", "--", "true")
    print(result.stderr)
    support.expect(result.returncode == 0, result.stderr)
    support.expect("cleaned up after a recorder that was killed" in result.stderr, result.stderr)
    workspace.expect_clean("after the next recorder")


def killed_recorder_of_a_fuse_file(workspace):
    process = start_and_wait(workspace, "record", "--size", "8M", "--fuse", "disk", "--log", "run.log")
    process.kill()
    process.wait()
    result = workspace.run("record", "--raw", "--size", "1M", "--log", "next.log", "--", "true")
    support.expect(result.returncode == 0 and "cleaned up" in result.stderr, result.stderr)
    support.expect(not (workspace / "disk").exists(), "the FUSE file's place is still there")


def live_recorder_is_left_alone(workspace):
    process = start_and_wait(workspace, *EXT4, script=f"sleep 1.5; {WRITE}")
    result = workspace.run("record", "--raw", "--size", "1M", "--log", "next.log", "--", "true")
    support.expect(result.returncode == 0 and "cleaned up" not in result.stderr, result.stderr)
    end(process, 0)
    expect_whole_log(workspace)


def daemon_keeps_mount_busy(workspace):
    script = 'cd "$POWERCUT_MNT"; setsid sleep 60 & setsid sh -c "trap \'\' TERM; sleep 61" & sleep 0.2'
    result = workspace.run(*EXT4, *shell(script))
    support.expect(result.returncode == 0, result.stderr)
    support.expect("that the command had left running" in result.stderr, result.stderr)
    workspace.expect_clean("after a command that left daemons")
    expect_whole_log(workspace)


def stranger_keeps_mount_busy(workspace):
    """One whom the recorder has no business to end: it cuts him off, and says who he is."""
    process = start_and_wait(workspace, *EXT4, script=f"{WRITE}; sleep 1")
    mount = next(trace.split()[1] for trace in workspace.traces() if trace.endswith("/mnt"))
    stranger = subprocess.Popen(["sleep", "60"], cwd=mount, env={})
    try:
        end(process, 4, "still in use by sleep", f"({stranger.pid})")
        support.expect(not any(trace.startswith("mount") for trace in workspace.traces()), "still mounted")
    finally:
        stranger.kill()
        stranger.wait()
    # What is left of the file system goes when its last user does.
    workspace.expect_clean("after the stranger has gone")
    verified = workspace.run("verify", "run.log")
    support.expect(verified.returncode == 0, verified.stdout + verified.stderr)


def full_log(workspace):
    small = workspace / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6M", "tmpfs", small], check=True)
    try:
        record = ["record", "--size", "64M", "--fs", "ext4", "--log", small / "run.log"]
        write = 'dd if=/dev/urandom of="$POWERCUT_MNT/f" bs=64k count=300 conv=fsync status=none'
        result = workspace.run(*record, *shell(write))
        print(result.stderr)
        support.expect(result.returncode not in (0, 2), f"status {result.returncode}")
        support.expect("No space left" in result.stderr, result.stderr)
        mounts = [trace for trace in workspace.traces() if not trace.endswith(str(small))]
        support.expect(not mounts, f"left behind after a full log: {mounts}")
        expect_whole_log(workspace, small / "run.log")

        result = workspace.run(*record, "--overwrite", "--on-log-error", "stop", *shell(write))
        print(result.stderr)
        support.expect(result.returncode == 0 and "RECORDING ENDED EARLY" in result.stderr, result.stderr)
        mounts = [trace for trace in workspace.traces() if not trace.endswith(str(small))]
        support.expect(not mounts, f"left behind after a full log: {mounts}")
    finally:
        subprocess.run(["umount", small], check=True)


def nbd(workspace):
    support.need_program("nbdkit")
    record = ["record", "--size", "8M", "--nbd", "disk.sock", "--log", "run.log"]
    result = workspace.run(*record, *shell('test -S disk.sock && "$0" mark hello', ), workspace.powercut)
    support.expect(result.returncode == 0 and "2 marks" in result.stderr, result.stderr)
    workspace.expect_clean("after recording over NBD")
    for number in (signal.SIGINT, signal.SIGTERM):
        process = workspace.start(*record, "--overwrite")
        wait_for(workspace / "disk.sock")
        time.sleep(0.2)
        process.send_signal(number)
        end(process, 0)
        workspace.expect_clean(f"after signal {number} over NBD")
        expect_whole_log(workspace)
    process = start_and_wait(workspace, *record, "--overwrite")
    process.kill()
    process.wait()
    workspace.run("record", "--raw", "--size", "1M", "--log", "next.log", "--", "true")
    workspace.expect_clean("after a killed recorder over NBD")


def fuse(workspace):
    record = ["record", "--size", "8M", "--fuse", "disk", "--log", "run.log", "--overwrite"]
    for number in (signal.SIGINT, signal.SIGTERM, None):
        process = workspace.start(*record)
        for _ in range(500):
            if os.path.ismount(workspace / "disk") or any("disk" in trace for trace in workspace.traces()):
                break
            time.sleep(0.01)
        time.sleep(0.1)
        if number is None:
            subprocess.run(["fusermount3", "-u", workspace / "disk"], check=True)
        else:
            process.send_signal(number)
        end(process, 0)
        workspace.expect_clean(f"after {number} with FUSE")
        support.expect(not (workspace / "disk").exists(), "the FUSE file's place is still there")
    with open(workspace / "disk", "w") as place:
        place.write("mine")
    result = workspace.run(*record, *shell('dd if=/dev/zero of="$POWERCUT_DISK" bs=4k count=1 conv=notrunc'))
    support.expect(result.returncode == 0, result.stderr)
    support.expect((workspace / "disk").read_text() == "mine", "a file that was there has been touched")


CASES = {function.__name__: function for function in (
    success, canary, failing_command, killed_command, missing_command, failing_mkfs, failing_mount, signals,
    stubborn_command, early_signal, killed_recorder, killed_recorder_of_a_fuse_file, live_recorder_is_left_alone,
    daemon_keeps_mount_busy, stranger_keeps_mount_busy, full_log, nbd, fuse)}

support.need_root()
support.need_file_system("ext4")
support.run_case(sys.argv[1], CASES[sys.argv[2]])
