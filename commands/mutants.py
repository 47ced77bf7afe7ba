"""persistent-topk mutants: whether the checker notices a mistake, for kernels with one mistake each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exit_code import ExitCode
from ..whole_file import write_json
from .options import json_option, seed_option

if TYPE_CHECKING:
    from rich.console import Console

    from ..verify.mutants.mutant import Mutant
    from ..verify.mutants.trial import Trial

DEFAULT_CASES = 450  # most die of the first one; the hardest to kill took 351


@click.command("mutants")
@click.option(
    "--only",
    "only",
    multiple=True,
    metavar="NAME",
    help="only mutants whose name contains this; may be repeated",
)
@click.option("--flips", is_flag=True, help="also flip each comparison; takes half an hour or more")
@click.option("--list", "listing", is_flag=True, help="list the mutants and run none")
@click.option(
    "--cases",
    type=click.IntRange(min=1),
    default=DEFAULT_CASES,
    show_default=True,
    help="most cases that each mutant gets",
)
@seed_option
@json_option
def command(
    only: tuple[str, ...], flips: bool, listing: bool, cases: int, seed: int, json_file: Path | None
) -> int:
    """Builds each mutant of the kernel and shows what killed it, and how fast.

    A mutant is the production kernel with one mistake: a published failure, a flipped comparison, a deleted
    barrier. The default campaign runs on the emulated mutant until the mutant breaks a promise, which kills
    it. The exit code is 0 if every mutant is killed or has an argument why it is equivalent to the kernel,
    else 1.
    """
    from ..verify.mutants import verdict
    from ..verify.reporting.terminal import drawn, terminal

    chosen = choose(only, flips)
    console = terminal()
    if listing:
        console.print(drawn(verdict.catalogue(chosen)))
        return ExitCode.AGREE
    began = time.monotonic()
    trials, interrupted = _run(console, [verdict.UNALTERED, *chosen], seed, cases)
    code = verdict.print_verdict(console, chosen, trials, time.monotonic() - began)
    if interrupted:
        console.print(f"interrupted: {1 + len(chosen) - len(trials)} mutants were not run")
        code = ExitCode.INTERRUPTED
    if json_file is not None:
        write_json(json_file, verdict.as_json(chosen, trials, code, seed))
    return code


def _run(console: Console, mutants: Sequence[Mutant], seed: int, cases: int) -> tuple[list[Trial], bool]:
    """The trials that ended, in the order of the mutants, and whether an interrupt stopped the rest."""
    from ..verify.mutants.runner import run_trials
    from ..verify.mutants.verdict import trial_line
    from ..verify.reporting.terminal import styled

    trials, interrupted = [], False
    try:
        for trial in run_trials(mutants, seed, cases):
            trials.append(trial)
            if console.is_terminal:
                console.print(styled(*trial_line(trial)), overflow="ellipsis", no_wrap=True)
    except KeyboardInterrupt:
        interrupted = True
    order = [mutant.name for mutant in mutants]
    return sorted(trials, key=lambda trial: order.index(trial.name)), interrupted


def choose(only: Sequence[str], flips: bool = False) -> list[Mutant]:
    """The mutants that --only names, or all. Raises click.UsageError for a name that matches none."""
    from ..verify.mutants import all_mutants

    known = all_mutants(flips)
    for part in only:
        if not any(part in name for name in known):
            raise click.UsageError(f"--only is {part!r}; expected (a part of) one of {', '.join(known)}")
    return [mutant for name, mutant in known.items() if not only or any(part in name for part in only)]
