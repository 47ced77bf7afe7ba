"""persistent-topk mutants: whether the checker would notice, shown on kernels with one mistake each."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .options import json_option, seed_option
from ..verify.mutants import Mutant, all_mutants
from ..verify.mutants.runner import run_trials
from ..verify.mutants.trial import BROKEN, KILLED, SURVIVED, Trial
from ..verify.campaign.outcome import SCHEMA, ExitCode
from ..verify.reporting.terminal import terminal

DEFAULT_CASES = 450  # most die of the first one; the hardest to kill took 351
WORDS_SHOWN = 120  # characters of a judge's words in the table; --json has more
UNALTERED = Mutant("the kernel as it is", "nothing: the control, which has to survive", ())
STYLES = {KILLED: "green", SURVIVED: "red", BROKEN: "red"}


@click.command("mutants")
@click.option("--only", "only", multiple=True, metavar="NAME", help="mutants whose name contains this")
@click.option("--flips", is_flag=True, help="each flipped comparison too: half an hour or more")
@click.option("--list", "listing", is_flag=True, help="show the mutants, run none")
@click.option(
    "--cases", type=click.IntRange(min=1), default=DEFAULT_CASES, show_default=True,
    help="most cases that the campaign puts to each mutant",
)  # fmt: skip
@seed_option
@json_option
def command(
    only: tuple[str, ...], flips: bool, listing: bool, cases: int, seed: int, json_file: Path | None
) -> int:
    """Builds each mutant of the kernel and shows what killed it, and how fast.

    A mutant is the production kernel with one mistake: a published failure re-created, a flipped
    comparison, a barrier deleted. The default campaign runs on the emulated mutant until a promise is
    broken. Exit code 0 if all are killed but those that are shown to be equivalent, 1 if not.
    """
    chosen = choose(only, flips)
    console = terminal()
    if listing:
        console.print(catalogue(chosen))
        return ExitCode.AGREE
    began = time.monotonic()
    trials, interrupted = _run(console, [UNALTERED, *chosen], seed, cases)
    code = print_verdict(console, chosen, trials, time.monotonic() - began)
    if interrupted:
        console.print(f"interrupted: {1 + len(chosen) - len(trials)} were not put on trial")
        code = ExitCode.INTERRUPTED
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(as_json(chosen, trials, code, seed), indent=1) + "\n")
    return code


def _run(console: Console, mutants: Sequence[Mutant], seed: int, cases: int) -> tuple[list[Trial], bool]:
    """The trials that ended, in the order of the mutants, and whether an interrupt kept others from it."""
    trials, interrupted = [], False
    try:
        for trial in run_trials(mutants, seed, cases):
            trials.append(trial)
            if console.is_terminal:
                console.print(_line(trial), overflow="ellipsis", no_wrap=True)
    except KeyboardInterrupt:
        interrupted = True
    order = [mutant.name for mutant in mutants]
    return sorted(trials, key=lambda trial: order.index(trial.name)), interrupted


def choose(only: Sequence[str], flips: bool = False) -> list[Mutant]:
    """The mutants that --only names, all without it; click.UsageError for a name that none has."""
    known = all_mutants(flips)
    for part in only:
        if not any(part in name for name in known):
            raise click.UsageError(f"--only is {part!r}; expected (a part of) one of {', '.join(known)}")
    return [mutant for name, mutant in known.items() if not only or any(part in name for part in only)]


def catalogue(mutants: Sequence[Mutant]) -> Table:
    """What --list shows: each mutant, where it is, and what it re-creates."""
    table = Table(box=None)
    for heading in ("mutant", "file", "re-creates"):
        table.add_column(heading, overflow="fold")
    for mutant in mutants:
        files = dict.fromkeys(edit.file for edit in mutant.edits)
        table.add_row(mutant.name, ", ".join(files), Text(mutant.recreates))
    return table


def _line(trial: Trial) -> Text:
    text = Text(f"{trial.verdict:8} ", style=STYLES[trial.verdict])
    text.append(f"{trial.name} ", style="bold")
    text.append(f"{trial.by} {trial.told}", style="none")
    return text


def trial_table(trials: Sequence[Trial]) -> Table:
    """One row a mutant: what killed it, how fast, and in whose words."""
    table = Table(box=None, show_edge=False)
    table.add_column("mutant", no_wrap=True)
    table.add_column("killed by", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("cases", justify="right", no_wrap=True)
    table.add_column("first stage that differs, or the judge's words", overflow="fold")
    for trial in trials:
        by = Text(trial.by) if trial.verdict == KILLED else Text(trial.verdict, style=STYLES[trial.verdict])
        told = textwrap.shorten(trial.told, WORDS_SHOWN, placeholder=" ...")
        table.add_row(trial.name, by, f"{trial.seconds:.1f}", str(trial.cases), Text(told))
    return table


def print_verdict(
    console: Console, mutants: Sequence[Mutant], trials: Sequence[Trial], seconds: float
) -> ExitCode:
    """The table, the survivors with their arguments, and what follows."""
    control = next((trial for trial in trials if trial.name == UNALTERED.name), None)
    others = [trial for trial in trials if trial is not control]
    console.print(trial_table(others))
    equivalent = {mutant.name: mutant.equivalent for mutant in mutants if mutant.equivalent}
    alive = [trial for trial in others if trial.verdict != KILLED]
    unexplained = [trial for trial in alive if trial.verdict == BROKEN or trial.name not in equivalent]
    for trial in alive:
        why = trial.told if trial.verdict == BROKEN else f"alive after {trial.cases} cases"
        if trial not in unexplained:
            why = f"equivalent: {equivalent[trial.name]}"
        console.print(f"{trial.name}: {why}", markup=False)
    killed = len(others) - len(alive)
    text = f"{killed} of {len(others)} mutants killed, {seconds:.0f} s"
    if control is None:
        console.print(f"{text}; the kernel as it is has not been through, so kills say nothing yet")
        return ExitCode.NOTHING_VERIFIED
    if control.verdict != SURVIVED:
        console.print(
            f"the kernel as it is does not pass, so kills say nothing: {control.by} {control.told}",
            markup=False,
        )
        return ExitCode.CANNOT_RUN if control.verdict == BROKEN else ExitCode.MISMATCH
    if unexplained:
        console.print(f"{text}; alive: {', '.join(trial.name for trial in unexplained)}", style="bold red")
        return ExitCode.MISMATCH
    console.print(f"{text}, the others are equivalent" if alive else text, style="bold green")
    return ExitCode.AGREE


def as_json(
    mutants: Sequence[Mutant], trials: Sequence[Trial], code: ExitCode, seed: int
) -> dict[str, object]:
    """The document of --json."""
    known = {mutant.name: mutant for mutant in mutants}
    return {
        "schema": SCHEMA,
        "verdict": "agree" if code is ExitCode.AGREE else "mismatch",
        "seed": seed,
        "control": next((trial.as_json() for trial in trials if trial.name == UNALTERED.name), None),
        "mutants": {
            trial.name: {
                **trial.as_json(),
                "recreates": known[trial.name].recreates,
                "equivalent": known[trial.name].equivalent or None,
            }
            for trial in trials
            if trial.name in known
        },
    }
