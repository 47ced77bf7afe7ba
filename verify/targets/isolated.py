"""A target in a process of its own, under a watchdog: a hang or a crash is a verdict about one case."""

from __future__ import annotations

import importlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO

from ..cases.case import Case
from ..properties import with_shards
from .first_calls import FirstCalls, usual_seconds
from .limits import TargetLimits, limits_of
from .target import (
    POISONS,
    Answer,
    NotTaken,
    Place,
    Schedule,
    Target,
    TargetFailure,
    TargetMisnamed,
    TargetUnavailable,
)
from .wire import answer_of, receive, send, send_case

# The working folder, which Python puts first, comes last: a file in it may be called like one of the library.
WORKER = (
    "import sys; sys.path.sort(key=''.__eq__); from persistent_topk.verify.targets.worker import main; main()"
)
PREPARE_SECONDS = 300.0  # importing an engine and compiling its kernels
TALK_SECONDS = 10.0  # of waiting for a first call before a line says so
CALL_SECONDS = (2.0, 20.0)  # the least and the most that the watchdog gives a later call:
PATIENCE = 100.0  # so many times the slowest answered one;
SLACK = 5.0  # and so many times what calls of many rows or columns take
MOST_RESIDENT_BYTES = 4 << 30  # a process that has grown to this is replaced
GIBIBYTE = 1 << 30
KEPT_BYTES = 2000  # of what the target printed last
PRINTED_CHUNK = 1 << 16
LOG = logging.getLogger(__name__)


def check_platform() -> None:
    """TargetUnavailable where a process cannot be given a connection and a limit of memory."""
    try:
        importlib.import_module("resource")
    except ImportError as error:
        raise TargetUnavailable(
            f"a target has a process of its own, which needs Linux or another Unix; this is {sys.platform}"
        ) from error


class Process:
    """One run of the worker, and the last of what it printed."""

    def __init__(self, name: str, device: str, limits: TargetLimits) -> None:
        self.connection, theirs = Pipe()
        worker = [sys.executable, "-c", WORKER]
        self.popen = subprocess.Popen(
            [*worker, str(theirs.fileno()), name, device],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt is for the checker, which ends the worker itself
        )
        theirs.close()
        self._printed: deque[bytes] = deque(maxlen=2)
        assert self.popen.stdout is not None
        threading.Thread(target=self._drain, args=(self.popen.stdout,), daemon=True).start()
        send(self.connection, {"path": sys.path, "limits": asdict(limits)})

    def _drain(self, printed: IO[bytes]) -> None:
        while chunk := printed.read1(PRINTED_CHUNK):  # type: ignore[attr-defined]
            self._printed.append(chunk)

    def last_words(self) -> str:
        """The last line that it printed, if any."""
        text = b"".join(self._printed)[-KEPT_BYTES:].decode(errors="replace").strip()
        return text.splitlines()[-1] if text else ""

    def end(self) -> str:
        """Kills what is left of it; how it ended, in words."""
        try:
            code = self.popen.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            code = self.popen.wait()
        self.connection.close()
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exited with status {code}"

    def kill(self) -> None:
        self.popen.kill()
        self.end()


class IsolatedTarget(Target):
    """inner: tells name, claims and limits here; its copy in the worker does the work, and tells what limits
    the function's attributes add."""

    def __init__(
        self,
        inner: Target,
        device: str = "cpu",
        patience: float = 1.0,
        first_calls: FirstCalls | None = None,
    ) -> None:
        """patience: scales the watchdog's limits. first_calls: the patience with these."""
        self.inner = inner
        self.name, self.claims, self.limits = inner.name, inner.claims, inner.limits
        self.on_gpu = inner.on_gpu
        self._first_calls = first_calls or FirstCalls()
        self._device = device
        self._patience = patience
        self._process: Process | None = None
        self._slowest: float | None = None
        self._fingerprint = ""
        self._place: Place | None = None
        self._outgrown: list[int] = []  # bytes of the processes that were replaced

    def prepare(self) -> None:
        self._started()

    def notes(self) -> tuple[str, ...]:
        told = []
        if self._outgrown:
            size, times = max(self._outgrown) / GIBIBYTE, len(self._outgrown)
            told.append(f"its process grew to {size:.1f} GiB and was started anew, {times} x: a leak?")
        if self.waited() > TALK_SECONDS:
            told.append(f"its first calls took {self.waited():.0f} s, which are no time of the campaign")
        return tuple(told)

    def waited(self) -> float:
        return self._first_calls.waited

    def out_of_patience(self) -> str | None:
        return self._first_calls.exhausted()

    def fingerprint(self) -> str:
        return self._fingerprint

    def place(self) -> Place | None:
        return self._place

    def refuses(self, case: Case) -> str | None:
        return self.inner.refuses(case)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _started(self) -> Process:
        """The worker, ready; started anew after a crash."""
        if self._process is not None:
            return self._process
        check_platform()
        process = Process(self.name, self._device, self.limits)
        try:
            if not process.connection.poll(PREPARE_SECONDS * self._patience):
                process.kill()
                raise TargetUnavailable(f"{self.name} was not imported within {PREPARE_SECONDS:g} s")
            message, _ = receive(process.connection)
        except (EOFError, ConnectionError) as error:
            words = process.last_words()
            raise TargetUnavailable(f"importing {self.name} {process.end()}: {words}") from error
        if "unavailable" in message:
            process.kill()
            raise (TargetMisnamed if message["misnamed"] else TargetUnavailable)(message["unavailable"])
        self._first_calls.forget()
        self._process, self._fingerprint = process, str(message["fingerprint"])
        self._place = Place(*message["place"]) if message["place"] else None
        self.limits = self.inner.limits = limits_of(message["limits"])
        if message["shards"]:
            self.takes_shards, self.claims = True, with_shards(self.claims)
        return process

    def _ordinary_limit(self, usual: float) -> float:
        """Seconds that a call may take, whose shape was answered before. usual: what such a call takes of a
        slow function."""
        low, high = CALL_SECONDS
        slowest = high if self._slowest is None else self._slowest
        return min(high, max(low, PATIENCE * slowest)) * self._patience + SLACK * usual

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        return self._asked(case, poison)

    def replay_graph(self, case: Case) -> Answer:
        return self._asked(case, POISONS[0], graph=True)

    def _asked(self, case: Case, poison: int, graph: bool = False) -> Answer:
        try:
            process = self._started()
        except TargetUnavailable as error:
            raise TargetFailure("crash", f"does not start again: {error}") from error
        began, shape = time.monotonic(), (case.rows, case.columns, case.k, graph)
        usual = usual_seconds(case.rows, case.columns)
        try:
            send_case(process.connection, case, poison, graph)
            self._await(process.connection, shape, usual)
            message, arrays = receive(process.connection)
        except (EOFError, ConnectionError) as error:
            words = process.last_words()
            ended = process.end()
            self._process = None
            raise TargetFailure("crash", ended + (f": {words}" if words else ""), fatal=True) from error
        if "not taken" not in message:
            self._count(shape, time.monotonic() - began, usual)
        resident = int(message.get("resident", 0))
        if resident > MOST_RESIDENT_BYTES:
            self._outgrown.append(resident)
            self.close()
        if message.get("lost"):
            self.close()
        return answer_of(message, arrays)

    def _await(self, connection: Connection, shape: Hashable, usual: float) -> None:
        """Returns once the worker answers, or is gone. TargetFailure for a hang; NotTaken where no more first
        calls are waited for."""
        ordinary = self._ordinary_limit(usual)
        limit = self._first_calls.limit(shape, ordinary, empty=usual == 0.0)
        if connection.poll(min(limit, TALK_SECONDS)):
            return
        if limit > max(ordinary, TALK_SECONDS):
            LOG.warning(
                "%s: the first call of a shape takes more than %g s; it has %.0f s (--patience)",
                self.name,
                TALK_SECONDS,
                limit,
            )
        if connection.poll(max(0.0, limit - TALK_SECONDS)):
            return
        self.close()
        if not self._first_calls.unanswered(shape, limit, ordinary):
            raise NotTaken(f"no answer yet, and {self.out_of_patience()}")
        raise TargetFailure("hang", f"no answer within {limit:.1f} s", fatal=True)

    def _count(self, shape: Hashable, seconds: float, usual: float) -> None:
        """Counts an answered call. What a first call took longer than others is no measure of the others."""
        first = self._first_calls.waited
        self._first_calls.answered(shape, seconds, usual)
        if self._first_calls.waited <= first:
            self._slowest = max(self._slowest or 0.0, seconds)
