"""persistent-topk plan: how a call is laid over a device."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exit_code import ExitCode
from ..reference.plan import DEVICES_BY_NAME
from ..reference.policy import DEFAULT_K, MAX_K
from .options import draw_to, json_option, written_file

if TYPE_CHECKING:
    from ..reference.occupancy import CallLayout

KIBI = 1024
MOST_ROWS = 1 << 20  # of a call: more than any engine's, and still laid out within seconds
MOST_COLUMNS = 2**31 - 1
COUNT = re.compile(r"(\d+)([kK]?)")
GROUP = re.compile(r"(?:(\d+)x)?(\d+[kK]?)")


def parse_columns(text: str) -> int:
    """4096 or 4K as a number of columns. Raises click.BadParameter for anything else."""
    found = COUNT.fullmatch(text)
    columns = int(found[1]) * (KIBI if found[2] else 1) if found else -1
    if not 0 <= columns <= MOST_COLUMNS:
        raise click.BadParameter(f"{text!r}; expected columns such as 4096 or 4K, at most {MOST_COLUMNS}")
    return columns


def parse_lengths(text: str) -> list[int]:
    """127x4K,1x1024K as the length of each row. Raises click.BadParameter that names what is wrong."""
    lengths: list[int] = []
    for group in text.split(","):
        found = GROUP.fullmatch(group.strip())
        if not found:
            raise click.BadParameter(f"{group!r}; expected ROWSxLENGTH, such as 127x4K,1x1024K")
        rows = int(found[1] or 1)
        if len(lengths) + rows > MOST_ROWS:
            raise click.BadParameter(f"more than {MOST_ROWS} rows; expected fewer")
        lengths += [parse_columns(found[2])] * rows
    return lengths


@click.command("plan")
@click.option("--lengths", required=True, metavar="ROWSxLENGTH,...", help="such as 127x4K,1x1024K")
@click.option("--columns", metavar="N", help="width of the buffer [default: the longest row]")
@click.option("--k", type=click.IntRange(1, MAX_K), default=DEFAULT_K, show_default=True)
@click.option("--device", type=click.Choice(list(DEVICES_BY_NAME)), default="h200", show_default=True)
@json_option
@written_file("--plot", help="draw the columns of each CTA to this file, such as plan.png")
def command(
    lengths: str, columns: str | None, k: int, device: str, json_file: Path | None, plot: Path | None
) -> int:
    """Shows how a call is laid over a device: who takes each row.

    The CTAs of each row, the columns of each CTA, and how often they fill the device. It is what the kernel
    does on that device, computed by the model. Needs no GPU.
    """
    from ..reference.occupancy import lay_out_call
    from ..verify.reporting.terminal import terminal
    from ..whole_file import write_json

    rows = parse_lengths(lengths)
    width = max(rows) if columns is None else parse_columns(columns)
    layout = lay_out_call(rows, max(width, 1), k, DEVICES_BY_NAME[device])
    console = terminal()
    for line in describe(layout, device):
        console.print(line, highlight=False, soft_wrap=True)
    if json_file is not None:
        write_json(json_file, as_json(layout, device))
    if plot is not None:
        _plot(layout, device, plot)
        console.print(f"plot: {plot}")
    return ExitCode.AGREE


def describe(layout: CallLayout, device: str) -> list[str]:
    """The layout as lines: launches, rows that are alike, the busiest CTA. device: its name."""
    launches = ", ".join(
        f"{name} ({policy.name}, {ctas} CTAs)"
        for (name, ctas), policy in zip(layout.grids.items(), layout.plan.launches.values(), strict=True)
    )
    lines = [f"{len(layout.rows)} rows on {device}; launches: {launches}"]
    alike = groupby(sorted(layout.rows, key=lambda row: (-row.length, row.launch)))
    for row, group in alike:
        many, ctas = len(list(group)), "1 CTA" if row.ctas == 1 else f"{row.ctas} CTAs"
        lines.append(
            f"{many:6} x {row.length:8} columns: {row.path:7} {ctas:>7} of {row.columns_a_cta} columns each,"
            f" launch: {row.launch}"
        )
    lines.append(f"busiest CTA: {layout.busiest_cta_columns} columns; waves: {layout.waves}")
    return lines


def as_json(layout: CallLayout, device: str) -> dict[str, Any]:
    """The layout as --json has it. device: its name."""
    return {
        "device": device,
        "policy": layout.plan.policy.name,
        "grid": sum(layout.grids.values()),
        "launches": layout.grids,
        "rows": [
            {"length": row.length, "path": row.path, "ctas": row.ctas, "columns_a_cta": row.columns_a_cta}
            for row in layout.rows
        ],
        "busiest_cta_columns": layout.busiest_cta_columns,
        "waves": layout.waves,
    }


def _plot(layout: CallLayout, device: str, file: Path) -> None:
    """Draws the columns of every CTA that reads."""

    def draw(path: Path) -> None:
        from ..verify.reporting.call_picture import draw_call  # needs matplotlib

        draw_call(layout, device, path)

    draw_to(file, draw)
