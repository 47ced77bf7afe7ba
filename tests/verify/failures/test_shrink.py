"""Shrinking: what comes out still fails, and a person can read it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import stateful_topk
from clocks import Clock

from persistent_topk.verify.campaign.scales import SHIPPED_SETTINGS
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.families import FAMILIES
from persistent_topk.verify.cases.values import CONTENTS, bit_of
from persistent_topk.verify.failures.shrink import shrink
from persistent_topk.verify.judging.describe import case_in_words, runs_of
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.judging.measurement import Measurement
from persistent_topk.verify.targets.function import FunctionTarget

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


def test_a_call_without_rows_shrinks_to_the_columns_that_it_takes() -> None:
    smallest = shrink(lay_out([], 7, columns=1 << 20), lambda case: case.columns > 600)
    assert (0, 601, 1) == (smallest.rows, smallest.columns, smallest.k)
    assert "0 x 601, k 1" == case_in_words(smallest)


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


def test_of_many_rows_the_first_that_are_needed_stay_and_are_alike() -> None:
    random = np.random.default_rng(4)
    rows = [CONTENTS["normal"](random, 40) for _ in range(826)]
    target = FunctionTarget("chunks", stateful_topk.chunks_of_rows)

    def measured(case: Case) -> Measurement:
        found = check_one(target, case, "exact-set")
        assert found is not None
        return found

    case = lay_out(rows, 10)
    row = measured(case).wrong
    assert row is not None and row.row >= stateful_topk.CHUNK
    smallest = shrink(case, lambda case: bool(measured(case).broken), attempts=250, row=row.row)
    assert (smallest.rows, smallest.columns, smallest.k) == (stateful_topk.CHUNK + 1, 2, 1)
    assert "this is the answer to row 0" in str(measured(smallest).broken)
    assert f"rows 0 to {stateful_topk.CHUNK - 1}: length 2" in case_in_words(smallest)


def test_rows_that_matter_by_their_place_stay_in_it() -> None:
    rows = [CONTENTS["normal"](np.random.default_rng(5), 9)] * 100
    marked = rows[0].copy()
    marked[0] = bit_of(7.0)
    rows[33] = marked
    smallest = shrink(lay_out(rows, 2), lambda case: case.rows > 20 and 7.0 in case.logits[20:])
    assert smallest.rows == 21 and smallest.columns == 1


def test_a_crash_above_a_k_ends_there_in_few_attempts() -> None:
    asked: list[Case] = []

    def crashes(case: Case) -> bool:
        asked.append(case)
        return case.k > 2048

    row = CONTENTS["normal"](np.random.default_rng(6), 16512)
    smallest = shrink(lay_out([row], 4096), crashes)
    assert (smallest.rows, smallest.columns, smallest.k) == (1, 1, 2049)
    assert len(asked) < 40


def test_attempts_bound_it_and_no_case_that_holds_is_tried_again() -> None:
    asked: list[tuple[str, int, int]] = []

    def holds(case: Case) -> bool:
        asked.append((case.digest(), case.k, case.row_stride))
        return False

    shrink(big_case(), holds, attempts=40)
    assert len(asked) == 40 == len(set(asked))


def test_a_slow_machine_shrinks_to_the_same_case() -> None:
    def slow(case: Case) -> bool:
        time.sleep(0.002)
        return bool((case.clamped > 300).any())

    def quick(case: Case) -> bool:
        return bool((case.clamped > 300).any())

    found = [shrink(big_case(), fails, attempts=80) for fails in (slow, quick)]
    assert found[0].digest() == found[1].digest() and found[0].k == found[1].k
