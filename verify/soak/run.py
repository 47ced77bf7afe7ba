"""One run of the soak: each stage is begun or resumed, then the tallies are added up."""

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
    """What to run. stages: their names. rows: how many each stage needs over all runs. seconds: time for each
    stage in this run. folder: keeps tallies between runs. oracle: name of a second oracle, or None."""

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
        """The file of each stage's tally."""
        return {name: self.folder / f"{name}-{self.seed}.json" for name in self.stages}


def line_of(tally: Tally, wanted: int) -> str:
    """The state of a stage as one line."""
    judged = f"{tally.second_rows} by a second oracle, " if tally.second_rows else ""
    policies = ", ".join(f"{name} {rows}" for name, rows in sorted(tally.policies.items()))
    text = (
        f"{tally.stage}: {tally.rows} rows, {judged}{tally.traced} traced ({policies or 'none'}), "
        f"{tally.mismatches} wrong, {tally.trace_mismatches} traces differ, {tally.rate:.0f} rows/s"
    )
    if tally.second_mismatches:
        text += f"; {tally.second_mismatches} rows differ from the second oracle's"
    left = wanted - tally.rows
    return text if left <= 0 else f"{text}; {left} rows are left: run the soak again"


def run(soak: Soak) -> int:
    """Runs or resumes the stages, prints each and the merged tallies; returns the exit code.

    Raises click.UsageError for a folder in which other files count the same rows.
    """
    if not torch.cuda.is_available():
        click.echo("soak needs a GPU: torch finds no CUDA device on this machine", err=True)
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
    except second.Unavailable as error:  # part of the way through: rows verified before it count
        code = cannot_run(soak, error)
        verdict = report(soak, complete=False)
        return verdict if verdict == ExitCode.MISMATCH else code
    return report(soak, complete)


def cannot_run(soak: Soak, error: second.Unavailable) -> int:
    """Prints why the second oracle cannot be used; returns the exit code."""
    click.echo(f"--second-oracle {soak.oracle} cannot run here: {error}", err=True)
    return ExitCode.CANNOT_RUN


def run_stages(soak: Soak, other: second.SecondOracle | None) -> bool:
    """Runs or resumes each stage and prints its line, even if the stage ends in an error.

    Returns whether every stage has its rows.
    """
    soak.folder.mkdir(parents=True, exist_ok=True)
    wanted = {**GOAL_ROWS, **(soak.rows or {})}
    complete = True
    for name, path in soak.files.items():
        try:
            tally = run_stage(STAGES[name], soak.seed, wanted[name], soak.seconds, path, other)
        finally:
            print_stage(path, wanted[name])
        complete &= tally.rows >= wanted[name]
    return complete


def print_stage(path: Path, wanted: int) -> None:
    """Prints the tally of a stage and its failures."""
    tally = read(path)
    if tally is not None:
        click.echo(line_of(tally, wanted))
        for words in tally.failures:
            click.echo(f"  {words}")


def report(soak: Soak, complete: bool) -> int:
    """Prints and writes the sum of all tallies of the present kernel in the folder; returns the exit code."""
    total = merge(read_all(soak.folder))
    total["complete"] = complete
    if soak.json_file:
        write_json(soak.json_file, total)
    stages = [part for part in total.values() if isinstance(part, dict)]
    rows, wrong = sum(part["rows"] for part in stages), sum(part["mismatches"] for part in stages)
    click.echo(f"{'mismatch' if wrong else 'agree'}: {rows} rows in all, {wrong} disagreements")
    if not rows:
        return ExitCode.INCOMPLETE
    return ExitCode.MISMATCH if wrong else ExitCode.AGREE
