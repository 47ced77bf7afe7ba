"""The bench without a GPU: its cells, its judge of timed outputs, its tables."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.cuda.bench import cells, judge, table
from persistent_topk.cuda.bench.cells import PAGE_CELLS
from persistent_topk.cuda.bench.measure import MOST_LAUNCHES, Timing, launches_for
from persistent_topk.cuda.bench.run import COLD, WARM, CellResult
from persistent_topk.reference import oracle


def test_the_peers_figures_give_the_pages_geometric_means() -> None:
    assert 64 == len(PAGE_CELLS)
    for expected, temperature, field in (
        (2.19, "cold", "fastest"),
        (2.35, "warm", "fastest"),
        (2.68, "cold", "exact"),
        (2.99, "warm", "exact"),
        (6.06, "cold", "deterministic"),
        (4.49, "cold", "seed"),
    ):
        figures = [getattr(cell, temperature) for cell in PAGE_CELLS]
        mean = table.geometric_mean(getattr(figure, field) / figure.floor for figure in figures)
        assert mean == pytest.approx(expected, abs=0.03)


def test_cells_are_chosen_by_pattern() -> None:
    assert ["2048 x 1 x 8K"] == [cell.name for cell in cells.select(["2048,1,8K"], quick=False)]
    assert 8 == len(cells.select(["2048,4,*"], quick=False))
    assert 14 == len(cells.select([], quick=True))
    with pytest.raises(ValueError, match="k,rows,n"):
        cells.select(["2048"], quick=False)


@pytest.mark.parametrize("seed", range(12))
def test_the_judge_of_timed_outputs_is_the_oracle(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def below(bound: int) -> int:
        return int(torch.randint(1, bound, (), generator=generator))

    for _ in range(20):
        rows, columns, k = 3, below(60), below(20)
        logits = torch.randn(rows, columns, generator=generator).mul_(2).round_()
        logits[:, ::7], logits[:, 1::8] = torch.nan, -0.0
        lengths = torch.randint(-2, columns + 3, (rows,), generator=generator, dtype=torch.int32)
        right = oracle.topk(logits, lengths, k)
        assert 0 == judge.wrong_rows(logits, lengths, right, k)
        changed = right.clone()
        changed[1, below(k + 1) - 1] += 1
        assert 1 == judge.wrong_rows(logits, lengths, changed, k)
        shuffled = right[:, torch.randperm(k, generator=generator)]
        assert torch.equal((shuffled == right).all(1), judge.right_rows(logits, lengths, shuffled, k))


def result(index: int, ours: float, floor: float, wrong: int = 0) -> dict:
    """A cell's figures as the JSON file has them."""
    timed = {name: Timing(floor, floor, floor, 9, 20) for name in ("floor_rows", "floor_cut", "empty")}
    timed["ours"] = Timing(ours, ours, ours, 9, 20)
    return table.as_json(CellResult(PAGE_CELLS[index], {COLD: timed, WARM: timed}, {"ours": wrong}))


def test_ratios_are_held_against_the_pages_fastest() -> None:
    cell = result(0, ours=3.8, floor=2.5)
    assert 1.52 == pytest.approx(cell[COLD]["ratio"]) and 1.0 == pytest.approx(cell[COLD]["versus"])
    assert "2048 x 1 x 4K" in table.line(cell)


def test_a_wrong_cell_has_no_time() -> None:
    cells_found = [result(0, 3.0, 2.5), result(1, 1.0, 2.5, wrong=2)]
    assert "WRONG: 2 rows" in table.line(cells_found[1])
    report = table.summary(cells_found)
    assert 1 == report["cells"] and 1 == report["wrong_cells"]
    assert 1.2 == pytest.approx(report[COLD]["ours"])


def test_two_runs_are_compared_cell_by_cell() -> None:
    lines = table.against_lines([result(0, 3.0, 2.5)], [result(0, 4.0, 2.5)])
    assert "4.00>3.00" in lines[1] and "0.750" in lines[1]


def test_large_inputs_take_fewer_launches() -> None:
    assert MOST_LAUNCHES == launches_for(4 * 8192)
    assert 1 <= launches_for(512 * 262144 * 4) < MOST_LAUNCHES
