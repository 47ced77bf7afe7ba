"""Python programs without their start: each is a fork of one process, which has imported what they need.

A program that imports torch takes more than a second of a processor to start. A program here has the command
line, the environment, the folder and the files that it would have as a process of its own.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

OF_TARGETS = "persistent_topk.verify.targets.worker"
OF_CAMPAIGNS = "persistent_topk.verify.campaign.campaign"
FAR = 500  # the least of descriptors that lie away from a program's own
LONGEST_ORDER = 1 << 17  # bytes: most of them are the environment
MOST_FILES = 8


class Forks:
    """The process whose forks are the programs. modules: what it imports. It ends with this process."""

    def __init__(self, *modules: str) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        path = {**os.environ, "PYTHONPATH": ""}  # a program has the PYTHONPATH of its own environment
        command = [sys.executable, __file__, str(theirs.fileno()), *modules]
        subprocess.Popen(command, env=path, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()

    def ask(self, order: Mapping[str, Any], files: Sequence[int] = ()) -> int:
        """The process's answer: a program's number, or how it ended."""
        with self._asking:
            socket.send_fds(self._channel, [json.dumps(order).encode()], files)
            return int(self._channel.recv(LONGEST_ORDER))


@functools.cache
def forks_of(*modules: str) -> Forks:
    """The one process with these modules, those of targets and campaigns where none are named."""
    return Forks(*(modules or (OF_TARGETS, OF_CAMPAIGNS)))


class Program:
    """A run of `python WORDS`, where WORDS begin with -c, -m or a file, as subprocess.Popen has it: stdin is
    empty, and stdout has what goes to stderr, too, if that is `merged`."""

    def __init__(
        self,
        forks: Forks,
        words: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        merged: bool = True,
    ) -> None:
        output, theirs = os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            errors = theirs if merged else sys.__stderr__.fileno()
            files = {0: nothing.fileno(), 1: theirs, 2: errors, **{place: place for place in pass_fds}}
            order = {
                "words": list(words),
                "folder": str(cwd or Path.cwd()),
                "environment": dict(os.environ if env is None else env),
                "places": list(files),
            }
            self.pid = forks.ask(order, list(files.values()))
        os.close(theirs)
        self._forks, self._ended = forks, os.pidfd_open(self.pid)
        self.stdout: IO[bytes] = os.fdopen(output, "rb")
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, or the signal below 0. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
            self.returncode = self._forks.ask({"ended": self.pid})
            os.close(self._ended)
        return self.returncode

    def kill(self) -> None:
        """Ends it, if it has not ended."""
        if self.returncode is None:
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)

    def output(self) -> str:
        """All that it prints, until its end."""
        with self.stdout:
            told = self.stdout.read().decode()
        self.wait()
        return told


def _next_program(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Forks, and returns in the fork: what is asked of it, and its files."""
    while True:
        told, files, _, _ = socket.recv_fds(channel, LONGEST_ORDER, MOST_FILES)
        if not told:
            os._exit(0)  # the tests are through
        order = json.loads(told)
        if "ended" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["ended"], 0)[1])
        elif (answer := os.fork()) == 0:
            return order, files
        for file in files:
            os.close(file)
        channel.send(str(answer).encode())


def _put(files: list[int], places: list[int]) -> None:
    """Moves the files to the descriptors that the program knows, and closes all others."""
    far = [fcntl.fcntl(file, fcntl.F_DUPFD, FAR) for file in files]
    os.closerange(3, FAR)
    for file, place in zip(far, places, strict=True):
        os.dup2(file, place)
    os.closerange(FAR, FAR + len(far))


def _run(words: list[str]) -> None:
    """An error or sys.exit() ends this process as it would end Python."""
    kind, *rest = words
    if kind == "-c":
        code, sys.argv[:] = rest[0], ["-c", *rest[1:]]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv[:] = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = words
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    for module in sys.argv[2:]:
        __import__(module)
    order, files = _next_program(socket.socket(fileno=int(sys.argv[1])))
    _put(files, order["places"])
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    first = "" if order["words"][0].startswith("-") else str(Path(order["words"][0]).parent)
    sys.path[:1] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    _run(order["words"])
