#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_findings.py FILE [--shard K/N] [--model MODEL] [--states N] [--failed N] [--killed]

Writes findings as an exploration would: states of the cuts 1 to N of a log of 100 entries, the last ones of which
fail; for failing states a cause, for the run an audit of two flushes. --killed: ends within a line.
"""

import argparse
import json


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--model", default="exact")
    parser.add_argument("--states", type=int, default=4)
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("--killed", action="store_true")
    args = parser.parse_args()
    shard, shards = map(int, args.shard.split("/"))
    command = "powercut explore run.log --check './check {}' --at "
    lines = [{"type": "run", "log": "run.log", "log_id": "0a1b", "log_entries": 100, "device_size_bytes": 1048576,
              "model": args.model, "strategy": "auto", "torn": "512", "discard": "zeroes", "seed": 0, "at": "all",
              "from": 0, "to": 100, "cuts": 100, "shard": shard, "shards": shards, "checker": "./check {}", "jobs": 2,
              "notes": []}]
    for number in range(1, args.states + 1):
        state = {"type": "state", "state": f"exact:{number}{shard}", "entries": number, "source": "run",
                 "outcome": "passed", "seconds": 0.5}
        if number > args.states - args.failed:
            state.update(outcome="exit-status", code=1, step="./check", output=f"looking\nrow {number} <is> missing\n",
                         reproduce=command + state["state"])
        lines.append(state)
    if args.failed:
        first = f"exact:{args.states - args.failed + 1}{shard}"
        lines.append({
            "type": "cause", "number": 1, "outcome": "exit-status", "code": 1, "step": "./check", "message": "<is> missing",
            "states": args.failed, "first": first, "minimal": first + ":lost:1",
            "lost": [{"entry": 1, "kind": "write", "begin": 4096, "end": 8192, "content": "text", "place": "/db"}],
            "torn": [], "survivors": [{"entry": 3, "kind": "write", "fua": True, "begin": 0, "end": 512}],
            "barrier": {"after": 1, "before": 3, "because": "a write that survived"}, "checks": 7,
            "reproduce": command + first + ":lost:1"})
    for entry in (2, 8):
        lines.append({"type": "flush", "entry": entry, "kind": "flush", "needed": entry == 8, "outcome": "passed", "states": 3})
        if entry == 8:
            lines[-1].update(outcome="exit-status", code=1, step="./check", reproduce=command + "exact:9:without:8")
    numbers = dict.fromkeys(("by_reads", "by_cache", "disagreements"), 0)
    lines.append({"type": "summary", "cuts": 100, "possible": 4096, "possible_log2": 12.0, "looked_at": 20,
                  "distinct": args.states, "checked": args.states, "run": args.states, **numbers,
                  "passed": args.states - args.failed, "failed": args.failed, "audited": 0, "pairs": 6,
                  "pairs_covered": 6, "causes": 1 if args.failed else 0, "seconds": 2.0, "interrupted": False})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if args.killed:
        text = text[:text.index('{"type": "flush"') + 9]
    with open(args.file, "w", encoding="utf-8") as file:
        file.write(text)


main()
