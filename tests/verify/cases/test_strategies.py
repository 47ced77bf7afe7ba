"""Recipes: our own implementations hold over them, and failures shrink to what a person can read."""

from __future__ import annotations

import numpy as np
import pytest
import wrong_topk
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.cases.strategies import cases
from persistent_topk.verify.judging.describe import runs_of
from persistent_topk.verify.judging.examination import Subject, examine
from persistent_topk.verify.targets import TargetUnavailable, resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.target import Target

EXAMPLES = 100


@pytest.fixture(scope="module", params=["model", "emulator"])
def own(request: pytest.FixtureRequest) -> Target:
    target = resolve(request.param)
    try:
        target.prepare()
    except TargetUnavailable as error:
        pytest.skip(str(error))
    return target


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), first=st.integers(0, 99))
def test_our_own_keep_every_promise(own: Target, case: Case, first: int) -> None:
    schedules = [own.schedule(first + call) for call in range(6)]
    broken = [item for item in examine(own, Subject(case), schedules) if item.broken]
    assert not broken


def smallest_failure(function, promise: str) -> Case:  # type: ignore[no-untyped-def]
    """What Hypothesis shrinks a function's failure to."""
    target = FunctionTarget("wrong", function)
    found: list[Case] = []

    @seed(1)
    @settings(
        max_examples=300,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def search(case: Case) -> None:
        measured = examine(target, Subject(case), steps=(promise,))
        if any(item.broken and item.promise == promise for item in measured):
            found.append(case)
            raise AssertionError

    with pytest.raises(AssertionError):
        search()
    return found[-1]


@pytest.mark.parametrize(
    ("function", "promise"),
    [
        (wrong_topk.last_column_ties, "lowest-column-ties"),
        (wrong_topk.greater_only, "exact-set"),
        (wrong_topk.zeros_apart, "signed-zero-tie"),
        (wrong_topk.beyond_the_length, "tail-independent"),
    ],
)
def test_failures_shrink_to_few_runs(function, promise: str) -> None:  # type: ignore[no-untyped-def]
    case = smallest_failure(function, promise)
    assert case.rows <= 2
    for row in range(case.rows):
        n = int(case.clamped[row])
        assert len(runs_of(np.sort(case.bits()[row, :n]))) <= 2
