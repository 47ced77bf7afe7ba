"""A campaign's progress in the terminal, while it runs."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from ..campaign.outcome import Outcome


class LiveProgress:
    """A bar with the counts so far; on anything but a terminal, nothing but the end is printed."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("campaign", total=1.0, counts="starting")
        self._live = Live(self._bar, console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> LiveProgress:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def __call__(self, outcome: Outcome, share: float) -> None:
        failing = sorted({name for target in outcome.targets.values() for name in target.failing()})
        counts = f"{outcome.coverage.rows} rows in {outcome.coverage.cases} cases"
        if failing:
            counts += f", broken: {', '.join(failing)}"
        self._bar.update(self._task, completed=min(1.0, share), counts=counts)
