"""Runs compute-sanitizer's checks over every path, each first shown to catch a planted bug.

python -m persistent_topk.tools.sanitizer [--json FILE] [--tool PATH]
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch

from ...commands import cli
from ...cuda.build import KERNEL_UNITS, BuildError, Unit, build
from ...cuda.library import arch_of
from ...exit_code import ExitCode
from ...whole_file import write_json
from .tool import NOT_RUN, SHARED_OPTION, SHARED_SINCE, NoSanitizer, Tool, find_tool, kept, run_tool

SOURCE = Path(__file__).parent / "workload.cu"
POLICIES = ("small", "tiny")
DEVICE = 0  # of the program, which is a process of its own and chooses none


@dataclass(frozen=True)
class Check:
    """A tool with its options, and the planted bug that it must catch."""

    name: str
    options: tuple[str, ...]
    bug: str


CHECKS = (
    Check("memcheck", ("--tool", "memcheck"), "out-of-bounds"),
    Check("racecheck", ("--tool", "racecheck"), "race"),
    Check("initcheck", ("--tool", "initcheck"), "uninitialised"),
    Check("initcheck, shared", ("--tool", "initcheck", SHARED_OPTION, "shared"), "uninitialised-shared"),
    Check("synccheck", ("--tool", "synccheck"), "barrier"),
)


@dataclass
class Outcome:
    """Of one check. lacking: this version has no such check. caught: the planted bug was reported.
    errors: reported over the real kernel, a failure of the tool counting as one."""

    tool: str
    lacking: bool
    caught: bool
    errors: int
    policies: tuple[str, ...]
    seconds: float
    note: str = ""

    @property
    def clean(self) -> bool:
        return self.lacking or (self.caught and self.errors == 0)


def run_check(tool: Tool, check: Check, program: Path) -> Outcome:
    """The planted bug first, then every path under the small policies."""
    if SHARED_OPTION in check.options and not tool.shared:
        note = f"this version does not look at shared memory; that came with {SHARED_SINCE}"
        return Outcome(check.name, True, False, 0, (), 0.0, note)
    began = time.monotonic()
    planted, output = run_tool(tool, check.options, program, "plant", check.bug)
    if planted <= 0:
        return Outcome(check.name, False, False, 0, (), round(time.monotonic() - began, 1), kept(output))
    total, note = 0, ""
    for policy in POLICIES:
        errors, output = run_tool(tool, check.options, program, "clean", policy)
        total += abs(errors)
        note = note or (kept(output) if errors else "")
    return Outcome(check.name, False, True, total, POLICIES, round(time.monotonic() - began, 1), note)


def line(outcome: Outcome) -> str:
    """One line of the table, and under it the tool's own lines."""
    if outcome.lacking:
        return f"{outcome.tool:<18} {NOT_RUN}{outcome.note}"
    control = "caught" if outcome.caught else "NOT CAUGHT"
    counted = f"errors {outcome.errors:>3}  {outcome.seconds:6.1f} s"
    head = f"{outcome.tool:<18} planted bug {control:<10} {counted}"
    return f"{head}\n{outcome.note}" if outcome.note else head


def run_all(tool: Tool, program: Path, gpu: str) -> dict[str, Any]:
    """What the checks found on the GPU of that name, printed as it comes."""
    outcomes = []
    head = f"{tool.version}, {gpu}"
    print(head)
    for check in CHECKS:
        outcomes.append(run_check(tool, check, program))
        print(line(outcomes[-1]), flush=True)
    return {
        "ok": all(outcome.clean for outcome in outcomes),
        "lines": [head, *(text for outcome in outcomes for text in line(outcome).splitlines())],
        "sanitizer": tool.version,
        "gpu": gpu,
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }


@click.command("sanitizer")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option(
    "--tool",
    "given",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="another compute-sanitizer, or its wheel",
)
def command(json_file: Path | None, given: Path | None) -> int:
    """Runs compute-sanitizer's checks over every path; exits with 0 if each that there is catches its planted
    bug and finds none in the kernel."""
    if not torch.cuda.is_available():
        click.echo("the sanitizers need a CUDA device; torch sees none", err=True)
        return ExitCode.CANNOT_RUN
    try:
        tool = find_tool(given)
        program = build((Unit(SOURCE), *KERNEL_UNITS), arch_of(DEVICE), program=True)
    except (NoSanitizer, BuildError) as error:
        click.echo(str(error), err=True)
        return ExitCode.CANNOT_RUN
    found = run_all(tool, program, torch.cuda.get_device_name(DEVICE))
    if json_file:
        write_json(json_file, found)
    return ExitCode.AGREE if found["ok"] else ExitCode.MISMATCH


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.sanitizer")
