"""Microseconds of rows over ranks: `python -m persistent_topk.bench.sharded`, or the same under torchrun.

Alone, on one GPU: the merge of eight ranks' lists, and a rank's launches between exchanges beside the
selection from its shard. Under torchrun, over NCCL on the GPUs that are there: whole calls, both ways, and
what an exchange costs, which distributed/cost.py goes by. Every answer is compared with the oracle's first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import torch
from torch import Tensor

from ..cuda import gpu
from ..cuda.sharded import digits
from ..cuda.sharded import gpu as sharded_gpu
from ..distributed.calls import merge_for
from ..exit_code import ExitCode
from ..reference import lists, oracle, sharded
from ..reference.layout import Layout
from ..reference.sharded import Exchange, Protocol, Share
from .floors import Floor
from .measure import FLUSH_BYTES, MOST_LAUNCHES, capture, time_graph

RANKS, K = 8, 2048  # of the merge
MERGE_ROWS = (1, 32, 64)
SHARDS = ((1, 32768), (1, 131072), (1, 1048576), (32, 32768), (32, 131072), (64, 131072), (64, 524288))
BLOCKS = (None, 1)
BUDGET_S = 0.05  # of GPU time, a figure
CONTENTS: dict[str, Callable[[Tensor], Tensor]] = {
    "scores": lambda logits: logits,
    "few values": lambda logits: (2 * logits).round(),
}
Figures = list[dict[str, object]]


def microseconds(launch: Callable[[], object], floor: Floor) -> float:
    """The median microseconds of a launch in a graph of many. L2 may hold the inputs, which were just
    written."""
    graph = capture(lambda _: launch(), MOST_LAUNCHES, True)
    return time_graph(graph, MOST_LAUNCHES, False, floor, BUDGET_S).median


def scores(rows: int, columns: int, contents: str, seed: int = 0) -> Tensor:
    """float32 [rows, columns] on the GPU."""
    generator = torch.Generator(device="cuda").manual_seed(seed)
    return CONTENTS[contents](torch.randn(rows, columns, generator=generator, device="cuda"))


def lengths_of(rows: int, columns: int) -> Tensor:
    """Lengths of full rows: int32 [rows]."""
    return torch.full((rows,), columns, dtype=torch.int32, device="cuda")


def merges(floor: Floor) -> Figures:
    """The merge of RANKS lists of K pairs, as a gather leaves them."""
    figures: Figures = []
    for rows in MERGE_ROWS:
        for block in BLOCKS:
            for contents in CONTENTS:
                columns = 2 * RANKS * K
                layout = Layout((2 * K,) * RANKS) if block is None else Layout.deal(columns, RANKS, block)
                logits, lengths = scores(rows, columns, contents), lengths_of(rows, columns)
                pairs = []
                for rank, shard in enumerate(layout.cut(logits)):
                    local = gpu.topk(shard.contiguous(), layout.lengths_of(rank, lengths), K)
                    pairs.append(torch.stack([lists.values_at(shard, local), layout.in_row(rank, local)]))
                sent = torch.stack(pairs)
                values, numbers = sent[:, 0].view(torch.float32), sent[:, 1]
                merge = merge_for(layout, K, sent.device)
                right = torch.equal(oracle.topk(logits, lengths, K), merge(values, numbers, K))
                took = microseconds(lambda: merge(values, numbers, K), floor)  # noqa: B023  timed at once
                figures.append(
                    {
                        "merge": f"{RANKS} x {K}",
                        "rows": rows,
                        "block": block,
                        "contents": contents,
                        "us": round(took, 2),
                        "right": right,
                    }
                )
    return figures


def alone(protocol: Protocol) -> Tensor:
    """Runs one rank's launches without exchanges: each exchange returns what the rank itself sent."""
    exchange: Exchange = next(protocol)
    while True:
        received = exchange.tensor[None] if exchange.kind == sharded.GATHER else exchange.tensor
        try:
            exchange = protocol.send(received)
        except StopIteration as end:
            answer: Tensor = end.value
            return answer


def local_stages(floor: Floor) -> Figures:
    """The launches of the way by digits, its own columns asked for, beside one selection from the shard."""
    figures: Figures = []
    for rows, width in SHARDS:
        logits, lengths = scores(rows, width, "scores"), lengths_of(rows, width)
        selected = oracle.topk(logits, lengths, K)
        topk_us = microseconds(lambda: gpu.topk(logits, lengths, K), floor)  # noqa: B023  timed at once
        for block in BLOCKS:
            share = Share(Layout((width,), block), 0, logits, lengths, K, True, gpu.topk)

            def run(share: Share = share) -> Tensor:
                return alone(digits.by_digits(share, sharded_gpu.launch_stage))

            right = torch.equal(selected, run())
            took = microseconds(run, floor)
            figures.append(
                {
                    "stages of": f"{rows} x {width}",
                    "block": block,
                    "us": round(took, 2),
                    "topk_us": round(topk_us, 2),
                    "ratio": round(took / topk_us, 3),
                    "right": right,
                }
            )
    return figures


def print_figures(figures: Figures) -> int:
    """Prints a line for each figure and returns the exit code."""
    for figure in figures:
        click.echo("  ".join(f"{name} {value}" for name, value in figure.items()))
    return ExitCode.AGREE if all(figure.get("right", True) for figure in figures) else ExitCode.MISMATCH


@click.command()
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="write as JSON")
def main(json_file: Path | None) -> int:
    """Times rows over ranks: one GPU alone, or all of torchrun's over NCCL."""
    if not torch.cuda.is_available():
        click.echo("this times kernels on a GPU: torch sees no CUDA device here", err=True)
        return ExitCode.CANNOT_RUN
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from .over_nccl import whole_calls

        figures = whole_calls()
    else:
        floor = Floor(FLUSH_BYTES)
        figures = [*merges(floor), *local_stages(floor)]
    code = print_figures(figures)
    if json_file is not None and int(os.environ.get("RANK", "0")) == 0:
        json_file.write_text(json.dumps(figures, indent=1) + "\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main(standalone_mode=False))
