"""persistent-topk explain: one row's way through its path, stage by stage."""

from __future__ import annotations

from pathlib import Path

import click
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..reference import oracle
from ..reference.policy import MAX_K, POLICIES, by_name
from ..verify.cases.captured import DEFAULT_K, UnreadableLogits, read_logits
from ..verify.campaign.outcome import ExitCode
from ..verify.reporting.terminal import terminal
from ..verify.reporting.stages import Counter, Stage, Walk, stages, walk

CONTEXT = 40_000  # columns of the row shown where no file is given: long enough for several CTAs
BAR_WIDTH = 30  # characters of the longest bar


@click.command("explain")
@click.option("--logits", "file", type=click.Path(path_type=Path), help="captured scores, in place of ours")
@click.option("--row", type=click.IntRange(min=0), default=0, show_default=True, help="row of the scores")
@click.option("--k", type=click.IntRange(1, MAX_K), default=DEFAULT_K, show_default=True)
@click.option("--policy", type=click.Choice(list(POLICIES)), help="[default: the plan's choice]")
@click.option("--context", type=click.IntRange(min=1), default=CONTEXT, show_default=True,
              help="columns of the row, without --logits")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="without --logits")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path),
              help="write a picture of the row and its stages, such as row.png")  # fmt: skip
def command(
    file: Path | None, row: int, k: int, policy: str | None, context: int, seed: int, plot: Path | None
) -> int:
    """Walks one row through its path, stage by stage, from the model's record of it.

    Without --logits: scores of a sparse-attention indexer over --context tokens.
    """
    logits, length = _row(file, row, context, seed)
    walked = walk(logits, length, k, None if policy is None else by_name(policy))
    console = terminal()
    for number, stage in enumerate(stages(walked), start=1):
        print_stage(console, number, stage)
    agrees = _agrees(walked)
    verdict = "is what" if agrees else "is NOT what"
    console.print(
        f"The answer {verdict} a stable sort selects.", style="bold green" if agrees else "bold red"
    )
    if plot is not None:
        _plot(walked, plot)
        console.print(f"plot: {plot}")
    return ExitCode.AGREE if agrees else ExitCode.MISMATCH


def _row(file: Path | None, row: int, context: int, seed: int) -> tuple[torch.Tensor, int]:
    """The logits [S] and the length of the row that was asked for; click.UsageError."""
    if file is None:
        from ..reference.indexer import indexer_logits

        if row >= context:
            raise click.UsageError(f"--row is {row}; {context} tokens have rows 0 to {context - 1}")
        logits, lengths = indexer_logits(row + 1, context, seed=seed)
        return logits[row], int(lengths[row])
    try:
        logits, lengths = read_logits(file)
    except UnreadableLogits as error:
        raise click.UsageError(str(error)) from error
    if row >= len(logits):
        raise click.UsageError(f"--row is {row}; {file} has rows 0 to {len(logits) - 1}")
    return logits[row], int(lengths[row])


def _agrees(walked: Walk) -> bool:
    length = torch.tensor([walked.row.numel()], dtype=torch.int32)
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


def _plot(walked: Walk, file: Path) -> None:
    """The row and its stages as a picture; click.ClickException without matplotlib or for another format."""
    try:
        from ..verify.reporting.pictures import row_picture
    except ImportError as error:
        raise click.ClickException("--plot needs matplotlib: pip install matplotlib") from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        row_picture(walked).savefig(file)
    except (OSError, ValueError) as error:  # no such place, no such format
        raise click.UsageError(f"--plot is {file}: {error}") from error
