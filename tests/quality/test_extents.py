"""Failures by extent, by an empty call and at the last column of a boundary, within the default minute."""

from __future__ import annotations

from pathlib import Path

import pytest
from extent_topk import BY_EXTENT
from places import SHARED
from test_search import FAMILY_SECONDS, SEEDS, seconds_to_find

MINUTE = 60.0  # of the default campaign
QUICK = ("no_idle_rank", "last_at_4095")  # found within the first seconds, on a busy machine too


@pytest.fixture(autouse=True)
def tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SHARED)


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
