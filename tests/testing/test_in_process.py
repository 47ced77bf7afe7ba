"""check and assert_topk: a callable of this process is put through the checker, and its story told."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bad_topk
import limited_topk
import pytest
import torch
import wrong_topk

from persistent_topk import testing
from persistent_topk.testing import Outcome, assert_topk, check
from persistent_topk.testing.in_process import name_of, story
from persistent_topk.verify.campaign import budget
from persistent_topk.verify.campaign.campaign import FEWEST_CASES
from persistent_topk.verify.failures.replay import load
from persistent_topk.verify.targets import TargetUnavailable

CASES = 30  # enough for every promise to be judged


@pytest.fixture(autouse=True)
def nothing_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SHRINK_SECONDS", 0.0)


def built(select: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def kernel(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        return select(logits, lengths, k)

    return kernel


class Kernel:
    def __call__(self, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        return limited_topk.right(logits, lengths, k)


@pytest.mark.parametrize(
    "function",
    [built(limited_topk.right), Kernel(), partial(limited_topk.right)],
    ids=["closure", "object", "partial"],
)
def test_any_callable_that_is_right_agrees(function: Callable[..., torch.Tensor], tmp_path: Path) -> None:
    outcome = check(function, "contract", cases=CASES, failures=tmp_path)
    assert isinstance(outcome, Outcome)
    assert "agree" == outcome.verdict, story(outcome)
    assert not list(tmp_path.iterdir())


def test_a_mistake_is_an_assertion_with_its_story(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as found:
        assert_topk(built(wrong_topk.padding_zero), cases=CASES, seed=5, failures=tmp_path)
    lines = str(found.value).splitlines()
    assert lines[0].endswith("kernel breaks padding") and lines[-1].startswith("seed 5, ")
    assert any(line.startswith("  case: ") for line in lines)
    (replay,) = [line for line in lines if line.startswith("  replay: ") and "padding" in line]
    assert "padding" == load(Path(replay.split()[-1])).promise


def test_what_is_not_claimed_fails_nothing(tmp_path: Path) -> None:
    assert_topk(wrong_topk.correct_set, cases=CASES, failures=tmp_path)
    with pytest.raises(AssertionError, match="breaks ascending-order"):
        assert_topk(wrong_topk.correct_set, "ascending-order", cases=CASES, failures=tmp_path)


def test_too_few_cases_are_no_agreement(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no case judged it"):
        assert_topk(limited_topk.right, "contract", cases=1, failures=tmp_path)


def test_a_set_is_judged_in_the_default_time(tmp_path: Path) -> None:
    """In time of the processor, which other programs do not use up."""
    began = time.process_time()
    assert_topk(limited_topk.right, cases=FEWEST_CASES, failures=tmp_path)
    assert time.process_time() - began < inspect.signature(assert_topk).parameters["seconds"].default


def test_limits_are_arguments(tmp_path: Path) -> None:
    limits = {"dtype": torch.bfloat16, "max_rows": 9}
    outcome = check(limited_topk.bfloat16_alone, cases=CASES, failures=tmp_path, **limits)  # type: ignore[arg-type]
    (target,) = outcome.targets.values()
    assert [] == target.failing() and "at most 9 rows" == target.refusal


def test_cases_that_are_not_taken_are_told(tmp_path: Path) -> None:
    words = "does not take 30 cases: NotImplementedError: not on this machine"
    with pytest.raises(AssertionError, match=words):
        assert_topk(limited_topk.takes_nothing, cases=30, failures=tmp_path)


def test_attributes_state_limits(tmp_path: Path) -> None:
    assert_topk(limited_topk.asserts_its_limits, cases=CASES, failures=tmp_path)


@pytest.mark.parametrize(
    ("function", "arguments", "error", "words"),
    [
        (bad_topk.two_arguments, {}, TypeError, "cannot be called as (logits, lengths, k)"),
        (limited_topk.right, {"most": 1}, TypeError, "most is no limit"),
        (limited_topk.right, {"max_k": 0}, ValueError, "max_k is 0; expected"),
        (limited_topk.right, {"claim": "speed"}, ValueError, "claim is 'speed'; expected"),
        (limited_topk.right, {"seconds": 0}, ValueError, "0; expected a number of seconds above 0"),
        (limited_topk.right, {"seed": -1}, ValueError, "seed is -1"),
        (limited_topk.right, {"cases": 0}, ValueError, "cases 0; expected"),
        (limited_topk.right, {"device": "gpu7"}, ValueError, "device is 'gpu7'; expected"),
        (limited_topk.misstated, {}, ValueError, "misstated.max_rows is 'many'"),
    ],
)
def test_arguments_that_cannot_be_are_told(
    function: Callable[..., torch.Tensor], arguments: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as found:
        check(function, **arguments)  # type: ignore[arg-type]
    assert words in str(found.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_here_is_told() -> None:
    with pytest.raises(TargetUnavailable, match="torch finds 0 GPUs"):
        check(limited_topk.right, device="cuda")


def test_an_interrupt_reaches_the_caller(tmp_path: Path) -> None:
    def interrupted(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted, cases=3, failures=tmp_path)


def test_names_are_those_by_which_replay_finds_a_function() -> None:
    assert "limited_topk:right" == name_of(limited_topk.right)
    assert f"{__name__}:Kernel" == name_of(Kernel())
    assert "functools:partial" == name_of(partial(limited_topk.right))


def test_nothing_else_is_offered() -> None:
    assert {"Limits", "Outcome", "assert_topk", "check"} == set(testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        testing.nothing  # noqa: B018
