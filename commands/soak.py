"""persistent-topk soak: rows by the million, on a GPU."""

from __future__ import annotations

from pathlib import Path

import click

from ..verify.soak.goals import DEFAULT_FOLDER, GOAL_ROWS, STAGE_SECONDS
from .options import Seconds, cccl_option, not_under_a_file


@click.command("soak")
@click.option("--stage", "stages", multiple=True, type=click.Choice(sorted(GOAL_ROWS)), help="[default: all]")
@click.option("--rows-short", type=click.IntRange(min=1), default=GOAL_ROWS["short"], show_default=True,
              help="wanted in all, of up to 8192 columns")
@click.option("--rows-long", type=click.IntRange(min=1), default=GOAL_ROWS["long"], show_default=True,
              help="wanted in all, of up to 262144 columns")
@click.option("--seconds", type=Seconds(), default=STAGE_SECONDS,
              show_default=True, help="of each stage in this run")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_FOLDER,
              show_default=True, help="where counts are kept, and gone on from")
@click.option("--second-oracle", "oracle", type=click.Choice(("cub",)),
              help="judge the rows by another library's top-k, too")
@cccl_option
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path),
              callback=not_under_a_file, help="write the sums")
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
    """Verifies a million rows on a GPU, made and judged there.

    The oracle and the model judge them. Counts are kept in a folder: a run goes on where the last one
    stopped, and runs with other seeds, on other GPUs of the same kind, add up.
    """
    from ..verify.soak.run import Soak, run

    rows = {"short": rows_short, "long": rows_long}
    names = stages or tuple(sorted(GOAL_ROWS))
    return run(Soak(names, rows, seconds, seed, folder, oracle, headers, json_file))
