"""Registers and spills of the compiled kernels for every architecture, read from the assembler's report.

python -m persistent_topk.tools.spills [--arch sm_90 ...]     exit 1 if the tuned architecture spills

Needs nvcc and no GPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from ..commands import cli
from ..cuda.build import DEFAULT_ARCH, KERNEL_UNITS, BuildError, build
from ..exit_code import ExitCode
from ..reference.plan import ENTRIES
from ..reference.policy import POLICIES, SHIPPED

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
TUNED = DEFAULT_ARCH  # where a spill is a defect; elsewhere it is only shown
SHIPPED_UNITS = tuple(KERNEL_UNITS[1 + list(POLICIES).index(policy.name)] for policy in SHIPPED)
ENTRY = re.compile(r"Compiling entry function '([^']+)' for '([^']+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
# What the compiler makes of kernel<policy, tracing, entry>: lengths before names, L<type><value>E for values.
MANGLED = re.compile(r"\d+([A-Za-z_]+?)ILi(\d+)E(?:Lb([01])E)?(?:LNS_5EntryE(\d)E)?")


@dataclass(frozen=True)
class Usage:
    """Registers, stack and spills of one kernel for one architecture. Stack and spills are in bytes a
    thread."""

    arch: str
    kernel: str
    policy: str | None
    tracing: bool
    registers: int
    stack: int
    stores: int
    loads: int

    @property
    def spills(self) -> int:
        return self.stores + self.loads

    @property
    def counts(self) -> bool:
        """Whether a spill of it is a defect: shipped, without tracing, for the tuned architecture."""
        shipped = self.policy in {policy.name for policy in SHIPPED}
        return shipped and not self.tracing and self.arch == TUNED


def named(symbol: str) -> tuple[str, str | None, bool]:
    """(kernel, policy, tracing) of a mangled name. A foreign name is returned as (name, None, False)."""
    match = MANGLED.search(symbol)
    if match is None:
        return symbol, None, False
    names, number = list(POLICIES), int(match.group(2))
    kernel = match.group(1) + (f" {ENTRIES[int(match.group(4))]}" if match.group(4) else "")
    return kernel, names[number] if number < len(names) else None, match.group(3) == "1"


def parse(log: str) -> list[Usage]:
    """The kernels of an assembler's report (ptxas -v), in its order.

    Raises ValueError if an entry lacks its registers or its spills: a report that is half read would show
    no spill.
    """
    found = []
    parts = ENTRY.split(log)
    for symbol, arch, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        frame, registers = SPILLS.search(text), REGISTERS.search(text)
        if frame is None or registers is None:
            raise ValueError(f"the assembler's report of {symbol} has no registers or no spills: {text!r}")
        kernel, policy, tracing = named(symbol)
        stack, stores, loads = map(int, frame.groups())
        found.append(Usage(arch, kernel, policy, tracing, int(registers.group(1)), stack, stores, loads))
    return found


def log_of(arch: str) -> str:
    """The report of the library for the tuned architecture, of the shipped kernels alone for others."""
    library: Path = build(KERNEL_UNITS if arch == TUNED else SHIPPED_UNITS, arch)
    log = library.with_suffix(".log")
    if not log.is_file():
        raise BuildError(f"{library} was built elsewhere and has no report; delete it to compile it here")
    return log.read_text()


def report(architectures: Sequence[str] = ARCHITECTURES) -> list[Usage]:
    """Compiles for the architectures and reads the assembler's reports. Raises BuildError."""
    at_once = max(1, (os.cpu_count() or 1) // len(KERNEL_UNITS))  # a build has a compiler for each unit
    with ThreadPoolExecutor(at_once) as pool:
        found = [usage for log in pool.map(log_of, architectures) for usage in parse(log)]
    silent = set(architectures) - {usage.arch for usage in found}
    if silent:
        raise BuildError(f"the assembler reported no kernel for {', '.join(sorted(silent))}")
    return found


def lines(usages: Sequence[Usage]) -> list[str]:
    """The table of the shipped policies' kernels without tracing, a line for each."""
    shown = [
        usage for usage in usages if not usage.tracing and usage.policy in {policy.name for policy in SHIPPED}
    ]
    return [
        f"{usage.arch:<7} {usage.policy:<12} {usage.kernel:<20} {usage.registers:>3} registers, "
        f"{usage.stores} bytes spilled, {usage.loads} reloaded"
        + (" DEFECT" if usage.counts and usage.spills else "")
        for usage in shown
    ]


def found(usages: Sequence[Usage]) -> dict[str, Any]:
    """The result for a record: ok, the table and the kernels."""
    return {
        "ok": any(usage.counts for usage in usages)
        and not any(usage.counts and usage.spills for usage in usages),
        "lines": lines(usages),
        "kernels": [asdict(usage) for usage in usages],
    }


@click.command("spills")
@click.option(
    "--arch",
    "architectures",
    multiple=True,
    type=click.Choice(ARCHITECTURES),
    help="repeat [default: all four]",
)
def command(architectures: tuple[str, ...]) -> int:
    """Prints registers and spills of the shipped kernels; exits with 1 if the tuned architecture's spill."""
    try:
        usages = report(architectures or ARCHITECTURES)
    except BuildError as error:
        click.echo(str(error), err=True)
        return ExitCode.CANNOT_RUN
    click.echo("\n".join(lines(usages)))
    defects = any(usage.counts and usage.spills for usage in usages)
    return ExitCode.MISMATCH if defects else ExitCode.AGREE


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.spills")
