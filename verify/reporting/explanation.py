"""A row's walk through its path, in the terminal and as a picture."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...reference import oracle
from .stages import Counter, Stage, Walk, stages

BAR_WIDTH = 30  # characters of the longest bar


def print_walk(console: Console, walked: Walk) -> bool:
    """Every stage of the walk, then whether its answer is the oracle's, which is returned."""
    for number, stage in enumerate(stages(walked), start=1):
        print_stage(console, number, stage)
    agrees = is_the_oracles(walked)
    verdict = "is what" if agrees else "is NOT what"
    console.print(
        f"The answer {verdict} a stable sort selects.", style="bold green" if agrees else "bold red"
    )
    return agrees


def is_the_oracles(walked: Walk) -> bool:
    """Whether the walk selected what the oracle selects of its row."""
    length = torch.tensor([walked.row.numel()], dtype=torch.int32, device=walked.row.device)
    expected = oracle.topk(walked.row[None, :], length, walked.k)[0]
    return torch.equal(expected[expected >= 0].to(torch.int64), walked.selected)


def print_stage(console: Console, number: int, stage: Stage) -> None:
    """The stage's title, its sentences, and what shows them, as a table."""
    console.print(Text(f"{number}. {stage.title}", style="bold"))
    for sentence in stage.sentences:
        console.print(f"   {sentence}", markup=False)
    if stage.counters:
        console.print(_histogram(stage.counters))
    if stage.table:
        table = Table(*stage.headings, box=None)
        for column in table.columns:
            column.justify = "right"
        for cells in stage.table:
            table.add_row(*cells)
        console.print(table)
    console.print()


def _histogram(counters: tuple[Counter, ...]) -> Table:
    """The counters as bars, from the top; the one with the k-th key is marked."""
    most = max(counter.count for counter in counters) or 1
    table = Table(box=None, show_header=False)
    for counter in counters:
        bar = "#" * max(int(counter.count > 0), round(BAR_WIDTH * counter.count / most))
        mark = "<- the k-th" if counter.chosen else ""
        cells = str(counter.number), counter.values, f"{counter.count:>7}", bar, mark
        table.add_row(*cells, style="bold" if counter.chosen else "")
    return table


def draw_walk(walked: Walk, file: Path) -> None:
    """The walk as a picture in `file`. Raises ImportError without matplotlib, ValueError for a format that it
    does not know, OSError for a place that cannot be written."""
    from .pictures import row_picture

    file.parent.mkdir(parents=True, exist_ok=True)
    row_picture(walked).savefig(file)
