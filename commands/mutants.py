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

    from ..verify.mutants.kept import Kept
    from ..verify.mutants.mutant import Mutant
    from ..verify.mutants.trial import Trial

DEFAULT_CASES = 450  # of the campaign behind the first look; the hardest to kill took 351


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
    barrier. A first look puts small cases to one kernel of it, beginning with the case that killed it before;
    then the default campaign runs, until the mutant breaks a promise, which kills it. Each result is printed,
    and written to --json, as it comes; a run that was ended early is continued by the next. The exit code is
    0 if every mutant is killed or has an argument why it is equivalent to the kernel, else 1.
    """
    from ..verify.mutants import kept, verdict
    from ..verify.reporting.terminal import drawn, terminal

    chosen = choose(only, flips)
    console = terminal()
    if listing:
        console.print(drawn(verdict.catalogue(chosen)))
        return ExitCode.AGREE
    began = time.monotonic()
    store = kept.Kept(kept.results_folder(), kept.identity(seed, cases))
    run = _Run(console, [kept.UNALTERED, *chosen], store, json_file, seed)
    interrupted = not run.to_its_end(cases)
    code = verdict.print_verdict(console, chosen, run.trials, time.monotonic() - began)
    if interrupted:
        left = 1 + len(chosen) - len(run.trials)
        console.print(f"interrupted: {left} mutants were not run; the same command continues with them")
        code = ExitCode.INTERRUPTED
    run.write(code)
    return code


class _Run:
    """Trials of mutants, the control among them: told, kept and written as they end."""

    def __init__(
        self, console: Console, mutants: Sequence[Mutant], kept: Kept, json_file: Path | None, seed: int
    ) -> None:
        self._console, self._mutants, self._kept = console, mutants, kept
        self._json_file, self._seed = json_file, seed
        self._order = {mutant.name: number for number, mutant in enumerate(mutants)}
        self.trials = kept.trials(self._order)

    def to_its_end(self, cases: int) -> bool:
        """Puts on trial all that an earlier run has not; whether no interrupt came between."""
        from ..verify.mutants.runner import run_trials

        known = {trial.name for trial in self.trials}
        if known:
            self._console.print(f"{len(known)} trials are known from an earlier run of this kernel")
        left = [mutant for mutant in self._mutants if mutant.name not in known]
        try:
            for trial in run_trials(left, self._seed, cases):
                self._kept.keep(trial)
                self._take(trial)
        except KeyboardInterrupt:
            return False
        self._kept.finish(self._order)
        return True

    def _take(self, trial: Trial) -> None:
        from ..verify.mutants.verdict import trial_line
        from ..verify.reporting.terminal import styled

        self.trials = sorted([*self.trials, trial], key=lambda item: self._order[item.name])
        line = styled(*trial_line(trial, len(self.trials), len(self._mutants)))
        self._console.print(line, overflow="ellipsis", no_wrap=True)
        self._console.file.flush()
        self.write(ExitCode.INCOMPLETE)

    def write(self, code: ExitCode) -> None:
        """The document of what has ended so far, if it was asked for."""
        from ..verify.mutants.verdict import as_json

        if self._json_file is not None:
            write_json(self._json_file, as_json(self._mutants[1:], self.trials, code, self._seed))


def choose(only: Sequence[str], flips: bool = False) -> list[Mutant]:
    """The mutants that --only names, or all. Raises click.UsageError for a name that matches none."""
    from ..verify.mutants import all_mutants

    known = all_mutants(flips)
    for part in only:
        if not any(part in name for name in known):
            raise click.UsageError(f"--only is {part!r}; expected (a part of) one of {', '.join(known)}")
    return [mutant for name, mutant in known.items() if not only or any(part in name for part in only)]
