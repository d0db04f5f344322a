#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays that go forwards and back on one image, and are killed at random moments: the next one makes up for it.

replay_kill_test.py POWERCUT [SEED]

Each image is compared with one made from the entries by this script alone. The canary: one byte that is wrong is
noticed.
"""

import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time

BLOCK, BLOCKS, WRITES, ROUNDS = 4096, 2048, 8192, 30
SECTORS = BLOCK // 512


def make_log(path, rng):
    """Writes of a block at random places, some discards; gives (block, content) of each."""
    entries = []
    with open(path, "wb") as log:
        log.write(struct.pack("<QQQI", 0x6A736677736872, 1, WRITES, 512).ljust(512, b"\0"))
        for number in range(WRITES):
            block = rng.randrange(BLOCKS)
            is_discard = number % 16 == 15
            content = bytes(BLOCK) if is_discard else struct.pack("<Q", number + 1) * (BLOCK // 8)
            log.write(struct.pack("<QQQQ", block * SECTORS, SECTORS, 4 if is_discard else 0, 0).ljust(512, b"\0"))
            if not is_discard:
                log.write(content)
            entries.append((block, content))
    return entries


def image_at(entries, instant):
    image = bytearray(BLOCK * BLOCKS)
    for block, content in entries[:instant]:
        image[block * BLOCK:(block + 1) * BLOCK] = content
    return bytes(image)


class Test:
    def __init__(self, powercut, folder, rng):
        self.powercut, self.rng = powercut, rng
        self.log, self.image, self.state = folder / "x.log", folder / "x.img", folder / "x.img.powercut"
        self.entries = make_log(self.log, rng)
        self.left_between = 0

    def replay(self, instant, *options):
        return [self.powercut, "replay", self.log, self.image, "--size", str(BLOCK * BLOCKS), "--to", str(instant), *options]

    def expect_at(self, instant):
        if self.image.read_bytes() != image_at(self.entries, instant):
            raise SystemExit(f"the image is not at entry:{instant}")

    def run(self, instant, *options):
        start = time.monotonic()
        subprocess.run(self.replay(instant, *options), check=True, capture_output=True)
        return time.monotonic() - start

    def kill_one(self, longest):
        child = subprocess.Popen(self.replay(self.rng.randrange(WRITES + 1)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.rng.random() * longest)
        child.kill()
        child.wait()

    def is_between(self):
        return self.state.exists() and "to" in json.loads(self.state.read_text())

    def rounds(self):
        longest = max(self.run(WRITES), self.run(0), self.run(WRITES // 2))
        self.expect_at(WRITES // 2)
        for _ in range(ROUNDS):
            for _ in range(self.rng.randrange(1, 3)):
                self.kill_one(longest)
            self.left_between += self.is_between()
            instant = self.rng.randrange(WRITES + 1)
            self.run(instant)
            self.expect_at(instant)

    def canary(self):
        self.run(WRITES)
        with open(self.image, "r+b") as image:
            image.seek(self.rng.randrange(BLOCK * BLOCKS))
            byte = image.read(1)
            image.seek(-1, os.SEEK_CUR)
            image.write(bytes([byte[0] ^ 1]))
        try:
            self.expect_at(WRITES)
        except SystemExit:
            return
        raise SystemExit("canary: a wrong byte was not noticed")


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: {sys.argv[0]} {sys.argv[1]} {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="powercut-kill-", dir=os.environ.get("TMPDIR")) as folder:
        test = Test(os.path.abspath(sys.argv[1]), pathlib.Path(folder), random.Random(seed))
        test.rounds()
        test.canary()
    print(f"{test.left_between} of {ROUNDS} images were left between two instants")
    if test.left_between == 0:
        raise SystemExit("none was: this says nothing")


if __name__ == "__main__":
    main()
