#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/log-format.md and docs/index-format.md against src/log/format.h and src/index/format.h, whose offsets the
compiler has checked (static_assert)."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent


def header_facts(text):
    """{struct: {field: offset, ...}}, {struct: size}, {name: value}"""
    offsets, sizes, values = {}, {}, {}
    for struct, field, offset in re.findall(r"static_assert\(offsetof\((\w+), (\w+)\) == (\d+)\)", text):
        offsets.setdefault(struct, {})[field] = int(offset)
    for struct, size in re.findall(r"static_assert\(sizeof\((\w+)\) == (\d+)", text):
        sizes[struct] = int(size)
        # The first field has no assertion: it cannot be elsewhere.
        body = re.search(r"struct %s \{\s*\S+ (\w+)" % struct, text)
        offsets[struct][body[1]] = 0
    for name, value in re.findall(r"kFlag(\w+) = (\d+)", text):
        values[name.upper()] = int(value)
    operations = re.search(r"enum class Operation.*?\{(.*?)\};", text, re.S)
    for name, value in re.findall(r"(k\w+) = (\d+)", operations[1] if operations else ""):
        values[name] = int(value)
    # Of the log, other constants are stated in sentences.
    if not operations:
        for name, value in re.findall(r"^inline constexpr .*\b(k\w+) = ([\d *]+);", text, re.M):
            values[name] = eval(value)
    for name, value in re.findall(r"(k\w*Magic) = (0x[0-9a-f]+)", text):
        values[name] = value
    return offsets, sizes, values


def page_tables(text):
    """{struct: [(offset, size, field)]}, {name: value}, {magic, ...}"""
    tables, values = {}, {}
    for part in re.split(r"(?=^`\w+Disk`, )", text, flags=re.M)[1:]:
        struct, size = re.match(r"`(\w+)`, (?:the last )?(\d+) bytes", part).groups()
        table = part.split("| offset |")[1].split("\n\n")[0]
        rows = [(int(a), int(b), c) for a, b, c in re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", table, re.M)]
        tables[struct] = (int(size), rows)
    for name, value in re.findall(r"^\| (k?[A-Z]\w+) \| (\d+) \|", text, re.M):
        values[name] = int(value)
    return tables, values, set(re.findall(r"\| magic \| (0x[0-9a-f]+)", text))


def differences(header, page):
    offsets, sizes, values = header_facts(header)
    tables, page_values, magics = page_tables(page)
    if set(tables) != set(offsets):
        yield f"structures: {sorted(tables)} on the page, {sorted(offsets)} in the header"
    for struct, (size, rows) in tables.items():
        if size != sizes.get(struct):
            yield f"{struct}: {size} bytes on the page, {sizes.get(struct)} in the header"
        if {field: offset for offset, _, field in rows} != offsets.get(struct):
            yield f"{struct}: its fields or their offsets differ"
        end = 0
        for offset, length, field in rows:
            if offset != end:
                yield f"{struct}.{field}: begins at {offset}, but what stands before it ends at {end}"
            end = offset + length
        if end != size:
            yield f"{struct}: the fields end at {end}, not at {size}"
    wanted = {name: value for name, value in values.items() if not name.endswith("Magic")}
    if page_values != wanted:
        yield f"flags or operations: {sorted(set(page_values.items()) ^ set(wanted.items()))}"
    if magics != {value for name, value in values.items() if name.endswith("Magic")}:
        yield f"magic numbers: {sorted(magics)}"


CANARIES = {
    "log": (
        ("| 88 | 8 | header_hash", "| 80 | 8 | header_hash"),
        ("| 56 | 8 | payload_hash", "| 56 | 8 | payload_sum"),
        ("| 24 | 4 | sector_size", "| 24 | 8 | sector_size"),
        ("| METADATA | 16 |", "| METADATA | 32 |"),
        ("| kFlushFailed | 8 |", "| kFlushFailed | 9 |"),
        ("0x6a736677736872", "0x6a736677736873"),
        ("the last 384 bytes", "the last 380 bytes"),
    ),
    "index": (
        ("| 96 | 8 | header_hash", "| 88 | 8 | header_hash"),
        ("| 13 | 1 | kind", "| 13 | 2 | kind"),
        ("| kKindPending | 64 |", "| kKindPending | 65 |"),
        ("| kBlockSize | 4096 |", "| kBlockSize | 65536 |"),
        ("| kFanOutBits | 4 |", ""),
        ("0x3178646974756370", "0x3178646974756371"),
        ("`RunDisk`, 6 bytes", "`RunDisk`, 8 bytes"),
    ),
}


def problems_of(room):
    header_path, page_path = f"src/{room}/format.h", f"docs/{room}-format.md"
    header, page = (TOP / header_path).read_text(), (TOP / page_path).read_text()
    yield from (f"{page_path}: {problem}" for problem in differences(header, page))
    if page_path not in header or header_path not in page:
        yield f"{page_path} and {header_path} do not name each other"
    # Each lie about the page has to be noticed.
    for old, new in CANARIES[room]:
        if old not in page or not list(differences(header, page.replace(old, new))):
            yield f"{page_path}: the canary was not caught: {new}"


def main():
    problems = [problem for room in CANARIES for problem in problems_of(room)]
    for problem in problems:
        print("error:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
