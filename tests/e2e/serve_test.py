#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""powercut serve with the clients that people have: nbdinfo, nbdcopy, qemu-img, qemu-io.

serve_test.py POWERCUT GOLDEN: the folder of the golden logs. Which instants are looked at follows from $POWERCUT_SEED.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import urllib.parse

import support
from support import expect

LOGS = ["ext4-512", "ext4-4096", "xfs-512", "btrfs-discard-k612", "sqlite-wal", "raw-fua-overlap-512"]
SEED = int(os.environ.get("POWERCUT_SEED", "1"), 0)
GOLDEN = pathlib.Path()


def unpack(workspace, name):
    """The log, and what its manifest says."""
    log = workspace / f"{name}.log"
    subprocess.run(["zstd", "-qdf", GOLDEN / f"{name}.log.zst", "-o", log], check=True)
    return log, json.loads((GOLDEN / f"{name}.manifest.json").read_text())


class Served:
    """A running `powercut serve`; ended by SIGTERM, which it has to take well."""

    def __init__(self, workspace, log, *options):
        self.socket = workspace / "socket"
        self.process = workspace.start("serve", log, "--nbd", self.socket, *options)
        line = ""
        while "serving" not in line:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"serve ended with {self.process.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=60)[0]
        expect(self.process.returncode == 0, f"serve ended with {self.process.returncode}: {said}")
        expect(not self.socket.exists(), "the socket is still there")

    def uri(self, instant):
        return f"nbd+unix:///{urllib.parse.quote(instant)}?socket={self.socket}"


def run(*words, status=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == status, f"{words}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def replayed(workspace, log, instant, size):
    image = workspace / "replayed.img"
    image.unlink(missing_ok=True)
    done = workspace.run("replay", log, image, "--to", instant, "--size", str(size))
    expect(done.returncode == 0, done.stderr)
    return image


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exports_are_instants(workspace):
    generator = random.Random(SEED)
    print(f"seed {SEED}")
    for name in LOGS:
        log, manifest = unpack(workspace, name)
        entries, size = manifest["nr_entries"], manifest["data_disk_bytes"]
        instants = ["end", "start", *(f"entry:{generator.randrange(entries + 1)}" for _ in range(4))]
        with Served(workspace, log, "--size", str(size)) as served:
            for instant in instants:
                copy = workspace / "copy.img"
                run("nbdcopy", served.uri(instant), copy)
                image = replayed(workspace, log, instant, size)
                expect(sha256(copy) == sha256(image), f"{name} at {instant} is not what replay makes")
                run("qemu-img", "compare", "-f", "raw", "-F", "raw", served.uri(instant), image)
            run("nbdcopy", served.uri("end"), copy)
            expect(sha256(copy) == manifest["replay_image_sha256"], f"{name}: the end is not the manifest's")
            # Canary: the comparison above can fail.
            if entries > 100:
                run("qemu-img", "compare", "-f", "raw", "-F", "raw", served.uri("start"), copy, status=1)


def marks_are_listed(workspace):
    log, manifest = unpack(workspace, "ext4-512")
    with Served(workspace, log) as served:
        listed = json.loads(run("nbdinfo", "--json", "--list", f"nbd+unix:///?socket={served.socket}"))["exports"]
        names = [export["export-name"] for export in listed]
        marks = [mark["name"] for mark in manifest["marks"]]
        expect(names[:2] == ["end", "start"], f"listed: {names}")
        expect(set(names[2:]) >= {f"mark:{mark}" for mark in marks}, f"listed: {names}; marks: {marks}")
        nothing = json.loads(run("nbdinfo", "--json", served.uri("start"), "--map"))
        expect(all(extent["type"] == 3 for extent in nothing), "the start is not one hole")
        some = json.loads(run("nbdinfo", "--json", served.uri("end"), "--map"))
        expect({extent["type"] for extent in some} == {0, 3}, "the end has no holes, or nothing else")
        run("nbdinfo", served.uri("entry:123456789"), status=1)
        run("nbdinfo", served.uri("mark:there is none"), status=1)


def clients_do_not_see_each_other(workspace):
    log, _ = unpack(workspace, "ext4-512")
    with Served(workspace, log) as served:
        before = workspace / "before.img"
        run("nbdcopy", served.uri("end"), before)
        errors = []

        def client(number):
            try:
                offset = 4096 * number + 512 * (number % 3)
                run("qemu-io", "-f", "raw", "-c", f"write -P {number + 1} {offset} 64k", "-c", f"read -P {number + 1} {offset} 64k",
                    "-c", "flush", "-c", "discard 1M 1M", "-c", "read -P 0 1M 1M", served.uri("end"))
            except BaseException as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not errors, f"{errors}")
        after = workspace / "after.img"
        run("nbdcopy", served.uri("end"), after)
        expect(sha256(before) == sha256(after), "what clients wrote is still there")


def read_only(workspace):
    log, _ = unpack(workspace, "ext4-512")
    with Served(workspace, log, "--read-only") as served:
        run("nbdinfo", "--is", "read-only", served.uri("end"))
        run("nbdinfo", "--can", "multi-conn", served.uri("end"))
        run("qemu-io", "-f", "raw", "-c", "write 0 4k", served.uri("end"), status=1)
    with Served(workspace, log) as served:
        run("nbdinfo", "--can", "multi-conn", served.uri("end"), status=2)


def a_log_that_grows(workspace):
    disk, log = workspace / "disk.img", workspace / "run.log"
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    recorder = subprocess.Popen([workspace.powercut, "record", "--file", disk, "--log", log, "--nbd", workspace / "recorded",
                                 "--control", workspace / "control"], env=workspace.environment, stderr=subprocess.PIPE, text=True)
    expect("recording at" in recorder.stderr.readline(), "no recorder")
    uri = f"nbd+unix:///?socket={workspace / 'recorded'}"
    run("qemu-io", "-f", "raw", "-c", "write -P 1 0 4k", "-c", "flush", uri)
    with Served(workspace, log) as served:
        run("qemu-io", "-f", "raw", "-r", "-c", "read -P 1 0 4k", served.uri("end"))
        run("qemu-io", "-f", "raw", "-c", "write -P 2 0 4k", uri)
        done = workspace.run("mark", "later", "--control", workspace / "control")
        expect(done.returncode == 0, done.stderr)
        run("qemu-io", "-f", "raw", "-r", "-c", "read -P 2 0 4k", served.uri("mark:later"))
        run("qemu-io", "-f", "raw", "-r", "-c", "read -P 1 0 4k", served.uri("flush:1"))
        run("qemu-io", "-f", "raw", "-r", "-c", "read -P 2 0 4k", served.uri("end"))
    recorder.send_signal(signal.SIGTERM)
    recorder.communicate(timeout=60)


def main():
    global GOLDEN  # pylint: disable=global-statement
    for program in ("nbdkit", "nbdcopy", "nbdinfo", "qemu-img", "qemu-io", "zstd"):
        support.need_program(program)
    GOLDEN = pathlib.Path(sys.argv[2])
    for case in (exports_are_instants, marks_are_listed, clients_do_not_see_each_other, read_only, a_log_that_grows):
        print(case.__name__, flush=True)
        support.run_case(sys.argv[1], case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
