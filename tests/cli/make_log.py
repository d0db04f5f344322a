#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small log, as other recorders write them: make_log.py LOG [--sector-size S] [--count N] ENTRY...

ENTRY: write:SECTOR:TEXT[:FLAGS] (each character fills a sector), discard:SECTOR:COUNT, flush, mark:NAME,
raw:SECTOR:COUNT:FLAGS (a header alone). --count is what the super block says, instead of the truth.
"""

import argparse
import struct

FLUSH, DISCARD, MARK = 1, 4, 8


def entry(text, size):
    kind, *words = text.split(":")
    sector, count, flags, data_len, mark, payload = 0, 0, 0, 0, b"", b""
    if kind == "write":
        sector, characters = int(words[0]), words[1]
        count, flags = len(characters), int(words[2]) if len(words) > 2 else 0
        payload = b"".join(character.encode() * size for character in characters)
    elif kind == "discard":
        sector, count, flags = int(words[0]), int(words[1]), DISCARD
    elif kind == "flush":
        flags = FLUSH
    elif kind == "mark":
        mark = words[0].encode("utf-8", "surrogateescape")
        flags, data_len = MARK, len(mark)
    elif kind == "raw":
        sector, count, flags = (int(word, 0) for word in words)
    else:
        raise SystemExit(f"what is {text}?")
    header = struct.pack("<QQQQ", sector, count, flags, data_len) + mark
    return header.ljust(size, b"\0") + payload


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--sector-size", type=int, default=512)
    parser.add_argument("--count", type=int)
    parser.add_argument("entries", nargs="*")
    args = parser.parse_intermixed_args()
    count = len(args.entries) if args.count is None else args.count
    with open(args.log, "wb") as log:
        log.write(struct.pack("<QQQI", 0x6A736677736872, 1, count, args.sector_size).ljust(args.sector_size, b"\0"))
        for text in args.entries:
            log.write(entry(text, args.sector_size))


if __name__ == "__main__":
    main()
