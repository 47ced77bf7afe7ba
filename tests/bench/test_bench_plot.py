"""The bench's picture: every right cell in its place, every series labelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_fakes import result

from persistent_topk.bench import plot, table
from persistent_topk.bench.cells import PAGE_CELLS, TRIVIAL_CELLS
from persistent_topk.bench.run import COLD

pytest.importorskip("matplotlib")


def test_cells_stand_by_k_rows_and_length() -> None:
    shuffled = [PAGE_CELLS[i] for i in (63, 30, 1, 31, 46, 0)]  # 31: mixed lengths
    found = [table.as_json([result(cell, 4.0, 2.0)]) for cell in shuffled]
    found.append(table.as_json([result(2, 4.0, 2.0, wrong=1)]))
    names = [cell["name"] for cell in plot.in_page_order(found)]
    assert names == [
        "2048 x 1 x 4K",
        "2048 x 1 x 8K",
        "2048 x 64 x 256K",
        "2048 x 64 x mixed",
        "1024 x 128 x 256K",
        "512 x 1 x 8K",
    ]


def test_each_series_has_its_values_and_a_label() -> None:
    pyplot = plot.load_matplotlib()
    found = [table.as_json([result(cell, 5.0, 2.0)]) for cell in (PAGE_CELLS[0], TRIVIAL_CELLS[0])]
    figure, axes = pyplot.subplots()
    try:
        plot.draw_half(axes, found, COLD)
        plot.mark_groups(axes, found)
        drawn = {drawing.get_label(): list(drawing.get_ydata()) for drawing in axes.get_lines()}
        page = PAGE_CELLS[0].cold
        assert page is not None
        for kind, (_, _, label) in plot.SERIES.items():
            assert [getattr(page, kind) / page.floor] == pytest.approx(drawn[label])
        assert [2.5, 2.5] == pytest.approx(drawn[plot.OURS_LOOK[2]])
        assert ["4K", "1K/8K"] == [tick.get_text() for tick in axes.get_xticklabels()]
        assert "cold" in axes.get_ylabel() and ["k 2048\n1 row"] == [text.get_text() for text in axes.texts]
    finally:
        pyplot.close(figure)


def test_a_run_without_a_right_cell_has_no_picture(tmp_path: Path) -> None:
    found = [table.as_json([result(0, 4.0, 2.0, wrong=1)])]
    with pytest.raises(ValueError, match="no cell to show"):
        plot.draw(found, "title", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
