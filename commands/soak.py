"""persistent-topk soak: verifies rows by the million on a GPU."""

from __future__ import annotations

from pathlib import Path

import click

from ..verify.soak.goals import DEFAULT_FOLDER, GOAL_ROWS, STAGE_SECONDS
from .options import Seconds, can_be_written, cccl_option


@click.command("soak")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice(sorted(GOAL_ROWS)),
    help="stage to run: short or long rows [default: both]",
)
@click.option(
    "--rows-short",
    type=click.IntRange(min=1),
    default=GOAL_ROWS["short"],
    show_default=True,
    help="rows of up to 8192 columns to verify over all runs",
)
@click.option(
    "--rows-long",
    type=click.IntRange(min=1),
    default=GOAL_ROWS["long"],
    show_default=True,
    help="rows of up to 262144 columns to verify over all runs",
)
@click.option(
    "--seconds",
    type=Seconds(),
    default=STAGE_SECONDS,
    show_default=True,
    help="time for each stage in this run",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="folder that keeps the counts between runs",
)
@click.option(
    "--second-oracle",
    "oracle",
    type=click.Choice(("cub",)),
    help="also judge the rows by another library's top-k",
)
@cccl_option
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=can_be_written,
    help="write the counts as JSON",
)
def command(
    stages: tuple[str, ...],
    rows_short: int,
    rows_long: int,
    seconds: float,
    seed: int,
    folder: Path,
    oracle: str | None,
    headers: Path | None,
    json_file: Path | None,
) -> int:
    """Verifies a million rows on a GPU, which makes and judges them.

    The oracle judges every row; the model judges the stages of a sample. A folder keeps the counts: a run
    resumes where the last one stopped. Runs with different seeds add up, as do GPUs of one kind.
    """
    from ..verify.soak.run import Soak, run

    rows = {"short": rows_short, "long": rows_long}
    names = stages or tuple(sorted(GOAL_ROWS))
    return run(Soak(names, rows, seconds, seed, folder, oracle, headers, json_file))
