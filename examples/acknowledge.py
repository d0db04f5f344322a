# SPDX-License-Identifier: Apache-2.0
"""What a program needs that is tested with powercut: to acknowledge while it is recorded, and to learn
what had been acknowledged while a crash state is checked. Standard library only; docs/databases.md explains.
"""

import hashlib
import json
import os
import socket


class Recorder:
    """The running recorder, over its control socket: as `powercut mark`, but without a process for each mark."""

    def __init__(self, control=None):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(control or os.environ["POWERCUT_CONTROL"])
        self._answers = self._socket.makefile("r", encoding="utf-8")

    def mark(self, text):
        """Returns when the mark is durable in the log. Whatever had completed before stands in front of it."""
        if "\n" in text:
            raise ValueError("a mark is one line")
        self._socket.sendall(f"mark {text}\n".encode())
        answer = json.loads(self._answers.readline())
        if not answer["ok"]:
            raise OSError(answer["errno"], answer["error"])
        return answer["entry"]

    # The marks of docs/marks.md, for `explore --acks`.

    def changing(self, path, in_place=False):
        mark = {"changing": _within(path), "exists": os.path.lexists(path)}
        self.mark(_compact({**mark, "in_place": True} if in_place else mark))

    def file(self, path):
        with open(path, "rb") as file:
            content = file.read()
        self.mark(_compact({"file": _within(path), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}))

    def removed(self, path):
        self.mark(_compact({"removed": _within(path)}))


def _within(path):
    return os.path.relpath(os.path.realpath(path), os.path.realpath(os.environ["POWERCUT_MNT"]))


def _compact(mark):
    return json.dumps(mark, separators=(",", ":"), ensure_ascii=False)


def marks():
    """For a checker: the texts of all marks in front of the cut, in order."""
    with open(os.environ["POWERCUT_MARKS"], encoding="utf-8") as file:
        return [json.loads(line)["mark"] for line in file]
