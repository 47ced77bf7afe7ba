"""Ladders: extents grow by powers of two within their bounds, and every named length has its turn."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import wrong_topk

from persistent_topk.verify.campaign import budget as budget_module
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.ladders import (
    CASE_BYTES,
    MOST_SLOTS,
    Bounds,
    Ladder,
    Rung,
    edges_of,
    extents_of,
    make_ladders,
)
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.campaign.scales import COMMONEST, SHARES_OF_OTHERS
from persistent_topk.verify.cases.boundaries import PEER_LENGTHS
from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.cases.families import FAMILIES, Setting
from persistent_topk.verify.cases.families.extents import COLUMNS, ROWS
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.limits import TargetLimits

LAPS = 4
UNBOUND = Bounds(CASE_BYTES, math.inf)
FEW = 40  # cases within which every property is judged


def rung(rows: int, columns: int, k: int = 8) -> Rung:
    return Rung("extents", {"rows": rows, "columns": columns, "content": "normal"}, k, rows, columns)


def test_all_rows_and_columns_are_met_within_a_few_laps() -> None:
    met = [item for lap in range(LAPS) for item in extents_of(lap) if UNBOUND.admit(item, 0.0)]
    assert set(ROWS) - {1} <= {item.rows for item in met} | {1}
    assert {columns for columns in COLUMNS if columns > 32} <= {item.columns for item in met}
    both = [item for item in met if item.rows > 64 and item.columns > 1024]
    assert max(item.bytes for item in both) > CASE_BYTES // 2
    assert all(item.bytes <= CASE_BYTES and item.rows * item.k <= MOST_SLOTS for item in met)


@pytest.mark.parametrize("length", [*PEER_LENGTHS, 1 << 20])
@pytest.mark.parametrize("delta", [-1, 0, 1])
def test_a_lap_meets_every_named_length_and_both_sides_of_it(length: int, delta: int) -> None:
    assert length + delta in {item.columns for item in edges_of(0)}


def test_a_rung_that_is_too_dear_is_left_out_and_the_next_is_not() -> None:
    bounds = Bounds(CASE_BYTES, 1.0)
    ladder = Ladder("some", 1.0, bounds, lambda lap: [rung(64, 33), rung(8192, 33), rung(65, 40)])
    case = ladder.next_case(0)
    ladder.spend(case, 0.1)
    assert 0.2 > ladder.likely_cost() >= 0.1
    assert (65, 40) == ladder.next_case(0).logits.shape


def test_a_ladder_without_a_rung_that_is_admitted_never_fits() -> None:
    ladder = Ladder("none", 1.0, Bounds(1, 1.0), lambda lap: [rung(64, 33)])
    assert math.inf == ladder.likely_cost() == ladder.likely_cost()


def test_a_number_of_cases_bounds_extents_without_a_clock() -> None:
    bounds = Bounds(CASE_BYTES, None)
    assert bounds.admit(rung(1, 1 << 18), 1e9) is False
    assert bounds.admit(rung(1, 1 << 17), 1e9)


def test_what_a_first_call_takes_is_a_rungs_cost_though_no_time_of_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Compiles(FunctionTarget):
        """Waits for a compiler in every call, and is the clock."""

        now = 0.0

        def refuses(self, case: Case) -> str:
            self.now += 50.0
            return "recorded only"

        def waited(self) -> float:
            return self.now

        def monotonic(self) -> float:
            return self.now

    target = Compiles("compiles", wrong_topk.correct)
    monkeypatch.setattr(budget_module, "time", target)
    campaign = Campaign([target], Options(failures=tmp_path))
    for ladder in campaign._ladders:
        campaign._visit(ladder)
        assert 50.0 == ladder.spent and ladder.likely_cost() >= 50.0


def test_what_no_target_takes_is_not_made() -> None:
    limits = TargetLimits(max_rows=64, max_columns=5000, stride_multiple=8)
    target = FunctionTarget("limited", wrong_topk.correct, CLAIMS["set"], limits=limits)
    for ladder in make_ladders([target], (), SHARES_OF_OTHERS, CASE_BYTES, 1e9):
        for _ in range(30):
            case = ladder.next_case(0)
            assert case.rows <= 64 and case.columns <= 5000


@pytest.mark.parametrize("k", [1, 2, 8])
def test_first_and_last_columns_are_selected_and_the_one_behind_would_be(k: int) -> None:
    parameters = {"length": 300, "delta": 1, "rows": 2}
    case = FAMILIES["edges"].make(Setting(None, k, "h100"), parameters, 1)
    assert [301, 300] == case.lengths.tolist()
    for row, n in enumerate(case.lengths.tolist()):
        best = case.logits[row, :n].topk(min(k, n)).indices.tolist()
        assert n - 1 in best or row
        assert k == 1 or row or 0 in best
    assert torch.inf == case.logits[1, 300]


def test_no_row_and_no_chunk_is_alike_another() -> None:
    parameters = {"rows": 130, "columns": 64, "content": "normal"}
    case = FAMILIES["extents"].make(Setting(None, 8, "h100"), parameters, 1)
    inside = case.logits[:, 1:20]
    assert 130 == len({row.numpy().tobytes() for row in inside})
    assert not torch.equal(case.logits[0, 1:20], case.logits[0, 21:40])


def test_every_property_is_judged_within_the_first_cases(tmp_path: Path) -> None:
    target = FunctionTarget("correct", wrong_topk.correct, CLAIMS["contract"])
    outcome = Campaign([target], Options(seconds=None, cases=FEW, failures=tmp_path)).run()
    assert "agree" == outcome.verdict, outcome.missing_in_words()
    assert len(FAMILIES[COMMONEST].grid["mistake"]) == outcome.coverage.families[COMMONEST]


def test_extents_that_were_reached_are_counted(tmp_path: Path) -> None:
    seen: list[Case] = []

    class Recorder(FunctionTarget):
        def refuses(self, case: Case) -> str:
            seen.append(case)
            return "recorded only"

    def stop(outcome: Outcome, share: float) -> None:
        if max((case.rows for case in seen), default=0) > 65536:
            raise KeyboardInterrupt

    options = Options(seconds=60.0, failures=tmp_path)
    outcome = Campaign([Recorder("recorder", wrong_topk.correct)], options, stop).run()
    assert any(extent.startswith("65536 x ") for extent in outcome.coverage.extents)
    assert any(extent.startswith("0 x ") for extent in outcome.coverage.extents)
