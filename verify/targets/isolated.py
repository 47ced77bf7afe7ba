"""A target in a process of its own, under a watchdog: a hang or a crash is a verdict about one case."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Hashable
from multiprocessing.connection import Connection

from ..cases.case import Case
from ..properties import with_shards
from ..start import Started
from .call_log import CallLog
from .first_calls import FirstCalls, usual_seconds
from .limits import limits_of
from .process import Process
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
from .user_frame import last_words, less_noise
from .wire import answer_of, receive, send_case

PREPARE_SECONDS = 300.0  # importing an engine and compiling its kernels
TALK_SECONDS = 10.0  # of waiting for a first call before a line says so
CALL_SECONDS = (2.0, 20.0)  # the least and the most that the watchdog gives a later call:
PATIENCE = 100.0  # so many times the slowest answered one;
SLACK = 5.0  # and so many times what calls of many rows or columns take
MOST_RESIDENT_BYTES = 4 << 30  # a process that has grown to this is replaced
GIBIBYTE = 1 << 30
LOG = logging.getLogger(__name__)


def check_platform() -> None:
    """TargetUnavailable where a process cannot be given a connection and a limit of memory."""
    try:
        importlib.import_module("resource")
    except ImportError as error:
        raise TargetUnavailable(
            f"a target has a process of its own, which needs Linux or another Unix; this is {sys.platform}"
        ) from error


class IsolatedTarget(Target):
    """inner: tells name, claims and limits here; its copy in the worker does the work, and tells what limits
    the function's attributes add."""

    def __init__(
        self,
        inner: Target,
        device: str = "cpu",
        patience: float = 1.0,
        first_calls: FirstCalls | None = None,
        started: Started | None = None,
    ) -> None:
        """patience: scales the watchdog's limits of calls. first_calls: the patience with these. started:
        its first worker, if that is on its way already."""
        self._worker = started
        self.inner = inner
        self.name, self.claims, self.limits = inner.name, inner.claims, inner.limits
        self.on_gpu = inner.on_gpu
        self._first_calls = first_calls or FirstCalls()
        self._device = device
        self._patience = patience
        self._process: Process | None = None
        self._slowest: float | None = None
        self._fingerprint = ""
        self._calls = CallLog()
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

    @property
    def renews(self) -> bool:
        return self._process is not None and self._process.copies and not self.waited()

    def renew(self) -> None:
        if self._process is not None and not self._process.renew():
            self._process = None
        self._calls.clear()
        self._first_calls.forget()

    def earlier_calls(self) -> tuple[Case, ...]:
        return self._calls.kept()

    def _started(self) -> Process:
        """The worker, ready; started anew after a crash."""
        if self._process is not None:
            return self._process
        check_platform()
        process = Process(self.name, self._device, self.limits, self._worker)
        self._worker = None
        try:
            message = process.prepared(PREPARE_SECONDS)
        except (EOFError, ConnectionError) as error:
            words, printed = process.ended()[0], process.printed()
            last = printed.splitlines()[-1] if printed else ""
            raise TargetUnavailable(f"importing {self.name} {words}: {last}") from error
        if message is None:
            process.kill()
            raise TargetUnavailable(f"{self.name} was not imported within {PREPARE_SECONDS:g} s")
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
        process.forget_printed()
        self._calls.add(case)
        try:
            connection = process.connection()
            send_case(connection, case, poison, graph)
            self._await(connection, shape, usual)
            message, arrays = receive(connection)
        except (EOFError, ConnectionError) as error:
            raise self._crashed(process) from error
        if "not taken" not in message:
            self._count(shape, time.monotonic() - began, usual)
        resident = int(message.get("resident", 0))
        if resident > MOST_RESIDENT_BYTES:
            self._outgrown.append(resident)
        if resident > MOST_RESIDENT_BYTES or message.get("lost"):
            self.renew()
        return answer_of(message, arrays, process.printed())

    def _crashed(self, process: Process) -> TargetFailure:
        """The verdict on a call that cost the process."""
        ended, again = process.ended()
        printed = process.printed()
        if not again:
            self._process = None
        self._calls.clear()
        self._first_calls.forget()
        words = last_words(printed)
        return TargetFailure(
            "crash", ended + (f": {words}" if words else ""), fatal=True, printed=less_noise(printed)
        )

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
        printed = "" if self._process is None else self._process.printed()
        self.renew()
        if not self._first_calls.unanswered(shape, limit, ordinary):
            raise NotTaken(f"no answer yet, and {self.out_of_patience()}")
        raise TargetFailure("hang", f"no answer within {limit:.1f} s", fatal=True, printed=printed)

    def _count(self, shape: Hashable, seconds: float, usual: float) -> None:
        """Counts an answered call. What a first call took longer than others is no measure of the others."""
        first = self._first_calls.waited
        self._first_calls.answered(shape, seconds, usual)
        if self._first_calls.waited <= first:
            self._slowest = max(self._slowest or 0.0, seconds)
