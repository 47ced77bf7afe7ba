"""The bench without a GPU: its cells, its judges, its runs and summaries, with made-up measurements."""

from __future__ import annotations

import pytest
import torch
from bench_fakes import FLOOR, cpu_buffers, result, timing

from persistent_topk.bench import cells, peers, report, run, table
from persistent_topk.bench.cells import PAGE_CELLS, Cell
from persistent_topk.bench.measure import MOST_LAUNCHES, launches_for
from persistent_topk.bench.run import COLD, WARM
from persistent_topk.bench.session import run_session
from persistent_topk.bench.summary import geometric_mean, summary, summary_lines
from persistent_topk.cuda import calls
from persistent_topk.reference import oracle
from persistent_topk.verify.reporting.plain import plain_lines
from persistent_topk.verify.targets.limits import TargetLimits
from persistent_topk.verify.targets.peers.peer import PeerTarget


def test_the_peers_figures_give_the_pages_geometric_means() -> None:
    assert 64 == len(PAGE_CELLS)
    for expected, temperature, field in (
        (2.19, "cold", "fastest"),
        (2.35, "warm", "fastest"),
        (2.68, "cold", "exact"),
        (2.99, "warm", "exact"),
        (6.06, "cold", "deterministic"),
        (4.49, "cold", "vllm"),
    ):
        figures = [getattr(cell, temperature) for cell in PAGE_CELLS]
        mean = geometric_mean(getattr(figure, field) / figure.floor for figure in figures)
        assert mean == pytest.approx(expected, abs=0.03)


def test_cells_are_chosen_by_pattern() -> None:
    assert ["2048 x 1 x 8K"] == [cell.name for cell in cells.select(["2048,1,8K"], quick=False)]
    assert 8 == len(cells.select(["2048,4,*"], quick=False))
    assert 14 == len(cells.select([], quick=True))
    with pytest.raises(ValueError, match="k,rows,n"):
        cells.select(["2048"], quick=False)


def test_large_inputs_take_fewer_launches() -> None:
    assert MOST_LAUNCHES == launches_for(4 * 8192)
    assert 1 <= launches_for(512 * 262144 * 4) < MOST_LAUNCHES


@pytest.fixture
def measured_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launches run at once, ours by the oracle; times are made up."""

    def launch(logits, lengths, output, workspace, k, policy) -> None:
        output.copy_(oracle.topk(logits, lengths, k))

    def capture(launch, launches: int, warm: bool) -> None:
        for i in range(launches):
            launch(0 if warm else i)

    monkeypatch.setattr(calls, "launch", launch)
    monkeypatch.setattr(run, "capture", capture)
    monkeypatch.setattr(run, "time_graph", lambda *_: timing(2.0))


SMALL = Cell(k=4, rows=3, columns=50, length=50)


def run_small(ours_too: dict[str, peers.Peer], cell: Cell = SMALL):
    cache = type("Cache", (), {"get": staticmethod(cpu_buffers)})()
    return run.run_cell(cell, cache, FLOOR, 0.01, None, ours_too)


def sort_topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return logits.sort(dim=1, descending=True).indices[:, :k]


@pytest.mark.usefixtures("measured_on_the_cpu")
def test_every_kernel_of_a_cell_is_timed_and_judged() -> None:
    def dropping(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        found = sort_topk(logits, lengths, k + 1)
        found[0, 0] = found[0, k]
        return found[:, :k]

    def broken(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    found = run_small(
        {
            "torch": peers.torch_peer,
            "sort": peers.called(sort_topk),
            "dropping": peers.called(dropping),
            "broken": peers.called(broken),
        }
    )
    timed = {"ours", "floor_rows", "floor_cut", "empty", "torch", "sort", "dropping"}
    assert timed == set(found.timings[COLD]) == set(found.timings[WARM])
    assert 0 == found.wrong["ours"] == found.wrong["torch"] == found.wrong["sort"]
    assert 3 == found.wrong["dropping"]  # a row in each of two cold buffers, and in the warm one
    told = "RuntimeError: operation not permitted when stream is capturing"
    assert {"broken": told} == found.refused and "broken" not in found.wrong


@pytest.mark.usefixtures("measured_on_the_cpu")
def test_torch_takes_no_lengths() -> None:
    found = run_small({"torch": peers.torch_peer}, Cell(k=4, rows=3, columns=50, length=3))
    assert "lengths" in found.refused["torch"] and "torch" not in found.timings[COLD]


@pytest.mark.usefixtures("measured_on_the_cpu")
def test_our_own_error_ends_the_run_and_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_cell(cell: Cell):
        if cell.rows == 32:
            raise RuntimeError("an illegal memory access was encountered")
        return result(cell, 4.0, 2.0)

    chosen = cells.select(["2048,1,4K", "2048,4,4K", "2048,32,4K", "2048,64,4K"], quick=False)
    session = run_session(chosen, 1, run_cell, print_line=lambda _: None)
    assert ["2048 x 1 x 4K", "2048 x 4 x 4K"] == [cell["name"] for cell in session.cells]
    assert session.broken and not session.clean
    assert "illegal memory access" in session.lines()[-1] and "2048 x 32 x 4K" in session.stopped


def test_repeated_runs_give_medians_and_say_how_far_they_lie_apart() -> None:
    pace = iter([4.0, 8.0, 4.4, 8.1, 4.1, 8.0])
    lines: list[str] = []
    chosen = cells.select(["2048,1,8K", "2048,1,4K"], quick=False)
    session = run_session(chosen, 3, lambda cell: result(cell, next(pace), 2.0), print_line=lines.append)
    first, second = session.cells
    assert "2048 x 1 x 4K" == first["name"] and [4.0, 4.4, 4.1] == first[COLD]["runs"]
    assert 4.1 == first[COLD]["us"] and 2.05 == pytest.approx(first[COLD]["ratio"])
    assert {"floor_rows": 3.0, "floor_cut": 2.0} == first[COLD]["floors"]
    assert 8.0 == second[WARM]["us"]
    found = session.report()["repeatability"]
    assert 0.4 / 4.1 == pytest.approx(found["spread"]) and "2048 x 1 x 4K" == found["cell"]
    assert found["within"] is False and 1 == found["cells_beyond"]
    assert "1 cells beyond 5%" in session.lines()[-1]
    assert 3 == len(lines) and lines[2].startswith("run 3 of 3: 2 cells")


def test_a_budget_stops_before_a_cell() -> None:
    times = iter(range(100))
    chosen = cells.select(["2048,4,*"], quick=False)
    session = run_session(
        chosen, 2, lambda cell: result(cell, 4.0, 2.0), 3.5, lambda _: None, clock=lambda: next(times)
    )
    assert 0 < len(session.cells) < 8
    assert "stopped after 3.5 s, in run 1" in session.stopped and not session.broken and not session.clean


def test_counts_and_means_are_of_the_pages_cells() -> None:
    page = [PAGE_CELLS[i].cold for i in range(4)]
    factors = (0.90, 1.00, 1.04, 1.20)  # ours over the fastest of each cell
    found = [
        table.as_json([result(i, factor * figure.fastest, figure.floor)])
        for i, (factor, figure) in enumerate(zip(factors, page, strict=True))
    ]
    found.append(table.as_json([result(cells.TRIVIAL_CELLS[0], 2.0, 1.9)]))
    found.append(table.as_json([result(5, 1.0, 2.5, wrong=2)]))
    sums = summary(found, runs=1)
    assert (4, 1) == (sums["cells"], sums["wrong_cells"]) and sums["repeatability"] is None
    part = sums[COLD]
    counts = [part[name] for name in ("at_most_0.95", "at_most_1.00", "at_most_1.05", "above_1.05")]
    assert [1, 2, 3, 1] == counts
    assert geometric_mean(f * p.fastest / p.floor for f, p in zip(factors, page, strict=True)) == (
        pytest.approx(part["ours"])
    )
    assert geometric_mean(p.exact / p.floor for p in page) == pytest.approx(part["exact"])
    text = "\n".join(summary_lines(sums))
    assert "1 at 0.95 or less, 2 at 1.00 or less, 3 at 1.05 or less, 1 above 1.05" in text
    assert "4 cells of the page, 1 cells wrong" in text


def test_peers_of_the_same_run_are_compared_over_the_cells_they_took() -> None:
    found = [
        table.as_json([result(0, 4.0, 2.0, torch=8.0, cub=6.0)]),
        table.as_json([result(1, 4.0, 2.0, torch=18.0)]),
    ]
    found[1]["wrong_peers"] = {"torch": 3}
    part = summary(found, runs=1)["peers"][COLD]
    assert {"cells": 1, "theirs": pytest.approx(4.0), "ours": pytest.approx(2.0)} == part["torch"]
    assert 3.0 == pytest.approx(part["cub"]["theirs"])
    heads, first, second = plain_lines(report.peer_table(found))
    assert "torch" in heads and "cub" in heads
    assert "8.00" in first and "WRONG 3 rows" in second and second.endswith("-")


def test_a_wrong_cell_takes_one_place_of_its_row_and_is_not_compared() -> None:
    right, wrong = table.as_json([result(0, 4.0, 2.0)]), table.as_json([result(1, 4.0, 2.0, wrong=2)])
    first, second = report.cell_table([right, wrong]).rows
    assert ["4.00", "4.0-4.1", "2.00", "2.00", "1.52 vC"] == [cell.text for cell in first[1:6]]
    assert "WRONG: 2 rows" == second[1].text and {""} == {cell.text for cell in second[2:]}
    slower = table.as_json([result(0, 8.0, 2.0)])
    rows = report.against_table([right, wrong], [slower, wrong]).rows
    assert [["2048 x 1 x 4K", "8.00>4.00", "0.500", "0.500"]] == [[c.text for c in row[:4]] for row in rows]


def test_a_row_that_is_wrong_in_one_run_alone_is_wrong() -> None:
    wrong = iter([0, 2, 0])
    session = run_session(
        [PAGE_CELLS[0]], 3, lambda cell: result(cell, 4.0, 2.0, wrong=next(wrong)), print_line=lambda _: None
    )
    assert 2 == session.cells[0]["wrong_rows"] and not session.clean


@pytest.mark.usefixtures("measured_on_the_cpu")
def test_an_adapter_is_timed_within_its_documented_limits() -> None:
    class Limited(PeerTarget):
        package = "torch"
        documented = TargetLimits(ks=(4,), max_rows=3, stride_multiple=50)

        def load(self):
            return sort_topk

    target = Limited("limited", device="cpu")
    limited = peers.adapted(target)
    assert {} == run_small({"limited": limited}).refused
    for cell, words in (
        (Cell(k=5, rows=3, columns=50, length=50), "k is one of 4"),
        (Cell(k=4, rows=4, columns=50, length=50), "at most 3 rows"),
        (Cell(k=4, rows=3, columns=51, length=51), "multiples of 50"),
    ):
        assert words in run_small({"limited": limited}, cell).refused["limited"]
    target.package = "no_such_package"
    with pytest.raises(peers.PeerUnavailable, match="no_such_package"):
        peers.adapted(target)
    assert {"flashinfer.top_k_varlen", "vllm.persistent_topk"} <= set(peers.adapters())
    assert not any(name.startswith("cub") for name in peers.adapters())
