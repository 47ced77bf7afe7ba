"""The campaign in the terminal: progress while it runs, then tables and the verdict."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ...whole_file import write_whole
from ..campaign.coverage import Coverage
from ..campaign.outcome import Outcome, PropertyOutcome, TargetOutcome
from ..properties import TRACE_AGREEMENT

WIDTH = 100  # columns that every table fits into
STYLES = {"holds": "green", "fails": "red", "not-run": "dim"}
VERDICT_STYLES = {"agree": "bold green", "mismatch": "bold red", "nothing-verified": "bold yellow"}


def terminal() -> Console:
    """A console for results on stdout, of a steady width where the output is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


class LiveProgress:
    """A bar with the counts so far; on anything but a terminal, nothing but the end is printed."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("campaign", total=1.0, told="starting")
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
        told = f"{outcome.coverage.rows} rows in {outcome.coverage.cases} cases"
        if failing:
            told += f", broken: {', '.join(failing)}"
        self._bar.update(self._task, completed=min(1.0, share), told=told)


def path_table(coverage: Coverage) -> Table:
    """Rows and cases by path, and the rows among them under the shipped policies."""
    table = Table(title="Rows by path", title_justify="left")
    table.add_column("path")
    for name in ("rows", "cases", "rows under a shipped policy"):
        table.add_column(name, justify="right")
    for name in coverage.told_paths():
        counts = coverage.paths[name], coverage.path_cases[name], coverage.shipped_paths[name]
        table.add_row(name, *map(str, counts))
    return table


def boundary_table(coverage: Coverage) -> Table:
    """Rows (cases) one before, at, and one after each boundary."""
    table = Table(title="Rows (cases) at the boundaries", title_justify="left")
    table.add_column("boundary")
    for name in ("one less", "at", "one more"):
        table.add_column(name, justify="right")
    names = {name.removesuffix("-1").removesuffix("+1") for name in coverage.boundaries}
    for name in sorted(names):
        cells = [f"{name}-1", name, f"{name}+1"]
        table.add_row(name, *(f"{coverage.boundaries[c]} ({coverage.boundary_cases[c]})" for c in cells))
    return table


def _cell(name: str, item: PropertyOutcome | None) -> Text:
    if item is None:
        return Text("")
    if name == TRACE_AGREEMENT.name and not item.claimed:
        return Text("the reference", style="dim")
    claim = "" if item.claimed else " (not claimed)"
    if item.verdict == "not-run":
        return Text(item.lacking or "not run", style=STYLES["not-run"])
    style = STYLES[item.verdict] if item.claimed else "dim " + STYLES[item.verdict]
    count = f"{item.failures} of {item.cases} cases" if item.failures else f"{item.cases} cases"
    return Text(f"{item.verdict}, {count}{claim}", style=style)


def conformance_table(targets: list[TargetOutcome]) -> Table:
    """One row a property, one column a target."""
    table = Table(title="Conformance", title_justify="left")
    table.add_column("property", no_wrap=True)
    for target in targets:
        table.add_column(target.name, overflow="fold")
    names = list(dict.fromkeys(name for target in targets for name in target.properties))
    for name in names:
        table.add_row(name, *(_cell(name, target.properties.get(name)) for target in targets))
    return table


def failures(target: TargetOutcome, claimed: bool) -> list[tuple[str, PropertyOutcome]]:
    """Failing properties, claimed ones or the others."""
    return [
        (name, item) for name, item in target.properties.items() if item.failures and item.claimed is claimed
    ]


def _story(target: TargetOutcome, name: str, item: PropertyOutcome) -> Text:
    text = Text()
    text.append(f"{target.name} breaks {name}\n", style="bold red")
    text.append(f"  {item.summary}\n")
    text.append(f"  case: {item.story}\n")
    if item.difference:
        text.append(f"  first stage that differs: {item.difference.path}, {item.difference.stage}\n")
    text.rstrip()
    return text


def _replay_line(item: PropertyOutcome) -> Text:
    """On one line however long it is: it is there to be copied."""
    return Text(f"  replay: persistent-topk replay {item.replay}\n", no_wrap=True, overflow="ignore")


def verdict_line(outcome: Outcome) -> Text:
    """The last line: the verdict, what it rests on, and the seed."""
    verdict, why = outcome.verdict, outcome.why_nothing()
    text = Text(verdict, style=VERDICT_STYLES[verdict])
    text.append(
        f": {outcome.coverage.rows} rows in {outcome.coverage.cases} cases, "
        f"{outcome.seconds:.1f} s, seed {outcome.seed}",
        style="none",
    )
    if verdict == "nothing-verified":
        text.append(f" ({why})")
    if outcome.interrupted:
        text.append(" (interrupted)")
    return text


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Everything that a campaign found, the verdict last."""
    targets = list(outcome.targets.values())
    parts: list[object] = [path_table(outcome.coverage)]
    if outcome.coverage.boundaries:
        parts.append(boundary_table(outcome.coverage))
    parts.append(conformance_table(targets))
    for name, why in outcome.unavailable.items():
        parts.append(Text(f"{name} was not run: {why}", style="yellow"))
    for target in targets:
        if target.refused:
            parts.append(Text(f"{target.name} does not take {target.refused} cases: {target.refusal}"))
        parts += [Text(f"{target.name}: {note}", style="yellow") for note in target.notes]
        for name, item in failures(target, claimed=True):
            parts += [_story(target, name, item), _replay_line(item)]
    parts.append(verdict_line(outcome))
    console.print(Group(*parts), crop=False)  # type: ignore[arg-type]


def junit(outcome: Outcome, path: Path) -> None:
    """JUnit XML: one test case for each claimed property of each target."""
    from xml.etree import ElementTree

    suites = ElementTree.Element("testsuites")
    for target in outcome.targets.values():
        claimed = {name: item for name, item in target.properties.items() if item.claimed}
        failed = sum(item.verdict == "fails" for item in claimed.values())
        skipped = sum(item.verdict == "not-run" for item in claimed.values())
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=target.name,
            tests=str(len(claimed)),
            failures=str(failed),
            skipped=str(skipped),
            time=f"{outcome.seconds:.3f}",
        )
        for name, item in claimed.items():
            test = ElementTree.SubElement(suite, "testcase", classname=target.name, name=name)
            if item.verdict == "fails":
                element = ElementTree.SubElement(test, "failure", message=item.summary)
                element.text = f"{item.story}\npersistent-topk replay {item.replay}"
            elif item.verdict == "not-run":
                ElementTree.SubElement(test, "skipped", message=item.lacking or "no case judged it")
    ElementTree.indent(suites)
    write_whole(path, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))
