#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest boots from instants of its disk's past: as it was before an upgrade, after it, and when it was broken.

boot_test.py POWERCUT
"""

import sys

import support
import virtual_machine
from serve_test import Served

INIT = """#!/bin/sh
mount -t proc proc /proc
echo "guest: this is version VERSION"
touch /was-here && sync && echo "guest: the disk takes writes"
poweroff -f
"""

# What happens on the recorded disk: a system is installed, upgraded, and broken.
WORKLOAD = """set -e
cd "$POWERCUT_MNT"
mkdir -p bin sbin proc dev
cp /bin/busybox bin/
for applet in sh mount echo touch sync poweroff; do ln -s busybox bin/$applet; done
install -m 755 "$1" sbin/init; sync
"$0" mark installed
install -m 755 "$2" sbin/init.new; sync; mv sbin/init.new sbin/init; sync
"$0" mark upgraded
rm sbin/init; sync
"""


def case(workspace):
    for version in (1, 2):
        (workspace / f"init{version}").write_text(INIT.replace("VERSION", str(version)))
    log = workspace / "run.log"
    done = workspace.run("record", "--size", "64M", "--fs", "ext4", "--log", log, "--", "sh", "-c", WORKLOAD,
                         workspace.powercut, workspace / "init1", workspace / "init2")
    support.expect(done.returncode == 0, done.stderr)
    with Served(workspace, log) as served:
        for instant, wanted in (("mark:installed", "this is version 1"), ("mark:upgraded", "this is version 2"),
                                ("mark:installed", "this is version 1")):
            said = virtual_machine.boot(served.uri(instant), workspace)
            support.expect(wanted in said and "takes writes" in said, f"booted from {instant}, the guest said: {said}")
        # Canary: a disk without a system does not boot.
        said = virtual_machine.boot(served.uri("end"), workspace)
        support.expect("this is version" not in said, f"booted from the end, the guest said: {said}")


def main():
    support.need_root()
    support.need_file_system("ext4")
    support.need_program("nbdkit")
    virtual_machine.need()
    support.run_case(sys.argv[1], case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
