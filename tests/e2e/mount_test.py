#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mount_test.py POWERCUT CASE [ARGUMENT]: instants of logs as files, used as disks are.

golden NAME FILE_SYSTEM   equal to replays; fsck; mounted by loop devices, with what was durable; written and reset
many                      32 readers and writers on 32 instants at once
growing                   of a log that is being recorded
million                   1,000,000 entries: time and memory of listing and opening
not_root                  without root
unmounts                  each way in which a mount can end

Which instants are looked at follows from $POWERCUT_SEED."""

import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import support

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SEED = int(os.environ.get("POWERCUT_SEED", "20261123"), 0)
NOBODY = 65534


class Mount:
    """A running `powercut mount`."""

    def __init__(self, workspace, *words, prefix=()):
        self.directory = workspace / "mnt"
        self.process = subprocess.Popen([*prefix, workspace.powercut, "mount", *map(str, words), str(self.directory)],
                                        env=workspace.environment, cwd=workspace.path, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.said = ""
        while " mounted on " not in self.said:
            line = self.process.stderr.readline()
            if not line:
                raise AssertionError(f"it ended with {self.process.wait()}: {self.said}")
            self.said += line

    def __truediv__(self, name):
        return self.directory / name

    def wait(self, status):
        self.said += self.process.stderr.read()
        support.expect(self.process.wait(timeout=30) == status,
                       f"status {self.process.returncode} instead of {status}: {self.said}")

    def end(self, status=0):
        self.process.send_signal(signal.SIGTERM)
        self.wait(status)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.end()
        else:
            self.process.kill()
            self.process.wait()
            subprocess.run(["umount", "-l", self.directory], check=False, stderr=subprocess.DEVNULL)


def call(*words, status=(0,), timeout=120):
    done = subprocess.run([*map(str, words)], text=True, capture_output=True, timeout=timeout, check=False)
    support.expect(done.returncode in status, f"{words}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done


def same(one, other):
    return call("cmp", "-s", one, other, status=(0, 1)).returncode == 0


class LoopMount:
    def __init__(self, workspace, image, options="loop"):
        self.path = workspace / "fs"
        self.path.mkdir(exist_ok=True)
        call("mount", "-o", options, image, self.path)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        call("umount", self.path)


def durable_files_are_there(root, mark):
    for name, expected in mark.get("files", {}).items():
        digest = hashlib.sha256((root / name).read_bytes()).hexdigest()
        support.expect(digest == expected["sha256"], f"{name} has another content at {mark['name']}")
    for name in mark.get("absent", []):
        support.expect(not (root / name).exists(), f"{name} is back at {mark['name']}")
    return len(mark.get("files", {}))


def random_instants_equal_replays(workspace, mount, log, size, nr_entries, chance):
    more = 5 if size <= 128 << 20 else 2
    for entries in sorted({0, nr_entries, *(chance.randint(0, nr_entries) for _ in range(more))}):
        replayed = workspace.run("replay", log, "replayed.img", "--to", entries, "--size", size, timeout=120)
        support.expect(replayed.returncode == 0, replayed.stderr)
        support.expect(same(mount / f"entries/{entries}", workspace / "replayed.img"), f"entries/{entries} differs")
        # By holes, as copying programs read it.
        call("cp", "--sparse=always", mount / f"states/entry:{entries}", workspace / "copied.img")
        support.expect(same(workspace / "copied.img", workspace / "replayed.img"), f"a copy of {entries} differs")
        (workspace / "copied.img").unlink()
        if entries < nr_entries:
            (workspace / "replayed.img").unlink()
    # The canary: what is not the same instant is told.
    support.expect(not same(mount / "entries/0", workspace / "replayed.img"), "all instants are the same")


def golden(workspace):
    name, file_system = sys.argv[3:5]
    support.need_file_system(file_system)
    manifest = json.loads((GOLDEN / f"{name}.manifest.json").read_text())
    log = workspace / "run.log"
    call("zstd", "-q", "-d", "-o", log, GOLDEN / f"{name}.log.zst")
    chance = random.Random(SEED)
    size, nr_entries = manifest["data_disk_bytes"], manifest["nr_entries"]
    with Mount(workspace, log, "--size", size) as mount:
        random_instants_equal_replays(workspace, mount, log, size, nr_entries, chance)
        marks = [mark for mark in manifest["marks"] or [] if mark.get("files")]
        names = [mark["name"] for mark in manifest["marks"]]
        support.expect(sorted(os.listdir(mount / "marks")) == sorted(names), "the marks are not those of the log")
        checked = 0
        for mark in chance.sample(marks, min(3, len(marks))):
            image = mount / "marks" / mark["name"]
            # Its journal is to be replayed: that is written to the file.
            with LoopMount(workspace, image) as root:
                checked += durable_files_are_there(root, mark)
                (root / "new").write_text("written over an instant\n")
                os.sync()
            with LoopMount(workspace, image) as root:
                support.expect((root / "new").read_text() == "written over an instant\n", "a write is gone")
            instant = mount / f"entries/{mark['entry'] + 1}"
            support.expect(not same(image, instant), "what was written cannot be seen")
            image.unlink()
            support.expect(same(image, instant), "removing did not reset the file")
        support.expect(checked > 0, "nothing was durable at any mark")
        if file_system == "ext4":
            image = mount / "marks" / marks[-1]["name"]
            call("e2fsck", "-fy", image, status=(0, 1))
            call("e2fsck", "-fn", image)
        call("qemu-img", "compare", "-f", "raw", "-F", "raw", mount / "states/end", mount / f"entries/{nr_entries}")
        loop = call("losetup", "--find", "--show", "--read-only", mount / "states/end").stdout.strip()
        try:
            support.expect(same(loop, workspace / "replayed.img"), "the loop device differs")
        finally:
            call("losetup", "--detach", loop)


def header(size, sector=0, count=0, flags=0, text=b""):
    return (struct.pack("<QQQQ", sector, count, flags, len(text)) + text).ljust(size, b"\0")


def super_block(size, nr_entries):
    return struct.pack("<QQQI", 0x6A736677736872, 1, nr_entries, size).ljust(size, b"\0")


def many(workspace):
    sectors, nr_entries, users = 2048, 400, 32
    chance = random.Random(SEED)
    images, disk = [], bytearray(sectors * 512)
    with open(workspace / "run.log", "wb") as log:
        log.write(super_block(512, nr_entries))
        images.append(bytes(disk))
        for _ in range(nr_entries):
            count = chance.randint(1, 64)
            sector = chance.randrange(sectors - count)
            payload = chance.randbytes(count * 512)
            log.write(header(512, sector, count) + payload)
            disk[sector * 512 : (sector + count) * 512] = payload
            images.append(bytes(disk))
    wrong = []

    def use(number, path):
        mine = random.Random(number)
        content = bytearray(images[number])
        for _ in range(40):
            begin = mine.randrange(len(content))
            length = mine.randint(1, min(100_000, len(content) - begin))
            with open(path, "r+b", buffering=0) as file:
                file.seek(begin)
                if mine.random() < 0.4:
                    data = mine.randbytes(length)
                    file.write(data)
                    content[begin : begin + length] = data
                elif file.read(length) != content[begin : begin + length]:
                    wrong.append(f"{path}: {length} bytes at {begin}")
            if mine.random() < 0.1:
                os.unlink(path)
                content = bytearray(images[number])
        if path.read_bytes() != content:
            wrong.append(f"{path} at the end")

    with Mount(workspace, "run.log", "--size", sectors * 512) as mount:
        instants = chance.sample(range(nr_entries + 1), users)
        threads = [threading.Thread(target=use, args=(n, mount / f"entries/{n}")) for n in instants]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        support.expect(not wrong, wrong)
        support.expect(all((mount / f"states/{n}").read_bytes() == images[n] for n in instants), "states were written")


def growing(workspace):
    recorder = workspace.start("record", "--log", "run.log", "--file", "disk.img", "--size", "8M", "--fuse", "disk",
                               "--control", workspace / "control")
    try:
        for line in recorder.stdout:
            if "recording at" in line:
                break
        with Mount(workspace, "run.log") as mount:
            support.expect(os.listdir(mount / "marks") == [], "marks from nowhere")
            expected = {}
            disk = os.open(workspace / "disk", os.O_RDWR)
            for number in range(12):
                data = bytes([65 + number]) * 8192
                os.pwrite(disk, data, number * 12288)
                os.fsync(disk)
                marked = workspace.run("mark", "--control", workspace / "control", f"step{number}")
                support.expect(marked.returncode == 0, marked.stderr)
                expected[f"step{number}"] = data
                support.expect((mount / "marks" / f"step{number}").exists(), f"step{number} is not to be seen")
                support.expect(set(os.listdir(mount / "marks")) == set(expected), "the list of marks is not up to date")
            os.close(disk)
            for number, (name, data) in enumerate(expected.items()):
                content = (mount / "marks" / name).read_bytes()
                support.expect(content[number * 12288 :][:8192] == data, f"{name} lacks its own write")
                behind = content[(number + 1) * 12288 :][:8192]
                support.expect(behind == bytes(8192), f"{name} has what was written later")
            info = json.loads((mount / "info.json").read_text())
            support.expect(info["marks"] == 12 and info["device_size_bytes"] == 8 << 20, info)
            last = len(os.listdir(mount / "entries")) - 1
            support.expect(same(mount / f"entries/{last}", workspace / "disk.img"), "the end is not the disk")
    finally:
        recorder.send_signal(signal.SIGTERM)
        recorder.communicate(timeout=30)


def resident_kib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return {key: int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmHWM", "RssAnon")}


def count_names(path):
    began = time.monotonic()
    count = sum(1 for _ in os.scandir(path))
    return count, time.monotonic() - began


def million(workspace):
    nr_entries = 1_000_000
    with open(workspace / "run.log", "wb") as log:
        log.write(super_block(512, nr_entries))
        # Discards, flushes and marks: without payloads the log is not larger than it has to be.
        for first in range(0, nr_entries, 1000):
            log.write(b"".join(
                header(512, text=b"step %d" % (n % 7000), flags=8) if n % 10 == 3 else header(512, flags=1)
                if n % 2 == 0 else header(512, (n * 2654435761) % 500_000, 8, 4) for n in range(first, first + 1000)))
        log.write(header(512, 0, 1, 2) + b"A" * 512)
        log.seek(0)
        log.write(super_block(512, nr_entries + 1))
    with Mount(workspace, "run.log", "--size", "1G") as mount:
        before = resident_kib(mount.process)
        for folder, expected in (("entries", nr_entries + 2), ("flushes", nr_entries // 2), ("marks", nr_entries // 10)):
            count, seconds = count_names(mount / folder)
            print(f"{folder}: {count} names in {seconds:.2f} s")
            support.expect(count == expected, f"{folder} has {count} names, not {expected}")
            support.expect(seconds < 60, f"listing {folder} took {seconds} s")
        chance = random.Random(SEED)
        for _ in range(1000):
            (mount / f"entries/{chance.randint(0, nr_entries)}").stat()
        began = time.monotonic()
        for _ in range(200):
            with open(mount / f"entries/{chance.randint(0, nr_entries)}", "rb", buffering=0) as file:
                file.read(4096)
        print(f"opening an instant and reading 4 KiB of it: {(time.monotonic() - began) / 200 * 1000:.2f} ms")
        after = resident_kib(mount.process)
        print(f"memory in KiB: {before} before, {after} after")
        grown = after["RssAnon"] - before["RssAnon"]
        support.expect(grown < 64 * 1024, f"memory has grown by {grown} KiB")
        support.expect((mount / "states/end").open("rb").read(1) == b"A", "the end is not the end")
    began = time.monotonic()
    with Mount(workspace, "run.log", "--size", "1G") as mount:
        print(f"mounted again, by its index, in {(time.monotonic() - began) * 1000:.0f} ms")


def with_open_fuse():
    """Where others than root may not open /dev/fuse: once more, in a namespace of its own where they may."""
    if os.geteuid() != 0 or os.stat("/dev/fuse").st_mode & 0o006 == 0o006:
        return
    support.need_program("unshare")
    script = """mount -t tmpfs none "$1"; mknod -m 666 "$1/fuse" c 10 229; mount --bind "$1/fuse" /dev/fuse
                umount -l "$1"; rmdir "$1"; shift; exec "$@\""""
    unshared = str(pathlib.Path(__file__).resolve().parent.parent / "support" / "unshared")
    os.execvp(unshared, [unshared, "sh", "-ec", script, "sh", tempfile.mkdtemp(), sys.executable, *sys.argv])


def not_root(workspace):
    support.need_program("fusermount3")
    prefix = ()
    if os.geteuid() == 0:
        support.need_program("setpriv")
        prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        workspace.path.chmod(0o755)
        os.mkdir(workspace / "theirs")
        os.chown(workspace / "theirs", NOBODY, NOBODY)
        workspace.path = workspace / "theirs"
        # The build may stand where they may not look.
        shutil.copy(workspace.powercut, workspace / "powercut")
        workspace.powercut = str(workspace / "powercut")
    (workspace / "run.log").write_bytes(super_block(512, 1) + header(512, 1, 1) + b"A" * 512)

    def theirs(command):
        return call(*prefix, "sh", "-c", command, status=(0, 1, 2)).stdout

    for ending in ("fusermount3", "signal"):
        mount = Mount(workspace, "run.log", prefix=prefix)
        image = mount / "entries/1"
        support.expect(theirs(f"head -c 1024 '{image}' | tail -c 1") == "A", "they cannot read")
        support.expect(theirs(f"printf B | dd of='{image}' conv=notrunc status=none; head -c 1 '{image}'") == "B",
                       "they cannot write")
        if ending == "fusermount3":
            call(*prefix, "fusermount3", "-u", mount.directory)
            mount.wait(0)
        else:
            mount.end()
        support.expect(not mount.directory.exists(), "the directory that was made for it is still there")


def unmounts(workspace):
    support.need_program("fusermount3")
    (workspace / "run.log").write_bytes(super_block(512, 1) + header(512, 1, 1) + b"A" * 512)

    def ends(way, status=0):
        mount = Mount(workspace, "run.log")
        way(mount)
        mount.wait(status)
        workspace.expect_clean(f"after {way.__name__}")
        return mount

    def fusermount(mount):
        call("fusermount3", "-u", mount.directory)

    def terminated(mount):
        mount.process.send_signal(signal.SIGTERM)

    def interrupted(mount):
        mount.process.send_signal(signal.SIGINT)

    def terminated_with_a_file_open(mount):
        with open(mount / "entries/1", "rb", buffering=0) as file:
            began = time.monotonic()
            mount.process.send_signal(signal.SIGTERM)
            # It is served until the patience is over.
            time.sleep(1)
            support.expect(file.read(1024)[512:513] == b"A", "the file was cut off at once")
            mount.process.wait(timeout=30)
            support.expect(4 < time.monotonic() - began < 20, "it was not waited for")
            file.seek(0)
            try:
                file.read(1)
                raise AssertionError("a file can be read that nobody serves")
            except OSError:
                pass

    def terminated_with_a_file_open_for_a_while(mount):
        with open(mount / "entries/1", "rb", buffering=0):
            mount.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)

    def lazily_with_a_file_open(mount):
        with open(mount / "entries/1", "rb", buffering=0) as file:
            support.expect(call("fusermount3", "-u", mount.directory, status=(1,)), "")
            call("fusermount3", "-u", "-z", mount.directory)
            support.expect(mount.process.poll() is None, "it ended although a file is open")
            support.expect(file.read(1024)[512:513] == b"A", "a file that is open is not served any more")

    for way in (fusermount, terminated, interrupted, lazily_with_a_file_open, terminated_with_a_file_open_for_a_while):
        ends(way)
    said = ends(terminated_with_a_file_open, 4).said
    support.expect("is in use by python3" in said and "cut off" in said, said)

    mount = Mount(workspace, "run.log")
    mount.process.kill()
    mount.process.wait()
    again = workspace.run("mount", "run.log", mount.directory)
    support.expect(again.returncode == 4 and "fusermount3 -u" in again.stderr, again.stderr)
    call("fusermount3", "-u", mount.directory)
    with Mount(workspace, "run.log"):
        pass


CASES = {case.__name__: case for case in (golden, many, growing, million, not_root, unmounts)}
print(f"POWERCUT_SEED={SEED}")
if sys.argv[2] == "golden":
    support.need_root()
    for program in ("zstd", "qemu-img", "e2fsck"):
        support.need_program(program)
if sys.argv[2] == "not_root":
    with_open_fuse()
if not os.access("/dev/fuse", os.R_OK | os.W_OK):
    support.skip("no FUSE")
support.run_case(sys.argv[1], CASES[sys.argv[2]])
