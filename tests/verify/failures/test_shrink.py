"""Shrinking: what comes out still fails, and a person can read it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from clocks import Clock

from persistent_topk.verify.campaign.scales import SHIPPED_SETTINGS
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.families import FAMILIES
from persistent_topk.verify.cases.values import CONTENTS, bit_of
from persistent_topk.verify.failures.shrink import shrink
from persistent_topk.verify.judging.describe import runs_of

SECONDS = 5.0


def big_case() -> Case:
    random = np.random.default_rng(1)
    rows = [CONTENTS["normal"](random, n) for n in (900, 700, 1000)]
    return lay_out(rows, 100, offset=3, gap=5)


def test_a_failure_that_needs_nothing_shrinks_to_nothing() -> None:
    smallest = shrink(big_case(), lambda case: True, SECONDS)
    assert (smallest.rows, smallest.columns, smallest.k) == (1, 1, 1)
    assert (smallest.offset, smallest.row_stride) == (0, 1)


def test_a_length_shrinks_to_the_boundary() -> None:
    smallest = shrink(big_case(), lambda case: bool((case.clamped > 300).any()), SECONDS)
    assert (smallest.rows, smallest.clamped.tolist()) == (1, [301])
    assert len(runs_of(smallest.bits()[0])) == 1


def test_k_shrinks_to_the_boundary() -> None:
    assert shrink(big_case(), lambda case: case.k >= 37, SECONDS).k == 37


def test_columns_and_k_that_only_shrink_together_do() -> None:
    row = CONTENTS["normal"](np.random.default_rng(3), 500)
    smallest = shrink(lay_out([row], 490), lambda case: case.columns - case.k == 10, SECONDS)
    assert (smallest.columns, smallest.k) == (11, 1)


def test_values_that_matter_stay() -> None:
    marked = bit_of(7.0)
    row = CONTENTS["normal"](np.random.default_rng(2), 500)
    row[321] = marked

    smallest = shrink(lay_out([row], 5), lambda case: bool((case.bits() == marked).any()), SECONDS)
    assert smallest.bits().tolist() == [[marked]]


def test_rows_that_belong_together_stay() -> None:
    smallest = shrink(big_case(), lambda case: case.rows >= 2 and bool((case.clamped > 10).all()), SECONDS)
    assert smallest.rows == 2
    assert smallest.clamped.tolist() == [11, 11]


@pytest.mark.usefixtures("clock_of_this_process")
def test_the_time_is_kept_where_building_a_candidate_takes_longest() -> None:
    setting, tour = SHIPPED_SETTINGS[0], FAMILIES["tour"]
    case = tour.make(setting, tour.parameters(0, 0), seed=0)
    assert case.storage.numel() > 1 << 18
    began = time.monotonic()
    shrink(case, lambda _: False, 0.2)
    assert time.monotonic() - began < 0.35


def test_the_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)

    def slow(case: Case) -> bool:
        clock.now += 0.05
        return case.columns >= 400

    assert shrink(big_case(), slow, 0.5).columns >= 400
    assert 0.0 < clock.now < 0.7
