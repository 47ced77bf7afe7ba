"""persistent-topk bench: the kernel's time on a GPU, beside other kernels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..bench.peer_names import ALL, TORCH
from ..reference.policy import POLICIES
from .options import written_file

if TYPE_CHECKING:
    from ..bench.benchmark import Options


@click.command("bench")
@click.option(
    "--cells",
    multiple=True,
    metavar="K,ROWS,N",
    help="cells to time, such as 2048,1,8K or 2048,*,*; may be repeated",
)
@click.option(
    "--calls",
    is_flag=True,
    help="time calls as engines make them: uneven lengths in wide buffers, beside their longest row alone",
)
@click.option(
    "--host",
    is_flag=True,
    help="time the host's part of eager calls, beside torch.add in the same process",
)
@click.option(
    "--dtype",
    metavar="NAME,...",
    help="logits to time beside float32 in the same run: bfloat16, float16",
)
@click.option(
    "--whole",
    is_flag=True,
    help="time offsets, a page table, columns, values and windows beside the plain call in the same run",
)
@click.option("--quick", is_flag=True, help="time fourteen cells, with fewer replays")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="time all cells N times [default: 1]; prints medians over the runs and how far they differ",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="begin no further cell after this time",
)
@click.option("--policy", type=click.Choice(list(POLICIES)), help="[default: the plan's choice]")
@click.option(
    "--peers",
    is_flag=False,
    flag_value=ALL,
    default=TORCH,
    show_default=True,
    metavar="[NAME,...]",
    help="other kernels to time in the same run: names, all (also if no value is given), or none",
)
@click.option(
    "--cccl",
    "headers",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="wheel or folder that has the headers of CUB; the peers cub and cub-ties need it",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@written_file("--json", "json_file", help="write all figures as JSON")
@written_file("--markdown", "markdown_file", help="write the table as Markdown")
@written_file("--plot", "plot_file", metavar="PNG", help="draw each cell's time over the floor")
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    help="compare with the file of an earlier --json, cell by cell",
)
def command(**given: Any) -> int:
    """Times the kernel on this machine's GPU, beside other kernels.

    Each cell gets a time in microseconds and a ratio to a floor: a kernel that only reads the logits and
    writes k integers a row. Every timed output is verified. Ratios are compared with recorded ones of other
    kernels on an H100, and with kernels that --peers times in the same run.
    """
    if given.pop("calls"):
        from ..bench.engine_bench import bench_calls

        return bench_calls(given["repeat"], given["seed"], given["json_file"])
    if given.pop("host"):
        from ..bench.host import bench_host

        return bench_host(given["repeat"], given["json_file"])
    from ..bench.benchmark import bench

    return bench(checked(given))


def checked(given: dict[str, Any]) -> Options:
    """The checked options. Raises click.UsageError that names the option that is wrong."""
    from ..bench.benchmark import Options
    from ..bench.cells import select
    from ..bench.forms import WHOLE, parse_dtypes
    from ..bench.peer_names import choose
    from ..bench.peers import known
    from ..bench.table import UnreadableRun, read_cells

    patterns, text, against = given.pop("cells"), given["peers"], given.pop("against")
    try:
        forms = (*parse_dtypes(given.pop("dtype")), *(WHOLE if given.pop("whole") else ()))
        cells = select(list(patterns), given["quick"])
        given["peers"] = choose(text, known())
        earlier = None if against is None else read_cells(against)
    except (ValueError, UnreadableRun) as error:
        raise click.UsageError(str(error)) from error
    if not cells:
        raise click.UsageError(f"--cells is {', '.join(patterns)}; expected a cell of the bench (2048,1,8K)")
    return Options(cells=tuple(cells), all_peers=text == ALL, against=earlier, forms=forms, **given)
