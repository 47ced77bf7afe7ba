"""A run of the soak: stages of rows at a GPU's rate, each gone on with or begun; then the sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from ...exit_code import ExitCode
from ...whole_file import write_json
from . import second
from .batches import STAGES
from .goals import DEFAULT_FOLDER, GOAL_ROWS, STAGE_SECONDS
from .stage import run_stage
from .tally import CountedTwice, Tally, check_counted_once, merge, read, read_all


@dataclass(frozen=True)
class Soak:
    """What to run. stages: their names. rows: wanted of each in all. seconds: of each stage in this run.
    folder: where tallies are kept between runs. oracle: a second one, or None."""

    stages: Sequence[str] = tuple(sorted(STAGES))
    rows: dict[str, int] | None = None
    seconds: float = STAGE_SECONDS
    seed: int = 1
    folder: Path = DEFAULT_FOLDER
    oracle: str | None = None
    headers: Path | None = None
    json_file: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Where each stage's tally is."""
        return {name: self.folder / f"{name}-{self.seed}.json" for name in self.stages}


def told(tally: Tally, wanted: int) -> str:
    """One line on a stage."""
    judged = f"{tally.second_rows} by a second oracle, " if tally.second_rows else ""
    policies = ", ".join(f"{name} {rows}" for name, rows in sorted(tally.policies.items()))
    text = (
        f"{tally.stage}: {tally.rows} rows, {judged}{tally.traced} traced ({policies or 'none'}), "
        f"{tally.mismatches} wrong, {tally.trace_mismatches} traces differ, {tally.rate:.0f} rows/s"
    )
    if tally.second_mismatches:
        text += f"; {tally.second_mismatches} rows unlike the second oracle's"
    return text if tally.rows >= wanted else f"{text}; {wanted - tally.rows} to go: run it again"


def run(soak: Soak) -> int:
    """Runs or resumes the stages, prints each and the merged tallies; the exit code says the verdict.

    Raises click.UsageError for a folder in which other files count the same rows.
    """
    if not torch.cuda.is_available():
        click.echo("soak runs the kernel on a GPU: torch sees no CUDA device here", err=True)
        return ExitCode.CANNOT_RUN
    there = {path: (tally.stage, tally.seed) for path, tally in read_all(soak.folder).items()}
    try:
        check_counted_once({**there, **{path: (name, soak.seed) for name, path in soak.files.items()}})
        other = None if soak.oracle is None else second.load(soak.headers)
    except CountedTwice as error:
        raise click.UsageError(str(error)) from error
    except second.Unavailable as error:
        return cannot_run(soak, error)
    if other is not None:
        click.echo(f"second oracle: {other.name}")
    try:
        complete = run_stages(soak, other)
    except second.Unavailable as error:  # on the way: what was found before it counts
        told_why = cannot_run(soak, error)
        verdict = report(soak, complete=False)
        return verdict if verdict == ExitCode.MISMATCH else told_why
    return report(soak, complete)


def cannot_run(soak: Soak, error: second.Unavailable) -> int:
    """Says why the second oracle does not; the exit code of that."""
    click.echo(f"--second-oracle {soak.oracle} cannot run here: {error}", err=True)
    return ExitCode.CANNOT_RUN


def run_stages(soak: Soak, other: second.SecondOracle | None) -> bool:
    """Runs or resumes each stage and prints a line on it, also where it ends in an error; whether all have
    their rows."""
    soak.folder.mkdir(parents=True, exist_ok=True)
    wanted = {**GOAL_ROWS, **(soak.rows or {})}
    complete = True
    for name, path in soak.files.items():
        try:
            tally = run_stage(STAGES[name], soak.seed, wanted[name], soak.seconds, path, other)
        finally:
            tell(path, wanted[name])
        complete &= tally.rows >= wanted[name]
    return complete


def tell(path: Path, wanted: int) -> None:
    """Prints what a stage's tally says."""
    tally = read(path)
    if tally is not None:
        click.echo(told(tally, wanted))
        for words in tally.failures:
            click.echo(f"  {words}")


def report(soak: Soak, complete: bool) -> int:
    """The sum of all tallies of today's kernel in the folder, whoever began them."""
    total = merge(read_all(soak.folder))
    total["complete"] = complete
    if soak.json_file:
        write_json(soak.json_file, total)
    stages = [part for part in total.values() if isinstance(part, dict)]
    rows, wrong = sum(part["rows"] for part in stages), sum(part["mismatches"] for part in stages)
    click.echo(f"{'mismatch' if wrong else 'agree'}: {rows} rows in all, {wrong} disagreements")
    if not rows:
        return ExitCode.NOTHING_VERIFIED
    return ExitCode.MISMATCH if wrong else ExitCode.AGREE
