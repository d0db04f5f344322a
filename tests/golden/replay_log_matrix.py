#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""replay-log must print, end and write as the program of the same name in xfstests does.

replay_log_matrix.py check PROGRAM     runs a matrix of options over the golden logs, compares with what is recorded
replay_log_matrix.py record PROGRAM    records what the given program, xfstests' own, does
replay_log_matrix.py canary PROGRAM    succeeds if `check` notices planted changes

The record (replay_log_matrix.json) holds output, errors, exit status, and the content and size of the device. Where
xfstests' program is wrong, the case says so and carries what is right instead (see "Differences" in replay-log(1)).
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "replay_log_matrix.json"
LONGEST_TEXT = 300
# Replaying and hashing the large devices takes long: of these logs only a few replays.
LARGE_DEVICE_BYTES = 100 << 20


def digest(text):
    """Short texts as they are, so that a difference can be read."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text.count(chr(10))} lines, sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def image(path):
    hasher, size = hashlib.sha256(), 0
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
            size += len(chunk)
    return {"size": size, "sha256": hasher.hexdigest()}


def find_cases(manifest):
    """Searches: they read headers only."""
    marks = [mark["name"] for mark in manifest.get("marks", [])]
    middle = manifest["nr_entries"] // 2
    yield []
    yield ["--num-entries"]
    yield ["--find"]
    yield ["--find", "--next-flush"]
    yield ["--find", "--next-fua", "-vv"]
    yield ["--find", "--next-fua", "--next-flush", "--start-entry", str(middle)]
    yield ["--find", "--next-fua", "--start-entry", hex(middle), "-v", "-v"]
    yield ["--find", "--limit", str(middle)]
    yield ["--find", "--limit", str(middle), "--start-entry", str(middle + 1)]
    yield ["--find", "--limit", "-1", "--start-entry", "7"]
    yield ["--find", "--start-entry", str(manifest["nr_entries"] - 1), "--limit", "1", "-vv"]
    yield ["--find", "--start-entry", str(manifest["nr_entries"]), "--limit", "1"]
    yield ["--find", "--end-mark", "no such mark"]
    yield ["--find", "--start-mark", "no such mark"]
    yield ["--start-entry", "5x"]
    yield ["--end-sector", "x"]
    for mark in {name: None for name in [marks[0], marks[len(marks) // 2], marks[-1]]} if marks else []:
        yield ["--find", "--end-mark", mark]
        yield ["--find", "--start-mark", mark, "--next-flush", "-vv"]
        yield ["--find", "--start-mark", mark, "--end-mark", marks[-1]]
        yield ["--find", "--end-mark", mark, "--next-fua", "--limit", "3"]
        yield ["--start-mark", mark, "--num-entries", "-vv"]


def replay_cases(manifest):
    marks = [mark["name"] for mark in manifest.get("marks", [])]
    last = manifest["nr_entries"]
    middle = last // 2
    yield []
    yield ["-v", "--limit", str(middle)]
    yield ["--next-fua", "--start-entry", str(middle), "-vv"]
    yield ["--fsck", "echo checked", "--check", str(last // 3)]
    if marks:
        yield ["--end-mark", marks[len(marks) // 2]]
        yield ["-v", "--start-mark", marks[len(marks) // 2], "--end-mark", marks[-1]]
    if manifest["data_disk_bytes"] > LARGE_DEVICE_BYTES:
        return
    yield ["-vv"]
    yield ["--no-discard", "-v"]
    yield ["--limit", "1"]
    yield ["--limit", str(last + 10)]
    yield ["--next-flush"]
    yield ["--next-flush", "--next-fua", "--start-entry", str(middle)]
    yield ["--start-entry", str(last)]
    yield ["--start-entry", str(middle), "--limit", "10", "-v"]
    yield ["--start-sector", "2048", "--no-discard", "-vv", "--limit", str(middle)]
    yield ["--end-sector", "100", "--no-discard", "-v"]
    yield ["--start-sector", "8", "--end-sector", "0x100", "--no-discard", "-vv"]
    yield ["--check", "flush", "--fsck", "exit 3", "--start-entry", "4", "-v"]
    yield ["--check", "fua", "--fsck", "cksum <DEVICE", "--limit", str(middle)]
    yield ["--check", "discard", "--fsck", "echo discarded"]
    yield ["--check", str(middle), "--fsck", "cksum <DEVICE", "-v"]


def wrong_cases(manifest):
    """Where xfstests' program is wrong: the words, why, and what is right."""
    marks = [mark["name"] for mark in manifest.get("marks", [])]
    zeroes = hashlib.sha256()
    for _ in range(manifest["data_disk_bytes"] >> 20):
        zeroes.update(bytes(1 << 20))
    untouched = {"size": manifest["data_disk_bytes"], "sha256": zeroes.hexdigest()}
    yield (["--end-mark", "no such mark"], "the mark to stop at does not exist",
           {"stdout": "", "stderr": "Couldn't find end mark\n", "status": 1, "image": untouched})
    if marks:
        # Only marks after the start point count.
        yield (["--start-mark", marks[-1], "--end-mark", marks[0]], "the mark to stop at does not exist",
               {"stdout": "", "stderr": "Couldn't find end mark\n", "status": 1, "image": untouched})
    yield (["--check", "1", "--fsck", "kill -SEGV $$"], "a check that dies of a signal has failed",
           {"stderr_end": "Fsck errored out on entry 0\n", "status": 1})


def has_large_discard(manifest):
    return manifest["case"] == "btrfs-discard-k612"


def all_cases():
    for path in sorted(HERE.glob("*.manifest.json")):
        manifest = json.loads(path.read_text())
        for words in find_cases(manifest):
            yield {"log": manifest["case"], "words": words}
        for words in replay_cases(manifest):
            case = {"log": manifest["case"], "words": ["--replay", "DEVICE", *words], "device": manifest["data_disk_bytes"]}
            if has_large_discard(manifest):
                # Its first entry discards the whole device, more than 128 MiB; on a device of zeroes that makes
                # no difference but for a line of output.
                case["without_line"] = "discard len "
            yield case
        for words, why, right in wrong_cases(manifest):
            yield {"log": manifest["case"], "words": ["--replay", "DEVICE", *words], "device": manifest["data_disk_bytes"],
                   "wrong": why, "expected": right}
    # A file that is too small grows, to where the last entry ends.
    for log in ("ext4-discard", "raw-512"):
        yield {"log": log, "words": ["--replay", "DEVICE"], "device": 0}
        yield {"log": log, "words": ["--replay", "DEVICE", "--limit", "95", "--no-discard"], "device": 1000}


def key(case):
    return json.dumps([case["log"], case["words"], case.get("device")])


def run(program, case, folder):
    device = folder / "device.img"
    words = [word.replace("DEVICE", str(device)) for word in case["words"]]
    if "device" in case:
        device.unlink(missing_ok=True)
        with open(device, "wb") as stream:
            stream.truncate(case["device"])
    done = subprocess.run([program, "--log", str(folder / f"{case['log']}.log"), *words], capture_output=True, text=True,
                          timeout=120)
    stdout, stderr = (text.replace(str(folder), "FOLDER") for text in (done.stdout, done.stderr))
    if "without_line" in case:
        stdout = "".join(line for line in stdout.splitlines(True) if not line.startswith(case["without_line"]))
    result = {"stdout": digest(stdout), "stderr": digest(stderr), "status": done.returncode}
    if "device" in case:
        result["image"] = image(device)
    return result


def unpack(folder):
    for packed in HERE.glob("*.log.zst"):
        subprocess.run(["zstd", "-q", "-d", str(packed), "-o", str(folder / packed.name.removesuffix(".zst"))], check=True)


def differences(expected, seen):
    for name, value in expected.items():
        if name == "stderr_end":
            if not seen["stderr"].endswith(value):
                yield f"stderr: expected at its end {value!r}, seen {seen['stderr']!r}"
        elif seen[name] != value:
            yield f"{name}: expected {value!r}, seen {seen[name]!r}"


def check(program, recorded, limit=None):
    """The number of cases that differ; each is printed."""
    failed = 0
    cases = list(all_cases())[:limit]
    with tempfile.TemporaryDirectory(prefix="powercut-") as name:
        folder = pathlib.Path(name)
        unpack(folder)
        for case in cases:
            expected = case.get("expected") or recorded.get(key(case))
            if expected is None:
                found = ["not recorded: run `record`"]
            else:
                found = list(differences(expected, run(program, case, folder)))
            if found:
                failed += 1
                print(f"{case['log']}: replay-log {' '.join(case['words'])}")
                print("".join(f"  {line}\n" for line in found), end="")
    print(f"{len(cases)} cases, {failed} differ")
    return failed


def record(program):
    results = {}
    with tempfile.TemporaryDirectory(prefix="powercut-") as name:
        folder = pathlib.Path(name)
        unpack(folder)
        for case in all_cases():
            if "wrong" not in case:
                results[key(case)] = run(program, case, folder)
    lines = (f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items())
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(results)} cases recorded")


def main():
    what, program = sys.argv[1:]
    if what == "record":
        record(program)
        return 0
    recorded = json.loads(RECORD.read_text())
    if what == "canary":
        changed = {name: {**result, "status": result["status"] + 1} for name, result in recorded.items()}
        limit = 20
        return 0 if check(program, changed, limit) == limit and check("/bin/true", recorded, limit) == limit else 1
    return 1 if check(program, recorded) else 0


if __name__ == "__main__":
    sys.exit(main())
