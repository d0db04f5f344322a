#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shards of an exploration, run by GNU parallel and as a Slurm job array, are together what one run finds.

cluster_test.py POWERCUT parallel|slurm

As docs/clusters.md says it. Slurm is a cluster of this machine alone, in a directory of the test's own.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import support

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
SHARDS = 3
PORTS = 20000


def verdicts(*findings):
    """Of all files; fails if a state stands there twice."""
    result = {}
    for path in findings:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines[-1]["type"] == "summary", f"{path} has no summary"
        for line in lines:
            if line["type"] == "state":
                assert line["state"] not in result, f"{line['state']} is in two shards"
                result[line["state"]] = line["outcome"]
    return result


class Explorations:
    def __init__(self, powercut, folder):
        self.powercut, self.folder = powercut, folder
        self.log = folder / "sqlite.log"
        subprocess.run(["zstd", "-dqf", GOLDEN / "sqlite-wal.log.zst", "-o", self.log], check=True)

    # A check that tells the shards' states from one another needs no file system.
    def command(self):
        check = 'cksum <{} | grep -q "[2-9] "'
        return f"{self.powercut} explore {self.log} --strategy pairwise --at every:40 --check '{check}'"

    def whole(self):
        subprocess.run(f"{self.command()} --json {self.folder}/whole.jsonl >/dev/null", shell=True, check=False, timeout=300)
        return verdicts(self.folder / "whole.jsonl")

    def shards(self):
        return [self.folder / f"{number}.jsonl" for number in range(1, SHARDS + 1)]

    def expect_the_whole(self):
        whole, parts = self.whole(), verdicts(*self.shards())
        if parts != whole:
            raise SystemExit(f"{len(parts)} states in the shards, {len(whole)} in one run")
        if len(whole) < 50 or len(set(whole.values())) < 2:
            raise SystemExit(f"that shows little: {len(whole)} states")
        report = subprocess.run([self.powercut, "report", *self.shards()], stdout=subprocess.PIPE, text=True, check=False)
        failed = sum(outcome != "passed" for outcome in whole.values())
        for word in (f"{len(whole)} states checked", f"{failed} failed"):
            if word not in report.stdout.replace(",", ""):
                raise SystemExit(f"the report lacks '{word}': {report.stdout}")


def with_parallel(explorations):
    support.need_program("parallel")
    command = f"{explorations.command()} --jobs 1 --shard {{}}/{SHARDS} --json {explorations.folder}/{{}}.jsonl --resume"
    # "{}" of the checker is not parallel's.
    command = command.replace("<{}", "<{disk}").replace("{}", "{n}").replace("{disk}", "{}")
    done = subprocess.run(["parallel", "--will-cite", "-I", "{n}", command, ":::", *map(str, range(1, SHARDS + 1))],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode > SHARDS:
        raise SystemExit(f"parallel ended with {done.returncode}: {done.stdout}{done.stderr}")
    explorations.expect_the_whole()


class Slurm:
    """A cluster of one node: this machine. Everything that it writes is in one directory."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.environment = dict(os.environ, SLURM_CONF=str(folder / "slurm.conf"))
        for name in ("state", "spool", "log", "run"):
            (folder / name).mkdir()
        host = os.uname().nodename.split(".")[0]
        port = PORTS + os.getpid() % 20000
        (folder / "slurm.conf").write_text(f"""ClusterName=powercut
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={port + 1}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CryptoType=crypto/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SwitchType=switch/none
MpiDefault=none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)

    def __enter__(self):
        try:
            self.start("munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key", f"--socket={self.folder}/run/munge.socket",
                       f"--pid-file={self.folder}/run/munged.pid", f"--log-file={self.folder}/log/munged", f"--seed-file={self.folder}/state/munge.seed")
            self.wait_for("munge", lambda: (self.folder / "run/munge.socket").exists())
            self.start("slurmctld", "-D", "-i")
            self.start("slurmd", "-D")
            self.wait_for("an idle node", lambda: "idle" in self.run("sinfo", "-h", "-o", "%T").stdout)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def start(self, *words):
        with open(self.folder / "log" / f"{words[0]}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(words, env=self.environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))

    def run(self, *words):
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + 120
        while not condition():
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in self.daemons):
                logs = "".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in sorted((self.folder / "log").iterdir()))
                raise SystemExit(f"no {what}:\n{logs}")
            time.sleep(0.1)

    def run_array(self, script):
        path = self.folder / "job.sh"
        path.write_text(script)
        done = self.run("sbatch", "--parsable", f"--array=1-{SHARDS}", f"--output={self.folder}/log/job.%a", path)
        if done.returncode != 0:
            raise SystemExit(f"sbatch: {done.stdout}{done.stderr}")
        self.wait_for("end of the jobs", lambda: self.run("squeue", "-h").stdout.strip() == "")


def with_slurm(explorations):
    for program in ("munged", "slurmctld", "slurmd", "sbatch"):
        support.need_program(program)
    folder = explorations.folder / "slurm"
    folder.mkdir()
    with Slurm(folder) as cluster:
        cluster.run_array(f"""#!/bin/sh
{explorations.command()} --jobs 1 --shard $SLURM_ARRAY_TASK_ID/{SHARDS} --json {explorations.folder}/$SLURM_ARRAY_TASK_ID.jsonl --resume
""")
    explorations.expect_the_whole()


def main():
    powercut = str(pathlib.Path(sys.argv[1]).resolve())
    support.need_root()
    with tempfile.TemporaryDirectory(prefix="powercut-cluster-") as folder:
        explorations = Explorations(powercut, pathlib.Path(folder))
        {"parallel": with_parallel, "slurm": with_slurm}[sys.argv[2]](explorations)


main()
