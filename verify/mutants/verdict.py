"""What trials of mutants come to: their table, their verdict, their document."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...exit_code import ExitCode
from ..campaign.outcome import SCHEMA
from .mutant import Mutant
from .trial import BROKEN, KILLED, SURVIVED, Trial

WORDS_SHOWN = 120  # characters of a judge's words in the table; --json has more
UNALTERED = Mutant("the kernel as it is", "nothing: the control, which has to survive", ())
STYLES = {KILLED: "green", SURVIVED: "red", BROKEN: "red"}


def catalogue(mutants: Sequence[Mutant]) -> Table:
    """What --list shows: each mutant, where it is, and what it re-creates."""
    table = Table(box=None)
    for heading in ("mutant", "file", "re-creates"):
        table.add_column(heading, overflow="fold")
    for mutant in mutants:
        files = dict.fromkeys(edit.file for edit in mutant.edits)
        table.add_row(mutant.name, ", ".join(files), Text(mutant.recreates))
    return table


def trial_line(trial: Trial) -> Text:
    """One trial as it ends."""
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
