"""Campaigns of whole calls: put to who takes them, counted by argument, and their mistakes found."""

from __future__ import annotations

from pathlib import Path

import pytest
import wrong_whole

from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.campaign.scales import OWN_SHARES, make_scales
from persistent_topk.verify.cases.asking import ARGUMENTS, NARROW_DTYPES
from persistent_topk.verify.cases.families import FAMILIES
from persistent_topk.verify.properties import CLAIMS, NAMES, OF_WHOLE_CALLS
from persistent_topk.verify.reporting.coverage_tables import argument_table
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.model import ModelTarget

CASES = 40  # within which every property is judged
WHOLE = tuple(name for name, family in FAMILIES.items() if family.asks)
NEW = [item.name for item in OF_WHOLE_CALLS]


def campaign(name: str, folder: Path, cases: int = CASES, families: tuple[str, ...] = ()) -> Outcome:
    target = FunctionTarget(name, getattr(wrong_whole, name))
    target.prepare()
    options = Options(seconds=None, cases=cases, failures=folder, families=families)
    return Campaign([target], options).run()


def test_every_property_of_our_own_is_judged_at_once(tmp_path: Path) -> None:
    outcome = Campaign([ModelTarget()], Options(seconds=None, cases=CASES, failures=tmp_path)).run()
    properties = outcome.targets["model"].properties
    assert [*NAMES, *NEW, "trace-agreement"] == list(properties)
    assert [] == [
        name for name in (*NAMES, *NEW) if not properties[name].rows and not properties[name].lacking
    ]
    assert [] == outcome.targets["model"].failing()


def test_every_argument_is_asked_for_and_counted(tmp_path: Path) -> None:
    outcome = campaign("right", tmp_path, cases=150, families=WHOLE)
    target = outcome.targets["right"]
    assert [] == target.failing()
    table = argument_table(outcome.targets)
    assert len((*NARROW_DTYPES, *ARGUMENTS)) == len(table.rows)
    assert all(int(row[1].text) > 0 for row in table.rows)
    told = outcome.as_json()["targets"]["right"]["arguments"]  # type: ignore[index]
    assert {*NARROW_DTYPES, *ARGUMENTS} == set(told)


def test_who_takes_windows_alone_is_asked_for_these_and_the_rest_is_counted(tmp_path: Path) -> None:
    outcome = campaign(
        "only_starts", tmp_path, cases=60, families=("windows", "window-boundaries", "offsets")
    )
    target = outcome.targets["only_starts"]
    assert {"starts"} == set(target.asked) and target.refused > 0 and "it takes no" in target.refusal
    assert target.properties["window-independent"].rows and [] == target.failing()
    assert {"translation", "values-match"}.isdisjoint(target.properties)


def test_who_takes_nothing_more_gets_nothing_more() -> None:
    taken = make_scales((), (), OWN_SHARES, own=False)
    assert {"whole"}.isdisjoint(scale.name for scale in taken)
    assert not any(kind.asks for scale in taken for kind in scale.families)
    assert "whole" in {scale.name for scale in make_scales((), (), OWN_SHARES, takes=("starts",))}


def test_values_that_come_unasked_are_judged(tmp_path: Path) -> None:
    held = campaign("values_too", tmp_path).targets["values_too"].properties["values-match"]
    assert ("holds", True) == (held.verdict, held.claimed)
    broken = campaign("wrong_values_too", tmp_path).targets["wrong_values_too"]
    assert ["values-match"] == broken.failing()


@pytest.mark.parametrize(
    ("name", "family", "promise"),
    [
        ("start_ignored", "windows", "in-range-unique"),
        ("offset_on_the_padding", "offsets", "translation"),
        ("values_padded_with_zero", "values", "values-match"),
    ],
)
def test_a_mistake_is_found_and_told_by_its_cause(
    name: str, family: str, promise: str, tmp_path: Path
) -> None:
    target = campaign(name, tmp_path, cases=12, families=(family,)).targets[name]
    (root,) = [root for root in target.roots() if target.properties[root.promise].claimed][:1]
    assert promise == root.promise
    assert target.properties[promise].replay is not None


def test_claims_hold_them_for_who_takes_such_calls() -> None:
    for claim in ("selection", "set", "contract"):
        assert set(NEW) <= CLAIMS[claim]
