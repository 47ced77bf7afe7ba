"""Calls are answered by copies of one process: fresh ones cost no import, and what one left is told."""

from __future__ import annotations

import numpy as np
import pytest

from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets.call_log import FIRST, LATEST, MOST_BYTES, CallLog
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget
from persistent_topk.verify.targets.target import POISONS, Target, TargetFailure


def case_of(columns: int) -> Case:
    return lay_out([bits_of(np.arange(float(columns)))], 1)


pytestmark = pytest.mark.usefixtures("tests_are_importable")


def asked(target: Target, columns: int = 3) -> int:
    return int(target.call(case_of(columns), POISONS[0], "").indices[0, 0])


@pytest.mark.parametrize("isolated", ["tells_calls"], indirect=True)
def test_a_renewed_process_has_answered_nothing(isolated: IsolatedTarget) -> None:
    assert [asked(isolated) for _ in range(3)] == [1, 2, 3]
    assert len(isolated.earlier_calls()) == 3
    assert isolated.renews
    isolated.renew()
    assert isolated.earlier_calls() == ()
    assert [asked(isolated) for _ in range(2)] == [1, 2]


def test_a_function_of_this_process_cannot_be_renewed() -> None:
    assert not FunctionTarget("f", lambda logits, lengths, k: logits).renews


@pytest.mark.parametrize("isolated", ["faults"], indirect=True)
def test_a_crash_is_told_with_the_users_line_and_what_was_printed(isolated: IsolatedTarget) -> None:
    with pytest.raises(TargetFailure) as told:
        asked(isolated, 301)
    assert told.value.words.startswith("killed by SIGSEGV: at stateful_topk.py:")
    assert told.value.words.endswith("in faults: ctypes.string_at(0)")
    assert told.value.printed.startswith("launching")
    assert "Extension modules" not in told.value.printed and "worker.py" not in told.value.printed
    assert asked(isolated) == 2, "the next call is answered"


@pytest.mark.parametrize("isolated", ["raises_inside"], indirect=True)
def test_an_exception_is_told_with_the_last_of_the_users_frames(isolated: IsolatedTarget) -> None:
    with pytest.raises(TargetFailure) as told:
        asked(isolated, 301)
    assert "IndexError" in told.value.words and "at stateful_topk.py:" in told.value.words
    assert told.value.words.endswith("in _inside: return logits[:, 1 << 20])")
    assert told.value.printed == "looking at 301 columns"
    assert told.value.traceback.startswith("Traceback (most recent call last):")
    assert told.value.traceback.count("stateful_topk.py") == 2 and "worker.py" not in told.value.traceback
    assert isolated.call(case_of(3), POISONS[0], "").printed == "", "of another call"


@pytest.mark.parametrize("isolated", ["unwritten_rest"], indirect=True)
@pytest.mark.parametrize("poison", POISONS)
def test_memory_that_is_left_unwritten_is_recognised(isolated: IsolatedTarget, poison: int) -> None:
    for k in (1, 2, 3, 5, 1027):
        case = lay_out([bits_of(np.arange(2048.0))] * 3, k)
        rest = isolated.call(case, poison, "").indices[:, k - k % 4 :]
        assert (rest == poison).mean() > 0.8


def test_the_first_calls_and_the_latest_are_kept() -> None:
    log, cases = CallLog(), [case_of(1) for _ in range(FIRST + LATEST + 5)]
    for case in cases:
        log.add(case)
    assert [id(case) for case in log.kept()] == [id(case) for case in (*cases[:FIRST], *cases[-LATEST:])]
    log.clear()
    log.add(case_of(1 + MOST_BYTES // 4))
    assert log.kept() == ()
