#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The nbdkit plugin and the clients that people have: nbdcopy, fio, qemu-io, nbdinfo.

nbd_test.py POWERCUT [TEST...]; the plugin is looked for beside POWERCUT, in ../lib/nbdkit/plugins.
"""

import filecmp
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

POWERCUT = pathlib.Path()
PLUGIN = pathlib.Path()
IS_CI = os.environ.get("CI", "") not in ("", "false", "0")
MIB = 1 << 20


def missing():
    """What these tests need and this machine lacks."""
    for program in ("nbdkit", "nbdcopy", "nbdinfo", "fio", "qemu-io", "qemu-nbd", "qemu-img"):
        if shutil.which(program) is None:
            yield program


def wait_until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def listens(path):
    """Asked of the kernel: a server complains of clients that connect and go."""
    accepts_connections = "00010000"
    with open("/proc/net/unix") as sockets:
        fields = [line.split() for line in sockets]
    return any(line[-1] == str(path) and line[3] == accepts_connections for line in fields)


class Server:
    """An NBD server in the foreground, on a Unix socket."""

    def __init__(self, argv, socket_path):
        self.socket = socket_path
        self.uri = f"nbd+unix:///?socket={socket_path}"
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: listens(socket_path) or self.process.poll() is not None, argv[0])
            if self.process.poll() is not None:
                raise AssertionError(f"{argv}: {self.process.stderr.read()}")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def stop(self, how=signal.SIGTERM):
        """Its exit status and what it said."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.rstrip("\n")


class NbdTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="powercut-test-")
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.image = self.path / "disk.img"
        self.log = self.path / "disk.log"
        self.sockets = 0

    def serve(self, argv, socket_path):
        server = Server(argv, socket_path)
        self.addCleanup(lambda: server.process.poll() is None and server.stop(signal.SIGKILL))
        return server

    def new_socket(self):
        self.sockets += 1
        return self.path / f"socket{self.sockets}"

    def record(self, *parameters, file=None):
        path = self.new_socket()
        return self.serve(["nbdkit", "-f", "-U", path, PLUGIN, f"file={file or self.image}", f"log={self.log}", *parameters], path)

    def make_image(self, size):
        with open(self.image, "wb") as file:
            file.truncate(size)

    def powercut(self, *arguments, status=0):
        result = subprocess.run([POWERCUT, *arguments], capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout

    def entries(self):
        return [json.loads(line) for line in self.powercut("log", "--json", self.log).splitlines()]

    def kinds(self):
        """Of each entry its flags (without the kind's own), sector and length."""
        return [(entry["kind"], entry["sector"], entry["nr_sectors"], "FUA" in entry["flags"]) for entry in self.entries()]

    def qemu_io(self, server, *commands):
        argv = ["qemu-io", "-t", "writeback", "-d", "unmap", "-f", "raw"]
        for command in commands:
            argv += ["-c", command]
        result = subprocess.run([*argv, server.uri], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def expect_replay_equals(self, device):
        self.powercut("verify", self.log)
        self.powercut("replay", self.log, "--compare", device)

    # -------------------------------------------------------------------------------------------------

    def test_what_is_advertised(self):
        self.make_image(8 * MIB)
        server = self.record("log-sector-size=4096")
        info = json.loads(subprocess.run(["nbdinfo", "--json", server.uri], capture_output=True, text=True, check=True).stdout)
        export = info["exports"][0]
        self.assertEqual(export["export-size"], 8 * MIB)
        for name in ("can_multi_conn", "can_fua", "can_flush", "can_trim", "can_zero"):
            self.assertTrue(export[name], name)
        self.assertFalse(export["is_read_only"])
        self.assertEqual(export["block_size_minimum"], 4096)
        self.assertEqual(export["block_size_preferred"], 4096)
        self.assertEqual(export["block_size_maximum"], 32 * MIB)
        self.assertIn("base:allocation", export["contexts"])

    def test_each_request_is_recorded_as_what_it_is(self):
        self.make_image(8 * MIB)
        server = self.record()
        self.qemu_io(server, "write 0 4k", "write -f 4k 4k", "flush", "write -z 8k 4k", "write -z -u 16k 4k",
                     "discard 32k 8k", "write -z -f 64k 1k", "write -P 7 700 100")
        server.stop()
        entries = self.entries()
        # The client's last flush is that of its leaving.
        self.assertEqual([(e["kind"], e["sector"], e["nr_sectors"], "FUA" in e["flags"]) for e in entries], [
            ("write", 0, 8, False), ("write", 8, 8, True), ("flush", 0, 0, False), ("zeroes", 16, 8, False),
            ("zeroes", 32, 8, False), ("discard", 64, 16, False), ("zeroes", 128, 2, True), ("write", 1, 1, False),
            ("flush", 0, 0, False)])
        self.expect_replay_equals(self.image)

    def test_plain_logs_and_appending(self):
        self.make_image(1 * MIB)
        server = self.record("log-extensions=off", "log-sector-size=1024")
        self.qemu_io(server, "write -P 1 0 4k")
        server.stop()
        server = self.record("log-append=on")
        self.qemu_io(server, "write -P 2 2k 4k")
        server.stop()
        self.assertEqual([kind for kind, *_ in self.kinds()], ["write", "flush", "write", "flush"])
        self.expect_replay_equals(self.image)

    def test_holes_are_told(self):
        self.make_image(8 * MIB)
        server = self.record()
        self.qemu_io(server, "write 2M 1M")
        extents = json.loads(subprocess.run(["nbdinfo", "--map", "--json", server.uri], capture_output=True, text=True, check=True).stdout)
        self.assertEqual([(e["offset"], e["length"], e["type"]) for e in extents],
                         [(0, 2 * MIB, 3), (2 * MIB, 1 * MIB, 0), (3 * MIB, 5 * MIB, 3)])

    def fio(self, server, name, offset, size, *options):
        return subprocess.Popen(
            ["fio", f"--name={name}", "--ioengine=nbd", f"--uri={server.uri}", f"--offset={offset}", f"--size={size}",
             "--iodepth=16", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.path)

    def eight_clients(self, server, seed):
        """Overlapping ranges, but for the two that read back what they wrote."""
        rng = random.Random(seed)
        copies = []
        for i in range(2):
            source = self.path / f"source{i}"
            source.write_bytes(rng.randbytes(3 * MIB) + bytes(2 * MIB) + rng.randbytes(1 * MIB))
            copies.append(subprocess.Popen(["nbdcopy", "--flush", source, server.uri], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        clients = copies + [
            self.fio(server, "verify0", 16 * MIB, 8 * MIB, "--rw=randwrite", "--bs=4k", "--verify=crc32c", f"--randseed={seed}"),
            self.fio(server, "verify1", 24 * MIB, 8 * MIB, "--rw=randwrite", "--bsrange=512-64k", "--verify=crc32c", f"--randseed={seed}"),
            self.fio(server, "random", 0, 16 * MIB, "--rw=randwrite", "--bs=8k", "--io_size=8M", "--fsync=64", f"--randseed={seed + 1}"),
            self.fio(server, "trim", 0, 16 * MIB, "--rw=randtrim", "--bs=16k", "--io_size=4M", f"--randseed={seed + 2}"),
        ]
        for _ in range(2):
            argv = ["qemu-io", "-t", "writeback", "-d", "unmap", "-f", "raw"]
            for _ in range(200):
                offset, length = rng.randrange(8 * MIB), rng.randrange(1, 65536)
                argv += ["-c", rng.choice([
                    f"aio_write -q -P {rng.randrange(256)} {offset} {length}", f"aio_write -q -z -u {offset} {length}",
                    f"write -q -f -P {rng.randrange(256)} {offset} {length}", f"discard -q {offset} {length}", "flush"])]
            clients.append(subprocess.Popen([*argv, "-c", "aio_flush", server.uri], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        self.assertEqual(len(clients), 8)
        for client in clients:
            output, _ = client.communicate(timeout=180)
            self.assertEqual(client.returncode, 0, output)

    def test_eight_clients_at_once(self):
        seed = int(os.environ.get("POWERCUT_SEED", "1"), 0)
        print(f"seed {seed}")
        self.make_image(32 * MIB)
        server = self.record()
        self.eight_clients(server, seed)
        status, said = server.stop()
        self.assertEqual((status, said), (0, ""))
        entries = self.entries()
        self.assertGreater(len(entries), 3000)
        self.assertEqual({"write", "zeroes", "discard", "flush"}, {entry["kind"] for entry in entries})
        self.assertTrue(any("FUA" in entry["flags"] for entry in entries))
        self.expect_replay_equals(self.image)
        self.replay_over_nbd()

        # Canary: one byte changed behind the recorder's back is found.
        with open(self.image, "r+b") as file:
            file.seek(20 * MIB + 77)
            byte = file.read(1)
            file.seek(20 * MIB + 77)
            file.write(bytes([byte[0] ^ 1]))
        self.powercut("replay", self.log, "--compare", self.image, status=1)

    def replay_over_nbd(self):
        """A replay onto an NBD server makes the device that was recorded there."""
        path, copy = self.new_socket(), self.path / "copy.img"
        target = self.serve(["nbdkit", "-f", "-U", path, "memory", str(self.image.stat().st_size)], path)
        self.powercut("replay", self.log, target.uri)
        subprocess.run(["nbdcopy", target.uri, copy], check=True)
        self.assertTrue(filecmp.cmp(self.image, copy, shallow=False))

    def test_eight_clients_on_a_qcow2_image(self):
        qcow2, path = self.path / "disk.qcow2", self.new_socket()
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", qcow2, "32M"], check=True)
        backend = self.serve(["qemu-nbd", "-t", "-e", "4", "--discard=unmap", "-f", "qcow2", "-k", path, qcow2], path)
        server = self.record(file=backend.uri)
        self.eight_clients(server, 2)
        self.assertEqual(server.stop(), (0, ""))
        self.powercut("verify", self.log)
        self.powercut("replay", self.log, "--compare", backend.uri)
        backend.stop()
        subprocess.run(["qemu-img", "check", "-q", qcow2], check=True)
        subprocess.run(["qemu-img", "convert", "-O", "raw", qcow2, self.image], check=True)
        self.expect_replay_equals(self.image)

    def test_a_lost_backend_is_an_error_and_not_an_entry(self):
        path = self.new_socket()
        backend = self.serve(["nbdkit", "-f", "-U", path, "memory", "1M"], path)
        server = self.record(file=backend.uri)
        self.qemu_io(server, "write -P 1 0 4k")
        backend.stop(signal.SIGKILL)
        result = subprocess.run(["qemu-io", "-t", "writeback", "-f", "raw", "-c", "write 8k 4k", server.uri], capture_output=True, text=True, timeout=60)
        self.assertIn("write failed", result.stdout + result.stderr)
        server.stop()
        self.assertEqual(self.kinds()[:2], [("write", 0, 8, False), ("flush", 0, 0, False)])
        self.assertNotIn(("write", 16, 8, False), self.kinds())

    def test_in_the_background_with_relative_paths(self):
        """nbdkit forks and leaves the directory; the control socket's thread begins behind the fork."""
        self.make_image(1 * MIB)
        subprocess.run(["nbdkit", "-P", "pid", "-U", "socket", PLUGIN, "disk.img", "log=disk.log", "control=control"],
                       cwd=self.path, check=True, timeout=20)
        wait_until(lambda: (self.path / "pid").exists(), "pid file")
        pid = int((self.path / "pid").read_text())
        self.addCleanup(lambda: pathlib.Path(f"/proc/{pid}").exists() and os.kill(pid, signal.SIGKILL))
        control = self.path / "control"
        wait_until(lambda: listens(control), "control socket")
        self.assertEqual(control.stat().st_mode & 0o777, 0o600)
        self.powercut("mark", "--control", control, "hello")
        status = json.loads(self.powercut("status", "--control", control, "--json"))
        self.assertEqual(status["marks"], 1)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the server's end")
        self.assertFalse(control.exists())
        self.assertEqual([entry["mark"] for entry in self.entries()], ["hello"])

    def test_what_was_answered_is_counted_after_a_term(self):
        self.make_image(1 * MIB)
        server = self.record()
        subprocess.run(["fio", "--name=w", "--ioengine=nbd", f"--uri={server.uri}", "--rw=write", "--bs=4k", "--size=1M"],
                       stdout=subprocess.DEVNULL, check=True, cwd=self.path)
        self.assertEqual(server.stop(), (0, ""))
        self.powercut("verify", self.log)
        self.assertEqual(sum(kind == "write" for kind, *_ in self.kinds()), 256)

    def test_a_path_of_a_socket_in_the_way(self):
        self.make_image(1 * MIB)
        (self.path / "control").write_text("mine")
        result = subprocess.run(["nbdkit", "-f", "-U", self.new_socket(), PLUGIN, self.image, f"log={self.log}", f"control={self.path}/control"],
                                capture_output=True, text=True, timeout=20)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("control", result.stderr)
        self.assertEqual((self.path / "control").read_text(), "mine")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    POWERCUT = pathlib.Path(sys.argv.pop(1)).resolve()
    PLUGIN = POWERCUT.parent.parent / "lib/nbdkit/plugins/nbdkit-logwrites-plugin.so"
    lacking = list(missing())
    if lacking:
        print("missing:", ", ".join(lacking))
        sys.exit(1 if IS_CI else 77)
    unittest.main(verbosity=2)
