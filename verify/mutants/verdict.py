"""The results of trials: their table, their verdict and their JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console

from ...exit_code import ExitCode
from ..campaign.outcome import SCHEMA
from ..reporting.terminal import drawn, styled
from ..reporting.view import Cell, Column, Line, Table, Tone
from .kept import UNALTERED
from .mutant import Mutant
from .trial import BROKEN, KILLED, SURVIVED, Trial

WORDS_SHOWN = 120  # characters of a judge's words in the table; --json has more
VERDICTS = {ExitCode.AGREE: "agree", ExitCode.INCOMPLETE: "incomplete"}  # every other code is a mismatch
TONES = {KILLED: Tone.GOOD, SURVIVED: Tone.BAD, BROKEN: Tone.BAD}


def catalogue(mutants: Sequence[Mutant]) -> Table:
    """What --list shows: each mutant, where it is, and what it re-creates."""

    def row(mutant: Mutant) -> Line:
        files = dict.fromkeys(edit.file for edit in mutant.edits)
        return Cell(mutant.name), Cell(", ".join(files)), Cell(mutant.recreates)

    return Table("", tuple(map(Column, ("mutant", "file", "re-creates"))), tuple(map(row, mutants)))


def trial_line(trial: Trial, number: int, of: int) -> Line:
    """One trial as it ends: on one line, whatever a judge's words are."""
    told = textwrap.shorten(f"{trial.by} {trial.told}", WORDS_SHOWN, placeholder=" ...")
    return (
        Cell(f"{number:>{len(str(of))}} of {of}  {trial.seconds:5.1f} s  "),
        Cell(f"{trial.verdict:8} ", TONES[trial.verdict]),
        Cell(f"{trial.name} ", strong=True),
        Cell(told),
    )


def trial_table(trials: Sequence[Trial]) -> Table:
    """The table of trials: what killed each mutant, how fast, and the message."""

    def row(trial: Trial) -> Line:
        killed = trial.verdict == KILLED
        return (
            Cell(trial.name),
            Cell(trial.by) if killed else Cell(trial.verdict, TONES[trial.verdict]),
            Cell(f"{trial.seconds:.1f}"),
            Cell(str(trial.cases)),
            Cell(textwrap.shorten(trial.told, WORDS_SHOWN, placeholder=" ...")),
        )

    columns = (
        Column("mutant", whole=True),
        Column("killed by", whole=True),
        Column("s", number=True, whole=True),
        Column("cases", number=True, whole=True),
        Column("first stage that differs, or the judge's words"),
    )
    return Table("", columns, tuple(map(row, trials)))


def print_verdict(
    console: Console, mutants: Sequence[Mutant], trials: Sequence[Trial], seconds: float
) -> ExitCode:
    """The table, the survivors with their arguments, and what follows."""
    control = next((trial for trial in trials if trial.name == UNALTERED.name), None)
    others = [trial for trial in trials if trial is not control]
    equivalent = {mutant.name: mutant.equivalent for mutant in mutants if mutant.equivalent}
    alive = [trial for trial in others if trial.verdict != KILLED]
    unexplained = [trial for trial in alive if trial.verdict == BROKEN or trial.name not in equivalent]
    console.print(drawn(trial_table(others)))
    for trial in alive:
        why = (
            trial.told
            if trial.verdict == BROKEN
            else f"alive after {trial.cases} cases, {trial.seconds:.0f} s"
        )
        if trial not in unexplained:
            why = f"equivalent: {equivalent[trial.name]}"
        console.print(styled(Cell(f"{trial.name}: {why}")))
    text = f"{len(others) - len(alive)} of {len(others)} mutants killed, {seconds:.0f} s"
    if control is None:
        code = ExitCode.INCOMPLETE
        last = Cell(f"{text}; the kernel as it is has not been tried, so that kills prove nothing yet")
    elif control.verdict != SURVIVED:
        code = ExitCode.CANNOT_RUN if control.verdict == BROKEN else ExitCode.MISMATCH
        last = Cell(
            f"the kernel as it is does not pass, so that kills prove nothing: {control.by} {control.told}"
        )
    elif unexplained:
        code, names = ExitCode.MISMATCH, ", ".join(trial.name for trial in unexplained)
        last = Cell(f"{text}; alive: {names}", Tone.BAD, strong=True)
    else:
        code, rest = ExitCode.AGREE, ", the others are equivalent" if alive else ""
        last = Cell(f"{text}{rest}", Tone.GOOD, strong=True)
    console.print(styled(last))
    return code


def as_json(
    mutants: Sequence[Mutant], trials: Sequence[Trial], code: ExitCode, seed: int
) -> dict[str, object]:
    """The document of --json."""
    known = {mutant.name: mutant for mutant in mutants}
    return {
        "schema": SCHEMA,
        "verdict": VERDICTS.get(code, "mismatch"),
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
