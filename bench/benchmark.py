"""A run of the bench on this GPU: peers loaded, cells timed, tables printed, files written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from ..cuda.environment import environment
from ..exit_code import ExitCode
from ..reference.policy import by_name
from ..verify.reporting.markdown import markdown_lines
from ..verify.reporting.plain import plain_lines
from ..verify.reporting.record import write_json
from ..verify.reporting.view import Table
from ..whole_file import write_whole
from .cells import Cell
from .floors import Floor
from .measure import FLUSH_BYTES
from .peers import Peer, PeerUnavailable, load
from .plot import PlotUnavailable, draw, load_matplotlib
from .report import against_table, cell_table, form_table, peer_table
from .run import BufferCache, CellResult, run_cell
from .session import Session, run_session
from .table import as_json

CELL_BUDGET_S = 0.02  # GPU time of one kernel at one temperature
QUICK_BUDGET_S = 0.008
NAME = "bench"  # of its record


@dataclass(frozen=True)
class Options:
    """The checked options of the command line."""

    cells: tuple[Cell, ...]
    quick: bool
    repeat: int
    seconds: float | None
    policy: str | None
    peers: tuple[str, ...]
    all_peers: bool
    headers: Path | None
    seed: int
    json_file: Path | None
    markdown_file: Path | None
    plot_file: Path | None
    against: list[dict[str, Any]] | None
    forms: tuple[str, ...] = ()


def bench(options: Options) -> int:
    """Times the cells, prints and writes the results; returns the exit code."""
    if not torch.cuda.is_available():
        click.echo("bench needs a GPU: torch finds no CUDA device on this machine", err=True)
        return ExitCode.CANNOT_RUN
    try:
        if options.plot_file:
            load_matplotlib()
        ready, missing = load(options.peers, options.headers)
        if missing and not options.all_peers:
            raise PeerUnavailable("; ".join(f"{name}: {why}" for name, why in missing.items()))
    except (PlotUnavailable, PeerUnavailable) as error:
        click.echo(str(error), err=True)
        return ExitCode.CANNOT_RUN
    here = environment()
    click.echo(", ".join(f"{key} {value}" for key, value in here.items()))
    session = run_session(
        options.cells, options.repeat, timed_on_gpu(options, ready), options.seconds, click.echo
    )
    session.missing = missing
    print_session(session, options)
    write(session, options, here)
    if not session.cells:
        return ExitCode.INCOMPLETE
    return ExitCode.AGREE if session.clean or not failed(session) else ExitCode.MISMATCH


def failed(session: Session) -> bool:
    """Whether an output was wrong or an error ended the run; running out of time is not a failure."""
    return bool(session.report()["wrong_cells"]) or session.broken


def timed_on_gpu(options: Options, peers: Mapping[str, Peer]) -> Callable[[Cell], CellResult]:
    """A function that times one cell on this GPU. In a single run it also prints the cell's line."""
    policy = by_name(options.policy) if options.policy else None
    floor, cache = Floor(FLUSH_BYTES), BufferCache(options.seed)
    budget = QUICK_BUDGET_S if options.quick else CELL_BUDGET_S
    if options.repeat == 1:
        click.echo(plain_lines(cell_table(()))[0])

    def timed(cell: Cell) -> CellResult:
        result = run_cell(cell, cache, floor, budget, policy, peers, options.forms)
        if options.repeat == 1:
            click.echo(plain_lines(cell_table([as_json([result])]))[-1])
        return result

    return timed


def print_session(session: Session, options: Options) -> None:
    """Prints the tables that were not shown yet, and the summary."""
    if options.repeat > 1:
        echo_table(cell_table(session.cells))
    peers = peer_table(session.cells)
    if peers.rows:
        echo_table(peers)
    forms = form_table(session.cells)
    if forms.rows:
        echo_table(forms)
    for text in session.lines():
        click.echo(text)
    if options.against:
        echo_table(against_table(session.cells, options.against))


def echo_table(table: Table) -> None:
    """Prints the table as plain text."""
    for text in plain_lines(table):
        click.echo(text)


def write(session: Session, options: Options, here: dict[str, Any]) -> None:
    """Writes the files that the options name."""
    if options.json_file:
        figures = {"environment": here, "seed": options.seed, **session.figures()}
        write_json(options.json_file, NAME, here, session.found(), figures)
    if options.markdown_file:
        write_whole(options.markdown_file, "\n".join(markdown_lines(cell_table(session.cells))) + "\n")
    if options.plot_file:
        title = f"Top-k on {here['gpu']}, {here['date'].split()[0]}: microseconds over the read-only floor"
        try:
            draw(session.cells, title, options.plot_file)
        except ValueError as error:  # no cell is right, or matplotlib does not know the file's ending
            click.echo(f"no picture was drawn: {error}", err=True)
