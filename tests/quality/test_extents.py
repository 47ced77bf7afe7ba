"""Failures by extent, by an empty call and at the last column of a boundary, within the default minute."""

from __future__ import annotations

import math
from pathlib import Path

import extent_topk
import pytest
from extent_topk import BY_EXTENT, SHOWN
from test_search import FAMILY_SECONDS, SEEDS, seconds_to_find

from persistent_topk.verify.campaign.ladders import CASE_BYTES, Bounds, edges_of, extents_of
from persistent_topk.verify.cases.families import FAMILIES, Setting
from persistent_topk.verify.judging.examination import Subject, examine
from persistent_topk.verify.targets.function import FunctionTarget

MINUTE = 60.0  # of the default campaign
LAPS = 2  # in which every size is met
QUICK = ("no_idle_rank", "last_at_4095")  # found within the first seconds, on a busy machine too


pytestmark = pytest.mark.usefixtures("tests_are_importable")


@pytest.mark.parametrize("name", BY_EXTENT)
def test_one_call_of_an_extent_that_shows_a_failure_breaks_a_promise(name: str) -> None:
    bounds = Bounds(CASE_BYTES, math.inf)
    rung = next(
        item
        for lap in range(LAPS)
        for item in (*extents_of(lap), *edges_of(lap))
        if SHOWN[name](item.rows, item.columns) and bounds.admit(item, 0.0)
    )
    case = FAMILIES[rung.family].make(Setting(None, rung.k, "h100"), rung.parameters, SEEDS[0])
    target = FunctionTarget(name, getattr(extent_topk, name))
    broken = {item.promise for item in examine(target, Subject(case), steps=()) if item.broken}
    assert broken & set(BY_EXTENT[name])


@pytest.mark.parametrize("name", QUICK)
def test_a_failure_by_extent_is_found(name: str, tmp_path: Path) -> None:
    took = seconds_to_find(f"extent_topk:{name}", BY_EXTENT[name], SEEDS[0], FAMILY_SECONDS, tmp_path, MINUTE)
    assert took < FAMILY_SECONDS


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BY_EXTENT)
def test_a_failure_by_extent_is_found_from_any_seed(name: str, tmp_path: Path) -> None:
    took = [
        seconds_to_find(f"extent_topk:{name}", BY_EXTENT[name], seed, FAMILY_SECONDS, tmp_path, MINUTE)
        for seed in SEEDS
    ]
    print(f"{name}: {', '.join(f'{seconds:.1f}' for seconds in took)} s")
    assert max(took) < FAMILY_SECONDS
