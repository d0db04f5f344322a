#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""powercut info, log and verify on the golden logs, against what their manifests say.

golden_test.py POWERCUT. Each manifest is then falsified in turn, which has to be noticed.
"""

import collections
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
# As the manifests write flags.
SHORT = {"METADATA": "META"}
END_MARK = "dm-log-writes-end"


def run(*words, statuses=(0,)):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode not in statuses:
        raise SystemExit(f"error: {' '.join(map(str, words))}: status {done.returncode}: {done.stderr}")
    return done.stdout


def kind_in_manifest(entry):
    names = [SHORT.get(name, name) for name in entry["flags"]]
    empty = entry["nr_sectors"] == 0 and "MARK" not in names
    return ("|".join(names) or "NONE") + ("(empty)" if empty else "")


def problems_of(manifest, entries, info, report):
    """What the manifest says and the output does not."""
    kinds = collections.Counter(kind_in_manifest(entry) for entry in entries)
    marks = [(entry["entry"], entry["mark"]) for entry in entries if "mark" in entry]
    found = {finding["kind"] for finding in report["findings"]}
    same = [
        ("entries", len(entries), manifest["nr_entries"]),
        ("numbering", [entry["entry"] for entry in entries], list(range(len(entries)))),
        ("info: nr_entries", info["nr_entries"], manifest["nr_entries"]),
        ("info: sector_size", info["sector_size"], manifest["sectorsize"]),
        ("info: marks", [(mark["entry"], mark["name"]) for mark in info["marks"]], marks),
        ("info: ending", info["ending"]["kind"], "counted"),
        ("verify: whole", report["whole"], not manifest.get("marks_set_but_not_in_log")),
        ("verify: readable_entries", report["readable_entries"], manifest["nr_entries"]),
    ]
    if "entry_kinds" in manifest:
        same.append(("kinds", dict(kinds), manifest["entry_kinds"]))
    if "marks" in manifest:
        named = [(mark["entry"], mark["name"]) for mark in manifest["marks"]]
        ended = named[-1][1] == END_MARK
        same.append(("marks", marks, named))
        same.append(("verify: end_mark", report["end_mark"], ended))
        same.append(("verify: no-end-mark", "no-end-mark" in found, not ended))
    if "marks_set_but_not_in_log" in manifest:
        same.append(("verify: log-full", "log-full" in found, bool(manifest["marks_set_but_not_in_log"])))
    if "log_used_bytes" in manifest:
        same.append(("info: log_used_bytes", info["log_used_bytes"], manifest["log_used_bytes"]))
        # What stands behind the end in the manifest's sense are whole entries that were not counted.
        stale = bool(manifest["stale_bytes_after_log_end"])
        same.append(("verify: stale-super-block", "stale-super-block" in found, stale))
    if "highest_end_byte" in manifest:
        same.append(("info: device_size_bytes", info["device_size_bytes"], manifest["highest_end_byte"]))
    for name in manifest.get("marks_set_but_not_in_log", []):
        if name in dict(marks).values():
            yield f"mark {name} is not in the log, and shown"
    for what, seen, wanted in same:
        if seen != wanted:
            yield f"{what}: {str(seen)[:200]}, not {str(wanted)[:200]}"


def falsified(manifest):
    def changed(**values):
        return {**copy.deepcopy(manifest), **values}

    yield changed(nr_entries=manifest["nr_entries"] + 1)
    yield changed(sectorsize=manifest["sectorsize"] * 2)
    if "marks" in manifest:
        yield changed(marks=manifest["marks"][1:])
        yield changed(marks=manifest["marks"][:-1])
        yield changed(marks_set_but_not_in_log=[manifest["marks"][0]["name"]])
    if "entry_kinds" in manifest:
        yield changed(entry_kinds={**manifest["entry_kinds"], "FUA": 999})


def main():
    powercut = sys.argv[1]
    failed = False
    packed = sorted(GOLDEN.glob("*.log.zst"))
    if not packed:
        raise SystemExit("error: no golden logs")
    with tempfile.TemporaryDirectory() as folder:
        for path in packed:
            name = path.name.removesuffix(".log.zst")
            manifest = json.loads((GOLDEN / f"{name}.manifest.json").read_text())
            log = pathlib.Path(folder) / f"{name}.log"
            run("zstd", "-q", "-d", path, "-o", log)
            entries = [json.loads(line) for line in run(powercut, "log", "--json", log).splitlines()]
            info = json.loads(run(powercut, "info", "--json", log))
            report = json.loads(run(powercut, "verify", "--json", log, statuses=(0, 1)))
            for problem in problems_of(manifest, entries, info, report):
                print(f"error: {name}: {problem}")
                failed = True
            for lie in falsified(manifest):
                if not list(problems_of(lie, entries, info, report)):
                    print(f"error: {name}: the canary was not caught")
                    failed = True
            log.unlink()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
