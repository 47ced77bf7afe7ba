"""persistent-topk explain: how one row is selected, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exit_code import ExitCode
from ..reference.policy import DEFAULT_K, MAX_K, POLICIES, by_name
from .options import draw_to, written_file

if TYPE_CHECKING:
    import torch

    from ..verify.reporting.stages import Walk

CONTEXT = 40_000  # columns of the row shown where no file is given: long enough for several CTAs


@click.command("explain")
@click.argument(
    "failure",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[FAILURE]",
)
@click.option(
    "--logits",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="captured scores (.npy, .safetensors, .pt) [default: generated ones]",
)
@click.option("--row", type=click.IntRange(min=0), help="row of the scores [default: 0, or the failing one]")
@click.option("--k", type=click.IntRange(1, MAX_K), help=f"[default: {DEFAULT_K}, or the failure's]")
@click.option("--policy", type=click.Choice(list(POLICIES)), help="[default: the plan's choice]")
@click.option(
    "--context",
    type=click.IntRange(min=1),
    default=CONTEXT,
    show_default=True,
    help="columns of a generated row",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of a generated row"
)
@written_file("--plot", help="draw the row and its stages to this file, such as row.png")
def command(
    failure: Path | None,
    file: Path | None,
    row: int | None,
    k: int | None,
    policy: str | None,
    context: int,
    seed: int,
    plot: Path | None,
) -> int:
    """Shows how one row is selected, stage by stage.

    The stages come from the model's record of the row. FAILURE is a file that verify wrote to topk-failures/:
    its failing row is shown. Without it and without --logits the row holds generated scores of a
    sparse-attention indexer over --context tokens.
    """
    from ..verify.reporting.explanation import print_walk
    from ..verify.reporting.stages import walk
    from ..verify.reporting.terminal import terminal

    if failure is not None:
        if file is not None:
            raise click.UsageError("FAILURE and --logits exclude each other; give one")
        logits, length, own_k, own_policy = _failing_row(failure, row)
        k, policy = k or own_k, policy or own_policy
    else:
        logits, length = _row(file, row or 0, context, seed)
    walked = walk(logits, length, k or DEFAULT_K, None if policy is None else by_name(policy))
    console = terminal()
    agrees = print_walk(console, walked)
    if plot is not None:
        _plot(walked, plot)
        console.print(f"plot: {plot}")
    return ExitCode.AGREE if agrees else ExitCode.MISMATCH


def _failing_row(file: Path, row: int | None) -> tuple[torch.Tensor, int, int, str | None]:
    """The logits [S] and the length of a saved failure's row, its k and its policy. Raises click.UsageError
    for a damaged file, or a row that is missing."""
    from ..verify.failures.replay import DamagedFile, case_called, load

    try:
        failure = load(file)
    except DamagedFile as error:
        raise click.UsageError(str(error)) from error
    case, number = case_called(failure), failure.row if row is None else row
    if number >= case.rows:
        raise click.UsageError(f"--row is {number}; expected 0 to {case.rows - 1}, the rows of {file}")
    window = case.logits[number, int(case.starts[number]) :]
    return window, int(case.row_lengths[number]), case.k, case.policy


def _row(file: Path | None, row: int, context: int, seed: int) -> tuple[torch.Tensor, int]:
    """The logits [S] and the length of the row. Raises click.UsageError for a row or file that is missing."""
    if file is None:
        from ..reference.indexer import indexer_logits

        if row >= context:
            raise click.UsageError(f"--row is {row}; expected 0 to {context - 1}, as --context is {context}")
        logits, lengths = indexer_logits(row + 1, context, seed=seed)
        return logits[row], int(lengths[row])
    from ..verify.cases.captured import UnreadableLogits, read_logits

    try:
        logits, lengths = read_logits(file)
    except UnreadableLogits as error:
        raise click.UsageError(str(error)) from error
    if row >= len(logits):
        raise click.UsageError(f"--row is {row}; expected 0 to {len(logits) - 1}, the rows of {file}")
    return logits[row], int(lengths[row])


def _plot(walked: Walk, file: Path) -> None:
    """Draws the row and its stages."""
    from ..verify.reporting.explanation import draw_walk

    draw_to(file, lambda path: draw_walk(walked, path))
