"""persistent-topk explain: one row's way through its path, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exit_code import ExitCode
from ..reference.policy import DEFAULT_K, MAX_K, POLICIES, by_name

if TYPE_CHECKING:
    import torch

    from ..verify.reporting.stages import Walk

CONTEXT = 40_000  # columns of the row shown where no file is given: long enough for several CTAs


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
    """Walks one row through its path, stage by stage.

    It shows the model's record of the row. Without --logits: scores of a sparse-attention indexer over
    --context tokens.
    """
    from ..verify.reporting.explanation import print_walk
    from ..verify.reporting.stages import walk
    from ..verify.reporting.terminal import terminal

    logits, length = _row(file, row, context, seed)
    walked = walk(logits, length, k, None if policy is None else by_name(policy))
    console = terminal()
    agrees = print_walk(console, walked)
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
    from ..verify.cases.captured import UnreadableLogits, read_logits

    try:
        logits, lengths = read_logits(file)
    except UnreadableLogits as error:
        raise click.UsageError(str(error)) from error
    if row >= len(logits):
        raise click.UsageError(f"--row is {row}; {file} has rows 0 to {len(logits) - 1}")
    return logits[row], int(lengths[row])


def _plot(walked: Walk, file: Path) -> None:
    """The row and its stages as a picture; click.ClickException without matplotlib or for another format."""
    from ..verify.reporting.explanation import draw_walk

    try:
        draw_walk(walked, file)
    except ImportError as error:
        raise click.ClickException("--plot needs matplotlib: pip install matplotlib") from error
    except (OSError, ValueError) as error:  # no such place, no such format
        raise click.UsageError(f"--plot is {file}: {error}") from error
