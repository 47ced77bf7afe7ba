"""Any Python callable `(logits, lengths, k) -> indices` as a target."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ...cuda.cache import digest
from ...reference.layout import Layout
from ..cases.case import Case
from ..properties import CLAIMS, with_shards
from .graph import at_once, decoy_of, replayed
from .target import POISONS, Answer, Schedule, Target, TargetFailure, TargetMisnamed, TargetUnavailable
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
    _check_signature(spec, found)
    return found


def takes_shards(function: Callable[..., object]) -> bool:
    """Whether a function is one of (shards, lengths, k, block): its first parameter's name says so."""
    try:
        return next(iter(inspect.signature(function).parameters), "") == "shards"
    except ValueError:  # a builtin that does not tell its signature
        return False


def _check_signature(spec: str, function: Callable[..., object]) -> None:
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


def poison_allocator(rows: int, k: int, poison: int) -> None:
    """Leaves `poison` in the memory that the next output of this size is likely to be given, so that a
    target which leaves slots unwritten does not find zeros there."""
    for dtype in (torch.int32, torch.int64):
        torch.full((rows, k), poison, dtype=dtype, device="cpu")


def check_answer(found: object, rows: int, k: int, device: torch.device) -> np.ndarray:
    """int64 [rows, k] of what a target returned; TargetFailure where it is something else, or elsewhere
    than its logits."""
    if not isinstance(found, torch.Tensor):
        raise TargetFailure("wrong type", f"returned {type(found).__name__}; expected a torch.Tensor")
    if found.dtype not in (torch.int32, torch.int64):
        raise TargetFailure("wrong dtype", f"returned {found.dtype}; expected torch.int32 or torch.int64")
    if tuple(found.shape) != (rows, k):
        raise TargetFailure("wrong shape", f"returned shape {list(found.shape)}; expected [{rows}, {k}]")
    if found.device.type != device.type:
        raise TargetFailure("wrong device", f"returned a tensor on {found.device}; expected {device}")
    return found.detach().cpu().numpy().astype(np.int64)


class FunctionTarget(Target):
    """device: where the tensors are put. The callable runs in this process; IsolatedTarget wraps it."""

    def __init__(
        self,
        name: str,
        function: Callable[..., torch.Tensor] | None = None,
        claims: frozenset[str] = CLAIMS["contract"],
        device: str = "cpu",
    ) -> None:
        self.name = name
        self.claims = claims
        self.device = device
        self.on_gpu = device != "cpu"
        self._function: Callable[..., torch.Tensor] | None = None
        if function is not None:
            self._take(function)

    def prepare(self) -> None:
        check_device(self.device)
        if self._function is None:
            self._take(load_function(self.name))

    def _take(self, function: Callable[..., torch.Tensor]) -> None:
        self._function = function
        if takes_shards(function):
            self.takes_shards, self.claims = True, with_shards(self.claims)

    def fingerprint(self) -> str:
        """The hash of the file that the function is written in."""
        try:
            source = inspect.getsourcefile(inspect.unwrap(self._function)) if self._function else None
        except TypeError:  # builtins have none
            source = None
        return f"source {digest([Path(source)])}" if source else ""

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        function = self._function_of(case)
        poison_allocator(case.rows, case.k, poison)
        logits, lengths, storage = self._given(case)
        try:
            found = self._answer(function, logits, lengths, case.k, poison)
            if self.on_gpu:
                torch.cuda.synchronize(self.device)  # where a kernel's illegal access is told
        except Exception as error:
            raise TargetFailure("raised", in_a_line(error)) from error
        except SystemExit as error:
            raise TargetFailure("exit", f"called exit({error.code})") from error
        indices = check_answer(found, case.rows, case.k, logits.device)
        damage = None
        if self.on_gpu and not torch.equal(storage.cpu().view(torch.int32), case.storage.view(torch.int32)):
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
        return Answer(check_answer(found, case.rows, case.k, logits.device))

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
        """(logits, lengths, storage) on the target's device, laid out as in the case."""
        if not self.on_gpu:
            return case.logits, case.lengths, case.storage
        storage = case.storage.to(self.device)
        shape = (case.rows, case.columns)
        logits = torch.as_strided(storage, shape, (case.row_stride, 1), case.offset)
        return logits, case.lengths.to(self.device), storage
