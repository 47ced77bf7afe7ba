"""A campaign against a callable of this process: its outcome, or an assertion error that describes what
broke."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ..verify.campaign.campaign import Campaign, Options
from ..verify.campaign.outcome import Outcome
from ..verify.properties import parse_claim
from ..verify.reporting.story import stories_of
from ..verify.settings import check_seconds
from ..verify.targets.function import FunctionTarget, check_signature
from ..verify.targets.limits import limits_of
from ..verify.targets.target import TargetMisnamed

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

FAILURES = Path("topk-failures")


class Limits(TypedDict, total=False):
    """What calls a function takes, each over an attribute of that name which the function may have.

    max_rows, max_columns, max_k: of one call. ks: the values of k. stride_multiple: row strides and offsets
    are multiples of it, in elements. contiguous: rows lie end to end. dtype: of the logits, "float32",
    "bfloat16" or "float16", or torch's own, or several. padding: what it writes behind the last column, -1 by
    default. takes: arguments of a whole call that its signature does not tell, or "values".
    """

    max_rows: int
    max_columns: int
    max_k: int
    ks: Sequence[int]
    stride_multiple: int
    contiguous: bool
    dtype: str | torch.dtype | Sequence[str | torch.dtype]
    padding: int
    takes: str | Sequence[str]


def check(
    function: Callable[..., Any],
    claim: str = "set",
    seconds: float = 5.0,
    *,
    cases: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    failures: str | Path = FAILURES,
    **limits: Unpack[Limits],
) -> Outcome:
    """Puts a function through the checker in this process and returns what was found.

    function: any callable (logits, lengths, k) -> indices, closures and objects too; logits are float32
    [R, S], or of the limit dtype, lengths int32 [R], indices int32 or int64 [R, k]. A hang or a crash of it
    is one of this process. claim: what it promises, as for `verify --claim`. seconds: the time budget, but
    for slow first calls of a shape. cases: their number, in place of a time. seed: of all random choices.
    device: where the tensors are put, "cpu" or "cuda". failures: the folder for replay files, made when
    something fails. limits: see Limits.

    Raises TypeError for a callable that does not take such arguments and for a name that is no limit's,
    ValueError for a claim, a time, a seed, a device or a limit's value that cannot be, TargetUnavailable for
    a device that is not here, KeyboardInterrupt when interrupted.
    """
    check_seconds(seconds)
    if seed < 0 or (cases is not None and cases < 1):
        raise ValueError(f"seed is {seed}, cases {cases}; expected a seed of 0 or more and at least one case")
    target = _target(function, claim, device, limits)
    options = Options(
        seed=seed,
        seconds=None if cases else seconds,
        cases=cases,
        ks=target.ks or (),
        failures=Path(failures),
    )
    outcome = Campaign([target], options).run()
    if outcome.interrupted:
        raise KeyboardInterrupt
    return outcome


def _target(
    function: Callable[..., Any], claim: str, device: str, limits: Mapping[str, Any]
) -> FunctionTarget:
    name = name_of(function)
    try:
        check_signature(name, function)
    except TargetMisnamed as error:
        raise TypeError(str(error)) from error
    target = FunctionTarget(name, function, parse_claim(claim), device, limits_of(limits))
    try:
        target.prepare()
    except TargetMisnamed as error:
        raise ValueError(str(error)) from error
    return target


def assert_topk(
    function: Callable[..., Any],
    claim: str = "set",
    seconds: float = 5.0,
    *,
    cases: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    failures: str | Path = FAILURES,
    **limits: Unpack[Limits],
) -> None:
    """Asserts that a function keeps what it claims; arguments and other errors are those of `check`.

    function: (logits, lengths, k) -> indices; logits are float32 [R, S], or of the limit dtype, lengths
    int32 [R], indices int32 or int64 [R, k]. claim, seconds, cases, seed, device, failures, limits: see
    `check`. Raises AssertionError with the story of each broken promise, or with what was not judged;
    TypeError, ValueError, TargetUnavailable and KeyboardInterrupt as `check` does.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    outcome = check(
        function, claim, seconds, cases=cases, seed=seed, device=device, failures=failures, **limits
    )
    if outcome.verdict != "agree":
        raise AssertionError(story(outcome))


def story(outcome: Outcome) -> str:
    """Why an outcome's verdict is no agreement, in lines of text."""
    stories = [found for target in outcome.targets.values() for found in stories_of(target)]
    lines = [line for found in stories for line in (found.title, *(f"  {line}" for line in found.lines()))]
    lines += [] if stories else [f"{outcome.verdict}: {outcome.missing_in_words()}"]
    refused = [target for target in outcome.targets.values() if target.refused]
    lines += [f"{target.name} does not take {target.refused} cases: {target.refusal}" for target in refused]
    return "\n".join((*lines, f"seed {outcome.seed}, {outcome.coverage.cases} cases"))


def name_of(function: Callable[..., Any]) -> str:
    """module:function of a callable. If it can be imported under that name, `replay` finds it."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}:{name}"
