"""What a campaign reached, as tables: each count in its place."""

from __future__ import annotations

import pytest

from persistent_topk.verify.campaign.coverage import Coverage
from persistent_topk.verify.cases.families import FAMILIES
from persistent_topk.verify.reporting.coverage_tables import (
    boundary_table,
    extent_table,
    family_table,
    path_table,
)
from persistent_topk.verify.reporting.view import Line, Table


@pytest.fixture
def coverage() -> Coverage:
    found = Coverage()
    found.paths.update({"decode": 100, "medium": 25})
    found.path_cases.update({"decode": 40, "medium": 5})
    found.shipped_paths.update({"decode": 30, "medium": 2})
    found.boundaries.update({"held-1": 1, "held": 2, "held+1": 3, "chunk": 9})
    found.boundary_cases.update({"held-1": 4, "held": 5, "held+1": 6, "chunk": 7})
    found.families.update({"recipe": 81, "contents": 9})
    return found


def row_of(table: Table, name: str) -> Line:
    return next(row for row in table.rows if row[0].text == name)


def test_paths_have_rows_cases_and_rows_under_a_shipped_policy(coverage: Coverage) -> None:
    table = path_table(coverage)
    headings = [column.heading for column in table.columns]
    assert headings == ["path", "rows", "cases", "rows under a shipped policy"]
    assert [cell.text for cell in row_of(table, "medium")] == ["medium", "25", "5", "2"]
    assert [cell.text for cell in row_of(table, "large")] == ["large", "0", "0", "0"]


def test_shares_are_square_roots_of_those_of_the_greatest_count(coverage: Coverage) -> None:
    paths, (families, _) = path_table(coverage), family_table(coverage)
    assert [row_of(paths, name)[1].share for name in ("decode", "medium", "large")] == [1.0, 0.5, 0.0]
    assert row_of(families, "contents")[1].share == pytest.approx(1 / 3)


def test_boundaries_have_rows_and_cases_on_each_side(coverage: Coverage) -> None:
    texts = [[cell.text for cell in row] for row in boundary_table(coverage).rows]
    assert texts == [["chunk", "0 (0)", "9 (7)", "0 (0)"], ["held", "1 (4)", "2 (5)", "3 (6)"]]
    assert boundary_table(Coverage()).rows == ()


def test_extents_tell_the_most_columns_and_k_by_rows() -> None:
    found = Coverage()
    found.extents.update({"64 x 1024 x 8": 3, "64 x 32 x 512": 2, "0 x 1048576 x 1": 1})
    texts = [[cell.text for cell in row] for row in extent_table(found).rows]
    assert [["0", "1048576", "1", "1"], ["64", "1024", "512", "5"]] == texts


def test_families_say_what_they_are_and_which_had_no_case(coverage: Coverage) -> None:
    table, without = family_table(coverage)
    assert [row[0].text for row in table.rows] == ["recipe", "contents"]
    assert row_of(table, "contents")[0].note == FAMILIES["contents"].summary
    plain = {name for name, family in FAMILIES.items() if not family.asks}
    assert "contents" not in without and set(without) == plain - {"contents"}
    coverage.families["windows"] += 1
    assert set(family_table(coverage)[1]) == FAMILIES.keys() - {"contents", "windows"}
