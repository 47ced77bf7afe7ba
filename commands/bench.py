"""The bench as a command: `persistent-topk bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from ..reference.policy import POLICIES, by_name
from ..tools.records import write_json
from ..bench.cells import Cell, select
from ..bench.measure import FLUSH_BYTES
from ..bench.peers import ALL, TORCH, Loader, Peer, PeerUnavailable, choose, known, load
from ..bench.plot import PlotUnavailable, draw, load_matplotlib
from ..bench.run import BufferCache, CellResult, run_cell
from ..bench.session import Session, run_session
from ..bench.table import (
    HEADER,
    UnreadableRun,
    against_lines,
    as_json,
    line,
    markdown_lines,
    peer_lines,
    read_cells,
)

EXIT_AGREE, EXIT_MISMATCH, EXIT_USAGE, EXIT_CANNOT_RUN, EXIT_NOTHING = 0, 1, 2, 3, 4
CELL_BUDGET_S = 0.02  # GPU time of one kernel at one temperature
QUICK_BUDGET_S = 0.008
NAME = "bench"
File = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Options:
    """What the command line says, checked."""

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


# Of the command line, in the order of its help.
OPTIONS = (
    click.option("--cells", multiple=True, metavar="K,ROWS,N", help="such as 2048,1,8K or 2048,*,*; repeat"),
    click.option("--quick", is_flag=True, help="fourteen cells, fewer replays"),
    click.option(
        "--repeat", type=click.IntRange(min=1), default=1, metavar="N",
        help="time all cells N times over [default: 1]; medians of the runs, and how far they lie apart",
    ),
    click.option(
        "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="S",
        help="begin no cell once this much time has passed",
    ),
    click.option("--policy", type=click.Choice(list(POLICIES)), help="in place of the plan's choice"),
    click.option(
        "--peers", is_flag=False, flag_value=ALL, default=TORCH, show_default=True, metavar="[NAME,...]",
        help="other kernels to time beside ours: names, all (or no value), none",
    ),
    click.option(
        "--cccl", "headers", type=click.Path(path_type=Path), metavar="PATH",
        help="wheel or folder with the headers of CUB, for the peers cub and cub-ties",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True),
    click.option("--json", "json_file", type=File, help="write all figures"),
    click.option("--markdown", "markdown_file", type=File, help="write the table as Markdown"),
    click.option("--plot", "plot_file", type=File, metavar="PNG", help="draw the ratios to the floor"),
    click.option("--against", type=File, help="compare with an earlier --json, cell by cell"),
)  # fmt: skip


def bench_command(adapters: Callable[[], Mapping[str, Loader]]) -> click.Command:
    """The command. adapters: names of further peers, and what loads each as a function
    (logits, lengths, k) -> indices or raises peers.PeerUnavailable."""

    def command(**given: Any) -> int:
        """Times the kernel on this machine's GPU, in microseconds and over a read-only floor.

        Every timed output is verified. Ratios are compared with those of other kernels, measured
        elsewhere on an H100, and with kernels timed in the same run (--peers).
        """
        found = adapters()
        return bench(checked(given, known(found)), found)

    decorated = click.command(NAME)
    for option in OPTIONS[::-1]:
        option(command)
    return decorated(command)


def checked(given: dict[str, Any], names: tuple[str, ...]) -> Options:
    """The options; click.UsageError that says which is wrong. names: the peers that there are."""
    patterns, text, against = given.pop("cells"), given["peers"], given.pop("against")
    try:
        cells = select(list(patterns), given["quick"])
        given["peers"] = choose(text, names)
        earlier = None if against is None else read_cells(against)
    except (ValueError, UnreadableRun) as error:
        raise click.UsageError(str(error)) from error
    if not cells:
        raise click.UsageError(f"--cells is {', '.join(patterns)}; no cell of the page matches")
    return Options(cells=tuple(cells), all_peers=text == ALL, against=earlier, **given)


def bench(options: Options, adapters: Mapping[str, Loader]) -> int:
    """Runs what the options say; the exit code."""
    if not torch.cuda.is_available():
        click.echo("bench times the kernel on a GPU: torch sees no CUDA device here", err=True)
        return EXIT_CANNOT_RUN
    try:
        if options.plot_file:
            load_matplotlib()
        ready, missing = load(options.peers, adapters, options.headers)
        if missing and not options.all_peers:
            raise PeerUnavailable("; ".join(f"{name}: {why}" for name, why in missing.items()))
    except (PlotUnavailable, PeerUnavailable) as error:
        click.echo(str(error), err=True)
        return EXIT_CANNOT_RUN
    from ..cuda.environment import environment

    here = environment()
    click.echo(", ".join(f"{key} {value}" for key, value in here.items()))
    session = run_session(
        options.cells, options.repeat, timed_on_gpu(options, ready), options.seconds, click.echo
    )
    session.missing = missing
    tell(session, options)
    write(session, options, here)
    if not session.cells:
        return EXIT_NOTHING
    return EXIT_AGREE if session.clean or not failed(session) else EXIT_MISMATCH


def failed(session: Session) -> bool:
    """Whether an output was wrong or an error ended the run; a budget that ran out is no failure."""
    return bool(session.report()["wrong_cells"]) or session.broken


def timed_on_gpu(options: Options, peers: Mapping[str, Peer]) -> Callable[[Cell], CellResult]:
    """What times one cell here; a single run's lines are shown as they come."""
    from ..bench.floors import Floor

    policy = by_name(options.policy) if options.policy else None
    floor, cache = Floor(FLUSH_BYTES), BufferCache(options.seed)
    budget = QUICK_BUDGET_S if options.quick else CELL_BUDGET_S
    if options.repeat == 1:
        click.echo(HEADER)

    def timed(cell: Cell) -> CellResult:
        result = run_cell(cell, cache, floor, budget, policy, peers)
        if options.repeat == 1:
            click.echo(line(as_json([result])))
        return result

    return timed


def tell(session: Session, options: Options) -> None:
    """Prints the tables that were not shown yet, and the summary."""
    if options.repeat > 1:
        click.echo(HEADER)
        for cell in session.cells:
            click.echo(line(cell))
    for text in (*peer_lines(session.cells), *session.lines()):
        click.echo(text)
    for text in against_lines(session.cells, options.against) if options.against else ():
        click.echo(text)


def write(session: Session, options: Options, here: dict[str, Any]) -> None:
    """The files that were asked for."""
    if options.json_file:
        figures = {"environment": here, "seed": options.seed, **session.figures()}
        write_json(options.json_file, NAME, here, session.found(), figures)
    if options.markdown_file:
        options.markdown_file.parent.mkdir(parents=True, exist_ok=True)
        options.markdown_file.write_text("\n".join(markdown_lines(session.cells)) + "\n")
    if options.plot_file:
        title = f"Top-k on {here['gpu']}, {here['date'].split()[0]}: microseconds over the read-only floor"
        try:
            draw(session.cells, title, options.plot_file)
        except ValueError as error:  # no cell is right, or matplotlib does not know the file's ending
            click.echo(f"no picture: {error}", err=True)
