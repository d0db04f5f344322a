#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks each #include in src/ against src/LAYERS, and that some libraries are reached from one place only.

layers_test.py [SRC]: SRC is the src/ folder to look at; by default this tree's. Without an argument the
canary runs first: a tree with planted wrong includes, each of which has to be caught.
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Which files may include a library's headers: its header's pattern, and the only homes.
HOMES = [
    (re.compile(r"^(fuse|fuse3)/|^fuse\w*\.h$"), ["serve/"]),
    (re.compile(r"^nbdkit-(plugin|filter)\.h$|^nbdkit-"), ["serve/", "apps/nbdkit"]),
    (re.compile(r"^libnbd\.h$"), ["block/nbd_library.h"]),
    (re.compile(r"^CLI/"), ["apps/flags/"]),
    (re.compile(r"^linux/loop\.h$"), ["serve/"]),
    # It takes seconds to compile in each file; who only writes JSON has base/json.h.
    (
        re.compile(r"^nlohmann/"),
        [
            "base/json.cc",
            "record/control.cc",
            "record/control_test.cc",
            "replay/image_state.cc",
            "check/acknowledgement.cc",
            "findings/finding.cc",
            "apps/recording/runtime_directory.cc",
        ],
    ),
]
# In headers these would slow every build down.
NOT_IN_HEADERS = re.compile(r"^CLI/")


def read_layers(source):
    layers = {}
    for line in (source / "LAYERS").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, _, allowed = line.partition(":")
            layers[room.strip()] = allowed.split()
    return layers


def check_order(layers):
    """Each room includes only rooms that are listed before it: so there is no circle."""
    seen = set()
    for room, allowed in layers.items():
        for other in allowed:
            if other != "*" and other not in seen:
                yield f"LAYERS: {room} includes {other}, which is not listed before it"
        seen.add(room)


def check_include(layers, path, number, quote, header):
    room = path.parts[0]
    where = f"src/{path}:{number}"
    allowed = layers[room]
    first = header.split("/")[0]
    if quote == '"':
        # A test may use what the tests share; nothing else may.
        if first == "support" and path.stem.endswith("_test"):
            return
        if first == "apps" and room != "apps":
            yield f"{where}: includes {header}: nothing includes apps/"
        elif "/" not in header or first not in layers:
            yield f'{where}: includes "{header}": give the path from src/'
        elif first != room and "*" not in allowed and first not in allowed:
            yield f"{where}: includes {header}, but {room} may include only: {' '.join(allowed) or 'nothing'}"
    for pattern, homes in HOMES:
        if pattern.search(header) and not any(str(path).startswith(home) for home in homes):
            yield f"{where}: includes {header}, whose only home is {' or '.join(homes)}"
    if path.suffix == ".h" and NOT_IN_HEADERS.search(header):
        yield f"{where}: includes {header} in a header"


def check(source):
    layers = read_layers(source)
    yield from check_order(layers)
    files = sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cc", ".c"))
    if not files:
        yield f"{source}: no source files"
    for file in files:
        path = file.relative_to(source)
        if path.parts[0] not in layers:
            yield f"src/{path}: the folder {path.parts[0]} is not in LAYERS"
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield from check_include(layers, path, number, match[1], match[2])


PLANTED = {
    "io/upward.cc": '#include "log/reader.h"\n',
    "log/sideways.cc": '#include "block/device.h"\n',
    "base/program.h": '#include "apps/flags/flags.h"\n',
    "block/other.cc": "#include <libnbd.h>\n",
    "record/fuse.cc": "#include <fuse_lowlevel.h>\n",
    "record/fuse3.cc": "#include <fuse3/fuse.h>\n",
    "check/plugin.cc": "#include <nbdkit-plugin.h>\n",
    "apps/flags/slow.h": "#include <CLI/CLI.hpp>\n",
    "report/slow.cc": "#include <nlohmann/json.hpp>\n",
    "log/short.cc": '#include "reader.h"\n',
    "log/helper.cc": '#include "support/golden.h"\n',
    "nowhere/lost.cc": "",
}


def canary(layers_file):
    """Each planted include must be caught, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder)
        (source / "LAYERS").write_text(layers_file.read_text())
        good = source / "log" / "good_test.cc"
        for name, text in {**PLANTED, "log/good_test.cc": '#include "io/file.h"\n#include "support/golden.h"\n'}.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = list(check(source))
        missed = [name for name in PLANTED if not any(name in line for line in found)]
        wrong = [line for line in found if good.name in line]
        (source / "LAYERS").write_text("a: b\nb: a\n")
        if not list(check_order(read_layers(source))):
            missed.append("a circle in LAYERS")
        return missed, wrong


def main():
    source = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src")
    if len(sys.argv) == 1:
        missed, wrong = canary(source / "LAYERS")
        if missed or wrong:
            print("error: the canary: not caught:", missed, "wrongly caught:", wrong)
            return 1
    problems = list(check(source))
    for problem in problems:
        print("error:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
