#!/usr/bin/python3 -IBS
# SPDX-License-Identifier: Apache-2.0
"""The same ledger in PostgreSQL: a cluster of its own on the recorded disk, run as the user postgres.

  ledger.py write ROWS [SETTING=VALUE...]
      makes the cluster, starts it with these settings, commits ROWS transactions of one row each, and
      acknowledges each row with a mark, once psql says that it is committed.
  ledger.py check
      a checker: PostgreSQL starts on the crash state and recovers, every row that was acknowledged before the cut
      is there, no row that was never written, and all checksums are right.

Needs root, and the programs of Debian's package postgresql.
"""

import glob
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import acknowledge  # noqa: E402
import rows  # noqa: E402

USER = "postgres"
READY = "ledger ready"
TIME_LIMIT_SECONDS = 100


class Cluster:
    """`place` is a folder with the disk in it, and room for the socket and the server's messages."""

    def __init__(self, place):
        self.data = place / "disk" / "cluster"
        self.socket = place / "socket"
        self.messages = place / "messages"
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not found:
            sys.exit("no PostgreSQL: install postgresql")
        self.programs = pathlib.Path(found[-1])

    def run(self, program, *words):
        command = [self.programs / program, *words]
        done = subprocess.run(command, user=USER, group=pwd.getpwnam(USER).pw_gid, extra_groups=[], cwd="/", text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIME_LIMIT_SECONDS, check=False)
        if done.returncode != 0:
            messages = self.messages.read_text() if self.messages.exists() else ""
            sys.exit(f"{program} ended with status {done.returncode}: {done.stdout}{messages}")
        return done.stdout

    def make(self):
        self.data.mkdir(mode=0o700)
        os.chown(self.data, pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        self.run("initdb", "--pgdata", self.data, "--no-locale", "--encoding=UTF8", "--auth=trust", "--data-checksums",
                 "--wal-segsize=1", "--no-sync")
        subprocess.run(["sync", "--file-system", self.data], check=True)

    def start(self, settings=()):
        # The machine has been started anew: the process that this file names is no server of this cluster.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = [f"-k {self.socket}", "-c listen_addresses=", *(f"-c {setting}" for setting in settings)]
        self.run("pg_ctl", "start", "-w", "-t", str(TIME_LIMIT_SECONDS - 10), "-D", self.data, "-l", self.messages,
                 "-o", " ".join(options))

    def stop(self):
        self.run("pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data)

    def query(self, text):
        return self.run("psql", "-XAtq", "-h", self.socket, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text)


def write(cluster, count, *settings):
    recorder = acknowledge.Recorder()
    cluster.make()
    cluster.start(settings)
    try:
        cluster.query("CREATE TABLE ledger (id integer PRIMARY KEY, text text NOT NULL)")
        recorder.mark(READY)
        for row in range(1, int(count) + 1):
            cluster.query(f"INSERT INTO ledger VALUES ({row}, '{rows.text_of(row)}')")
            recorder.mark(rows.mark_of(row))
    finally:
        cluster.stop()


def check(cluster):
    if READY not in acknowledge.marks():
        return
    cluster.start()
    try:
        has_table = cluster.query("SELECT to_regclass('ledger') IS NOT NULL").strip() == "t"
        lines = cluster.query("SELECT id, text FROM ledger").splitlines() if has_table else []
    finally:
        cluster.stop()
    cluster.run("pg_checksums", "--check", "--pgdata", cluster.data)
    if not has_table:
        print("the table was acknowledged and lost")
        sys.exit("\n".join(rows.problems({})) or 1)
    found = {int(row): text for row, text in (line.split("|", 1) for line in lines)}
    sys.exit("\n".join(rows.problems(found)) or 0)


def in_reach_of_the_user(words):
    """Runs this once more, in a mount namespace in which the disk is where the user postgres may go: powercut
    mounts it below folders of root's. What is mounted there ends with its last process."""
    user = pwd.getpwnam(USER)
    with tempfile.TemporaryDirectory(prefix="ledger-") as name:
        place = pathlib.Path(name)
        place.chmod(0o711)
        (place / "disk").mkdir()
        (place / "socket").mkdir(mode=0o700)
        (place / "messages").touch(mode=0o600)
        for own in ("socket", "messages"):
            os.chown(place / own, user.pw_uid, user.pw_gid)
        script = 'mount --bind "$POWERCUT_MNT" "$1/disk" && exec "$0" "$@"'
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, os.path.abspath(__file__),
                   name, *words]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1] in ("write", "check"):
        sys.exit(in_reach_of_the_user(sys.argv[1:]))
    {"write": write, "check": check}[sys.argv[2]](Cluster(pathlib.Path(sys.argv[1])), *sys.argv[3:])
