"""The process that a target runs in, from the checker's side.

The worker imports the target once, and each process that calls it is a copy of that: a fresh one costs no
import. A target whose import starts threads, or that uses a GPU, cannot be copied, and is imported again
instead.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import IO

from ..start import Started, start
from .limits import TargetLimits
from .wire import Message, receive, send

WORKER = "persistent_topk.verify.targets.worker"
KEPT_BYTES = 4000  # of what the target printed last
PRINTED_CHUNK = 1 << 16
END_SECONDS = 1.0  # for a process to end by itself
CATCH_UP_SECONDS = 0.5  # for what was printed to be read
LOOK_SECONDS = 0.001


class Process:
    """The worker, and the copy of it that answers calls. Nothing is waited for until prepared(). copies:
    whether copies answer, and not the worker itself."""

    def __init__(self, name: str, device: str, limits: TargetLimits, started: Started | None = None) -> None:
        """started: the worker, if it is on its way already."""
        self._control, self._popen = started or start(WORKER, name, device)
        self._printed = b""
        self._printing = threading.Lock()
        assert self._popen.stdout is not None
        threading.Thread(target=self._drain, args=(self._popen.stdout,), daemon=True).start()
        self.copies = False
        self._copy: Connection | None = None
        self._pid = 0
        send(self._control, {"path": sys.path, "limits": asdict(limits)})

    def prepared(self, seconds: float) -> Message | None:
        """What the worker says once the target is imported; None where that takes longer. Raises EOFError or
        ConnectionError where the worker is gone."""
        if not self._control.poll(seconds):
            return None
        message, _ = receive(self._control)
        self.copies = bool(message.get("copies"))
        return message

    def connection(self) -> Connection:
        """To the process that answers calls, a fresh one where there is none. Raises EOFError or
        ConnectionError where the worker is gone."""
        if not self.copies:
            return self._control
        if self._copy is None:
            ours, theirs = Pipe()
            send_handle(self._control, theirs.fileno(), self._popen.pid)
            theirs.close()
            self._pid = int(receive(self._control)[0]["pid"])
            self._copy = ours
        return self._copy

    @property
    def pid(self) -> int:
        """Of the process that answers calls."""
        return self._popen.pid if self._copy is None else self._pid

    def forget_printed(self) -> None:
        """What is printed from now on is of another call."""
        if self._printed or self._unread():
            self.printed()
            with self._printing:
                self._printed = b""

    def printed(self) -> str:
        """The last of what it printed since."""
        limit = time.monotonic() + CATCH_UP_SECONDS
        while self._unread() and time.monotonic() < limit:
            time.sleep(LOOK_SECONDS)
        with self._printing:
            return self._printed.decode(errors="replace").strip()

    def _unread(self) -> int:
        """Bytes that it printed and nobody has read yet."""
        import fcntl  # Unix has these, as check_platform() has found out
        import termios

        assert self._popen.stdout is not None
        with suppress(OSError, ValueError):
            answer = fcntl.ioctl(self._popen.stdout, termios.FIONREAD, b"\0\0\0\0")
            return int.from_bytes(answer, sys.byteorder)
        return 0

    def _drain(self, printed: IO[bytes]) -> None:
        while chunk := printed.read1(PRINTED_CHUNK):  # type: ignore[attr-defined]
            with self._printing:
                self._printed = (self._printed + chunk)[-KEPT_BYTES:]

    def ended(self) -> tuple[str, bool]:
        """How the process that answers calls ended, in words, and whether there can be another one. Kills
        what is left of it."""
        if self._copy is None:
            return _in_words(self._end_worker()), False
        self._copy.close()
        self._copy = None
        try:
            if not self._control.poll(END_SECONDS):
                os.kill(self._pid, signal.SIGKILL)
            return _in_words(int(receive(self._control)[0]["ended"])), True
        except (EOFError, OSError):
            return _in_words(self._end_worker()), False

    def renew(self) -> bool:
        """Ends the process that answers calls; whether there can be another one."""
        if self._copy is None and self.copies:
            return True
        if self.copies:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            return self.ended()[1]
        self.kill()
        return False

    def _end_worker(self) -> int:
        try:
            code = self._popen.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            code = self._popen.wait()
        self._control.close()
        return code

    def kill(self) -> None:
        """Ends the worker and all copies of it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        if self._copy is not None:
            self._copy.close()
            self._copy = None
        self._end_worker()


def _in_words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
