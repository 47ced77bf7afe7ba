"""Any Python callable `(logits, lengths, k) -> indices` as a target."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ...cuda.cache import digest
from ...reference.layout import Layout
from ..cases.case import Case
from ..properties import CLAIMS, with_shards
from .first_calls import FirstCalls, usual_seconds
from .graph import at_once, decoy_of, replayed
from .limits import TargetLimits, stated_by
from .poisoned import poisoned_memory
from .results import indices_in
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

Function = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


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
        function = self._function_of(case)
        logits, lengths, storage = self._given(case)
        began = time.monotonic()
        try:
            with poisoned_memory(case.rows, case.k, poison, self.device):
                found = self._answer(function, logits, lengths, case.k, poison)
            if self.on_gpu:
                torch.cuda.synchronize(self.device)  # where a kernel's illegal access is told
        except NotImplementedError as error:
            raise NotTaken(in_a_line(error)) from error
        except Exception as error:
            frame = where(error, inspect.unwrap(function))
            words = f"{in_a_line(error)} ({frame})" if frame else in_a_line(error)
            raise TargetFailure("raised", words, traceback=whole(error)) from error
        except SystemExit as error:
            raise TargetFailure("exit", f"called exit({error.code})") from error
        usual = usual_seconds(case.rows, case.columns)
        self._first_calls.answered((case.rows, case.columns, case.k), time.monotonic() - began, usual)
        indices = indices_in(found, case.rows, case.k, logits.device)
        before = case.storage.to(storage.dtype)
        damage = None
        if storage is not case.storage and not torch.equal(
            storage.cpu().view(torch.uint8), before.view(torch.uint8)
        ):
            damage = "the logits were changed"
        elif self.on_gpu and not torch.equal(lengths.cpu(), case.lengths):
            damage = "the lengths were changed"
        return Answer(indices, None, damage)

    def replay_graph(self, case: Case) -> Answer:
        function = self._function_of(case)
        logits, lengths, _ = self._given(case)
        wanted, decoy = lengths.clone(), decoy_of(lengths)
        found = replayed(
            lambda: function(logits, lengths, case.k),
            lambda: lengths.copy_(decoy),
            lambda: lengths.copy_(wanted),
        )
        return Answer(indices_in(found, case.rows, case.k, logits.device))

    def _function_of(self, case: Case) -> Function:
        """The function as one of (logits, lengths, k), its shards cut as the case says."""
        function = self._function
        assert function is not None, "prepare() comes first"
        if not self.takes_shards:
            return function
        cut = case.cut or Layout((case.columns,))
        return lambda logits, lengths, k: function(cut.cut(logits), lengths, k, cut.block)

    def _answer(
        self, function: Function, logits: torch.Tensor, lengths: torch.Tensor, k: int, poison: int
    ) -> object:
        """One call; on a GPU the second of two that are compared is made beside a third, on two streams."""
        if not self.on_gpu or poison == POISONS[0]:
            return function(logits, lengths, k)
        return at_once([lambda: function(logits, lengths, k)] * 2)[0]

    def _given(self, case: Case) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(logits, lengths, storage) of the target's dtype and on its device, laid out as in the case."""
        storage = case.storage.to(self.device, self.limits.torch_dtype)
        shape = (case.rows, case.columns)
        logits = torch.as_strided(storage, shape, (case.row_stride, 1), case.offset)
        return logits, case.lengths.to(self.device), storage
