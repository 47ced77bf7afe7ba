"""What a campaign's budget is for: a file of scores takes none of it, and too few cases are no agreement."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
import wrong_topk

from persistent_topk.verify.campaign import budget as budget_module
from persistent_topk.verify.campaign import campaign as campaign_module
from persistent_topk.verify.campaign.budget import Budget
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Missing, Outcome
from persistent_topk.verify.cases.captured import captured_cases
from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

K = 8
CASES = 40


class Clock:
    """A clock that stands still but for what a test makes of it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Slow(FunctionTarget):
    """Refuses every case, a captured one ten times as slowly as another."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("slow", wrong_topk.correct)
        self.clock = clock

    def refuses(self, case: Case) -> str:
        self.clock.now += 0.05 if case.origin.family == "captured" else 0.005
        return "recorded only"


def padded_lanes(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Lanes beyond n propose column 0 with a score of 0: wrong where the k-th is below 0."""
    return wrong_topk.correct(logits.clamp(min=0.0), lengths, k)


def scores(folder: Path, rows: int, columns: int) -> list[Case]:
    normals = np.random.default_rng(0).standard_normal((rows, columns), np.float32)
    np.save(folder / "scores.npy", np.abs(normals))
    return captured_cases(folder / "scores.npy", (K,))


def run(target: FunctionTarget, folder: Path, captured: list[Case], **bound: object) -> Outcome:
    options = Options(failures=folder, captured=captured, **bound)  # type: ignore[arg-type]
    return Campaign([target], options).run()


def test_a_file_adds_cases_and_takes_none_away(tmp_path: Path) -> None:
    captured = scores(tmp_path, 4 * 3 * CASES, K + 2)
    target = FunctionTarget("padded", padded_lanes, CLAIMS["set"])
    with_file = run(target, tmp_path, captured, seconds=None, cases=CASES)
    assert 3 * CASES == with_file.coverage.families["captured"]
    assert CASES == with_file.coverage.cases - 3 * CASES
    assert with_file.verdict == "mismatch"
    assert "exact-set" in with_file.targets["padded"].failing()


def test_a_file_has_as_much_time_again_and_what_did_not_fit_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(budget_module, "time", clock)
    captured = scores(tmp_path, 4 * CASES, K + 2)
    found = run(Slow(clock), tmp_path, captured, seconds=0.5, cases=None)
    put = found.coverage.families["captured"]
    assert 0 < put < CASES
    assert found.coverage.cases - put > CASES, "the campaign's own cases had their time"
    what = f"captured scores, {CASES - put} cases of them"
    assert Missing(what, "no more fitted into 0.5 s") in found.missing()


def test_a_handful_of_cases_is_no_agreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = FunctionTarget("correct", wrong_topk.correct, CLAIMS["set"] - {"graph-replay"})
    monkeypatch.setattr(campaign_module, "FEWEST_CASES", 1 << 20)
    found = run(target, tmp_path, [], seconds=1.0, cases=None)
    assert found.verdict == "incomplete"
    assert f"more than {found.coverage.cases} cases" in found.missing_in_words()
    by_count = run(target, tmp_path, [], seconds=None, cases=CASES)
    assert not any(item.what.startswith("more than") for item in by_count.missing())


def test_neither_time_nor_cases_count_beside_the_budget() -> None:
    budget = Budget(seconds=0.2, cases=None)
    with budget.apart():
        time.sleep(0.3)
        assert budget.used() < 0.5
    assert budget.used() < 0.5 and budget.fits(0.1) and not budget.fits(0.3)
    counted = Budget(seconds=9.0, cases=2)
    counted.count_case()
    with counted.apart():
        counted.count_case()
    assert counted.used() == 0.5 and counted.seconds is None
