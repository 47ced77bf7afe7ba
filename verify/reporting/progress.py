"""A campaign's progress in the terminal, while it runs."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from ..campaign.outcome import Outcome
from ..judging.measurement import Measurement
from ..printable import printable
from .terminal import print_line


class LiveProgress:
    """A bar with the counts so far, on a terminal alone; anywhere, each broken promise as it is found."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        """quiet: nothing is printed."""
        self._console = console
        self._quiet = quiet
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("campaign", total=1.0, counts="starting")
        self._live = (
            Live(self._bar, console=console, transient=True) if console.is_terminal and not quiet else None
        )

    def __enter__(self) -> LiveProgress:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def broken(self, target: str, measurement: Measurement) -> None:
        """Prints what is broken at once, so that a log shows it long before the end."""
        if not self._quiet:
            words = f"{measurement.promise} of {target} is broken: {printable(measurement.broken or '')}"
            print_line(self._console, Text(words))

    def __call__(self, outcome: Outcome, share: float) -> None:
        failing = sorted({name for target in outcome.targets.values() for name in target.failing()})
        counts = f"{outcome.coverage.rows} rows in {outcome.coverage.cases} cases"
        if failing:
            counts += f", broken: {', '.join(failing)}"
        self._bar.update(self._task, completed=min(1.0, share), counts=counts)
