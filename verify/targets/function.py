"""Any Python callable `(logits, lengths, k) -> indices` as a target."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...cuda.cache import digest
from ...reference.layout import Layout
from ..cases.asking import VALUES
from ..cases.case import Case
from ..properties import CLAIMS, with_shards
from .first_calls import FirstCalls, usual_seconds
from .given import Given, given_of
from .graph import at_once, decoy_of, replayed
from .limits import TargetLimits, stated_by
from .poisoned import poisoned_memory
from .results import answer_in, indices_in, indices_of
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
from .user_frame import where, whole
from .user_module import imported

LONGEST_LINE = 300  # characters of an error's message that are told

Function = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]  # of a plain call


def load_function(spec: str) -> Callable[..., torch.Tensor]:
    """The callable that "package.module:function" names, looked up from the working folder too.

    Raises TargetUnavailable that says which part was not found.
    """
    module_name, _, function_name = spec.partition(":")
    if not module_name or not function_name:
        raise TargetMisnamed(f"target is {spec!r}; expected module:function or the name of an adapter")
    try:
        found: object = imported(module_name)
    except BaseException as error:  # importing runs the user's code, which may raise or exit
        if isinstance(error, KeyboardInterrupt):
            raise
        raise TargetUnavailable(f"module {module_name!r}: {in_a_line(error)}") from error
    for part in function_name.split("."):
        if not hasattr(found, part):
            raise TargetMisnamed(f"module {module_name!r} has no {function_name!r}")
        found = getattr(found, part)
    if not callable(found):
        raise TargetMisnamed(f"{spec} is of type {type(found).__name__}; expected a function")
    check_signature(spec, found)
    return found


def takes_shards(function: Callable[..., object]) -> bool:
    """Whether a function is one of (shards, lengths, k, block): its first parameter's name says so."""
    try:
        return next(iter(inspect.signature(function).parameters), "") == "shards"
    except ValueError:  # a builtin that does not tell its signature
        return False


def check_signature(spec: str, function: Callable[..., object]) -> None:
    """TargetMisnamed for a function that cannot be called as a top-k. spec: what messages call it."""
    try:
        inspect.signature(function).bind(*(None, None, 1, None)[: 4 if takes_shards(function) else 3])
    except TypeError as error:
        raise TargetMisnamed(
            f"{spec}{inspect.signature(function)} cannot be called as (logits, lengths, k), nor as "
            f"(shards, lengths, k, block): {error}"
        ) from error
    except ValueError:
        return  # a builtin that does not tell its signature


def check_device(device: str) -> None:
    """TargetMisnamed for what is no CPU or CUDA device, TargetUnavailable for one that is not here."""
    try:
        found = torch.device(device)
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise TargetMisnamed(f"device is {device!r}; expected cpu, cuda, or cuda:0 and so on")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise TargetUnavailable(f"device {device}: torch finds {torch.cuda.device_count()} GPUs here")


def in_a_line(error: BaseException) -> str:
    """An exception's type and the first line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:LONGEST_LINE]


class FunctionTarget(Target):
    """device: where the tensors are put. limits: those stated, over what the function's attributes state.
    The callable runs in this process; IsolatedTarget wraps it."""

    def __init__(
        self,
        name: str,
        function: Callable[..., torch.Tensor] | None = None,
        claims: frozenset[str] = CLAIMS["contract"],
        device: str = "cpu",
        limits: TargetLimits | None = None,
        first_calls: FirstCalls | None = None,
    ) -> None:
        self.name = name
        self.claims = claims
        self.device = device
        self.on_gpu = device != "cpu"
        self.limits = limits or TargetLimits()
        self._first_calls = first_calls or FirstCalls()
        self._function: Callable[..., torch.Tensor] | None = None
        if function is not None:
            self._take(function)

    def prepare(self) -> None:
        """Loads the function. Raises TargetUnavailable where that fails or its device is not here,
        TargetMisnamed for another name or device, or attributes that state no limits."""
        check_device(self.device)
        if self._function is None:
            self._take(load_function(self.name))
        try:
            self.limits = self.limits.over(stated_by(self._function, f"{self.name}."))
        except ValueError as error:
            raise TargetMisnamed(str(error)) from error

    def _take(self, function: Callable[..., torch.Tensor]) -> None:
        self._function = function
        if takes_shards(function):
            self.takes_shards, self.claims = True, with_shards(self.claims)

    def waited(self) -> float:
        return self._first_calls.waited

    def out_of_patience(self) -> str | None:
        return self._first_calls.exhausted()

    def fingerprint(self) -> str:
        """The hash of the file that the function is written in."""
        try:
            source = inspect.getsourcefile(inspect.unwrap(self._function)) if self._function else None
        except TypeError:  # builtins have none
            source = None
        return f"source {digest([Path(source)])}" if source else ""

    def place(self) -> Place | None:
        """Where the function is written, or the class of a callable object."""
        found = inspect.unwrap(self._function) if self._function else None
        for source in (found, type(found)):
            try:
                file = inspect.getsourcefile(source)  # type: ignore[arg-type]
                line = inspect.getsourcelines(source)[1]  # type: ignore[arg-type]
            except (TypeError, OSError):  # a builtin, or what was typed at a prompt
                continue
            if file is not None:
                return Place(str(Path(file).resolve()), max(1, line))
        return None

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        given = self._given(case)
        call = self._call_of(given)
        began = time.monotonic()
        try:
            with poisoned_memory(case.rows, case.k, poison, self.device):
                found = self._found(call, poison)
            if self.on_gpu:
                torch.cuda.synchronize(self.device)  # where a kernel's illegal access is told
        except NotImplementedError as error:
            raise NotTaken(in_a_line(error)) from error
        except Exception as error:
            assert self._function is not None
            frame = where(error, inspect.unwrap(self._function))
            words = f"{in_a_line(error)} ({frame})" if frame else in_a_line(error)
            raise TargetFailure("raised", words, traceback=whole(error)) from error
        except SystemExit as error:
            raise TargetFailure("exit", f"called exit({error.code})") from error
        usual = usual_seconds(case.rows, case.columns)
        self._first_calls.answered((case.rows, case.columns, case.k), time.monotonic() - began, usual)
        answer = answer_in(found, case, given.logits.device, VALUES in (self.limits.takes or ()))
        return replace(answer, damage=given.changed())

    def replay_graph(self, case: Case) -> Answer:
        given = self._given(case)
        call, counted = self._call_of(given), given.counted
        wanted = None if counted is None else counted.clone()

        def set_lengths(lengths: torch.Tensor | None) -> None:
            if counted is not None and lengths is not None:
                counted.copy_(lengths)

        found = replayed(
            lambda: indices_of(call()),
            lambda: set_lengths(None if wanted is None else decoy_of(wanted)),
            lambda: set_lengths(wanted),
        )
        return Answer(indices_in(found, case.rows, case.k, given.logits.device))

    def _call_of(self, given: Given) -> Callable[[], object]:
        """The call of what is given, the shards cut as the case says."""
        function, case = self._function, given.case
        assert function is not None, "prepare() comes first"
        if not self.takes_shards:
            return lambda: function(given.logits, given.lengths, case.k, **given.options)
        cut = case.cut or Layout((case.columns,))
        return lambda: function(cut.cut(given.logits), given.lengths, case.k, cut.block)

    def _found(self, call: Callable[[], object], poison: int) -> object:
        """One call; on a GPU the second of two that are compared is made beside a third, on two streams."""
        return call() if not self.on_gpu or poison == POISONS[0] else at_once([call] * 2)[0]

    def _given(self, case: Case) -> Given:
        """The case's tensors, of the target's dtype and on its device."""
        return given_of(case, self.device, self.limits.dtype_for(case))
