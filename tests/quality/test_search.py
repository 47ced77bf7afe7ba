"""What a campaign finds, and how fast: the figures of docs/checker.md.

One seed, another every day, in the ordinary suite; ten in the long one. Time is the processors': checker and
target take turns, so on a machine with nothing else to do it is the clock's, and a busy one delays nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from pathlib import Path

import processor_clock
import pytest
import torch
from published_topk import OVERFLOW, PUBLISHED

from persistent_topk.verify.campaign import budget as budget_module
from persistent_topk.verify.campaign import campaign as campaign_module
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.coverage import LONG_ROW
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.targets import resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget

SECONDS_A_DAY = 86400
TODAY = int(time.time()) // SECONDS_A_DAY
SEEDS = random.Random(TODAY).sample(range(1 << 31), 10)
OVERFLOW_SECONDS, PUBLISHED_SECONDS, FAMILY_SECONDS = 10.0, 15.0, 60.0
SPEED_SECONDS = 12.0
ROWS_A_SECOND = 50.0  # half of what docs/checker.md promises: other work on the cores slows a processor too
UNCOUNTED = "many-rows"  # a hundred short rows in a case count as none
LONG_SHARE = 0.1  # of the rows, over LONG_ROW columns


def name_of(function: Callable[..., torch.Tensor]) -> str:
    return f"published_topk:{function.__name__}"


OVERFLOW_NAME = name_of(OVERFLOW)


class Found(Exception):
    """The campaign broke what it was to break."""


pytestmark = pytest.mark.usefixtures("tests_are_importable")


def seconds_to_find(
    name: str, promises: Collection[str], seed: int, limit: float, folder: Path, budget: float | None = None
) -> float:
    """Until a campaign from `seed` breaks one of the promises, in a process of the target's own. name: a
    target's. limit: seconds, after which nothing was found. budget: of the campaign, twice the limit unless
    it is told: the time to find is of the search, which a first failure cuts to its share."""
    budget = budget or 2 * limit
    target = resolve(name)

    def stop(outcome: Outcome, share: float) -> None:
        if set(outcome.targets[target.name].failing()) & set(promises):
            raise Found

    target.prepare()
    began = processor_clock.monotonic()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(budget_module, "time", processor_clock)
            Campaign([target], Options(seed=seed, seconds=budget, failures=folder), stop).run()
    except Found:
        return processor_clock.monotonic() - began
    finally:
        target.close()
    return float("inf")


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_an_overflow_is_found_within_seconds(seed: int, tmp_path: Path) -> None:
    assert seconds_to_find(OVERFLOW_NAME, {"exact-set"}, seed, OVERFLOW_SECONDS, tmp_path) < OVERFLOW_SECONDS


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", SEEDS)
def test_an_overflow_is_found_from_any_seed(seed: int, tmp_path: Path) -> None:
    assert seconds_to_find(OVERFLOW_NAME, {"exact-set"}, seed, OVERFLOW_SECONDS, tmp_path) < OVERFLOW_SECONDS


@pytest.mark.exhaustive
@pytest.mark.parametrize("function", PUBLISHED, ids=lambda function: function.__name__)
def test_a_published_failure_is_found_from_any_seed(
    function: Callable[..., torch.Tensor], tmp_path: Path
) -> None:
    name, promises = name_of(function), PUBLISHED[function]
    took = [seconds_to_find(name, promises, seed, PUBLISHED_SECONDS, tmp_path) for seed in SEEDS]
    print(f"{function.__name__}: {', '.join(f'{seconds:.1f}' for seconds in took)} s")
    assert max(took) < PUBLISHED_SECONDS


@pytest.mark.slow
def test_a_correct_target_is_put_many_rows_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over families and recipes: ladders and first cases are few rows that take their own time."""
    distinct: dict[int, int] = {}  # a row's length by its hash

    class Counting(IsolatedTarget):
        def refuses(self, case: Case) -> None:
            if case.origin.family == UNCOUNTED:
                return
            bits = case.bits()
            for row, n in enumerate(case.clamped.tolist()):
                distinct[hash((bits[row, :n].tobytes(), n, case.k))] = n

    monkeypatch.setattr(budget_module, "time", processor_clock)
    monkeypatch.setattr(campaign_module, "first_cases", lambda *_: ())
    target = Counting(FunctionTarget("wrong_topk:correct"))
    target.prepare()
    campaign = Campaign([target], Options(seed=SEEDS[0], seconds=SPEED_SECONDS, failures=tmp_path))
    campaign._ladders = []
    began = processor_clock.monotonic()
    try:
        outcome = campaign.run()
        seconds = processor_clock.monotonic() - began
    finally:
        target.close()
    long_rows = sum(n > LONG_ROW for n in distinct.values())
    told = f"{len(distinct)} distinct rows, {long_rows} long"
    print(f"{told}, in {seconds:.1f} s of processors")
    assert outcome.verdict == "agree", outcome.missing_in_words()
    assert len(distinct) / seconds >= ROWS_A_SECOND
    assert long_rows >= LONG_SHARE * len(distinct)
