"""First calls may compile a kernel: patience of their own, no time of the campaign, and a limit to both."""

from __future__ import annotations

from pathlib import Path

import limited_topk
import pytest

from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import FirstCalls, NotTaken, Target, TargetFailure, isolated
from persistent_topk.verify.targets import first_calls as module
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from persistent_topk.verify.targets.target import POISONS

ORDINARY = 2.0
NAME = "limited_topk:compiles"
QUICK_WATCHDOG = 0.02  # scales the ordinary limits: 0.4 s for a call


def case_of(columns: int) -> Case:
    return lay_out([bits_of(1.0).repeat(columns)], 1)


def campaign(target: Target, folder: Path, cases: int) -> Outcome:
    options = Options(seconds=None, cases=cases, failures=folder, families=("contents",))
    return Campaign([target], options).run()


def test_a_shape_has_patience_once() -> None:
    calls = FirstCalls(patience=400.0)
    assert 400.0 == calls.limit("shape", ORDINARY)
    calls.answered("shape", 70.0)
    assert ORDINARY == calls.limit("shape", ORDINARY)
    assert 400.0 == calls.limit("other", ORDINARY)
    calls.forget()
    assert 400.0 == calls.limit("shape", ORDINARY), "a new process compiles again"


def test_what_counts_is_how_much_longer_the_first_call_takes_than_the_second() -> None:
    calls = FirstCalls()
    calls.answered("compiled", 70.0)
    calls.answered("slow", 30.0)
    calls.answered("quick", module.SLOW)
    assert 100.0 == calls.waited
    for shape, seconds in (("compiled", 0.5), ("slow", 31.0), ("slow", 31.0), ("quick", 1.0)):
        calls.answered(shape, seconds)
    assert 69.5 == calls.waited


def test_a_target_that_never_compiled_is_not_waited_for_as_long() -> None:
    calls = FirstCalls()
    for shape in range(module.SHAPES):
        calls.answered(shape, 0.1)
    assert module.SURPRISE == calls.limit("new", ORDINARY)
    calls.answered("new", 20.0)
    assert module.PATIENCE == calls.limit("newer", ORDINARY)


def test_what_rows_and_logits_usually_take_is_no_compiling() -> None:
    calls, usual = FirstCalls(), module.usual_seconds(65536, 9)
    calls.answered("tall", usual, usual)
    assert 0.0 == calls.waited
    calls.answered("taller", usual + 2.0, usual)
    assert usual + 2.0 == calls.waited


def test_a_target_that_is_slow_in_later_calls_too_compiles_nothing() -> None:
    calls, usual = FirstCalls(), module.usual_seconds(64, 100)
    for _ in range(2):
        calls.answered("small", 10 * usual, usual)
    calls.answered("tall", 1000 * usual, 100 * usual)
    assert 0.0 == calls.waited
    calls.answered("taller", 1000 * usual + 2 * module.SLOW, 100 * usual)
    assert calls.waited > 0.0


def test_an_empty_call_is_not_waited_for_once_others_were_quick() -> None:
    calls = FirstCalls()
    assert module.PATIENCE == calls.limit("empty", ORDINARY, empty=True)
    for shape in range(module.SHAPES):
        calls.answered(shape, 0.1)
    assert ORDINARY == calls.limit("empty", ORDINARY, empty=True)


def test_after_a_hang_first_calls_are_calls_like_others() -> None:
    calls = FirstCalls()
    assert calls.unanswered("shape", module.PATIENCE, ORDINARY)
    assert ORDINARY == calls.limit("other", ORDINARY)


def test_the_total_ends_and_then_nothing_is_called_a_hang() -> None:
    calls = FirstCalls(patience=400.0, total=600.0)
    calls.answered("first", 390.0)
    assert 210.0 == calls.limit("second", ORDINARY)
    assert calls.exhausted() is None
    assert not calls.unanswered("second", 210.0, ORDINARY)
    calls.answered("third", 5.0)
    assert "603 s, and they have 600 s (--total-patience)" in str(calls.exhausted())


def test_a_slow_first_call_is_no_hang() -> None:
    """Not within the watchdog's ordinary limit, and an answer all the same."""
    target = IsolatedTarget(FunctionTarget(NAME), patience=QUICK_WATCHDOG)
    target.prepare()
    assert [[0]] == target.call(case_of(3), POISONS[0], "").indices.tolist()
    assert limited_topk.COMPILE_SECONDS <= target.waited() < 60.0
    assert [[0]] == target.call(case_of(3), POISONS[0], "").indices.tolist()
    target.close()


def test_a_first_call_beyond_its_patience_is_a_hang() -> None:
    target = IsolatedTarget(FunctionTarget(NAME), patience=QUICK_WATCHDOG, first_calls=FirstCalls(0.5))
    target.prepare()
    with pytest.raises(TargetFailure, match="hang: no answer within 0.5 s"):
        target.call(case_of(3), POISONS[0], "")
    target.close()


def test_a_first_call_that_nobody_waits_for_any_more_is_not_taken() -> None:
    target = IsolatedTarget(FunctionTarget(NAME), patience=QUICK_WATCHDOG, first_calls=FirstCalls(9.0, 0.5))
    target.prepare()
    with pytest.raises(NotTaken, match="no answer yet"):
        target.call(case_of(3), POISONS[0], "")
    target.close()


def test_a_wait_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "TALK_SECONDS", 0.5)
    target = IsolatedTarget(FunctionTarget(NAME), patience=QUICK_WATCHDOG)
    target.prepare()
    target.call(case_of(5), POISONS[0], "")
    target.close()
    words = "the first call of a shape takes more than 0.5 s; it has 400 s (--patience)"
    assert f"{NAME}: {words}" in caplog.text
    assert any("which are no time of the campaign" in note for note in target.notes())


@pytest.mark.parametrize("is_isolated", [True, False])
def test_compiling_is_no_time_of_the_campaign(is_isolated: bool, tmp_path: Path) -> None:
    inner = FunctionTarget(NAME, None if is_isolated else limited_topk.compiles)
    target = IsolatedTarget(inner, patience=QUICK_WATCHDOG) if is_isolated else inner
    target.prepare()
    limited_topk._compiled.clear()
    outcome = campaign(target, tmp_path, 2)
    target.close()
    assert [] == outcome.targets[NAME].failing()
    assert target.waited() > limited_topk.COMPILE_SECONDS
    assert outcome.seconds < target.waited()


def test_a_campaign_out_of_patience_is_not_complete(tmp_path: Path) -> None:
    target = FunctionTarget("mine", limited_topk.compiles, first_calls=FirstCalls(total=1.0))
    target.prepare()
    limited_topk._compiled.clear()
    outcome = campaign(target, tmp_path, 50)
    assert outcome.coverage.cases < 50
    assert ExitCode.INCOMPLETE == outcome.exit_code
    assert "mine: its first calls took" in outcome.missing_in_words()
