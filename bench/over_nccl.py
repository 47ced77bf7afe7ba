"""Whole calls over the GPUs of torchrun, and what an exchange costs there."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable

import torch
import torch.distributed as distributed
from torch import Tensor

from ..cuda.capture import capturing
from ..distributed import Prepared
from ..reference import oracle
from ..reference.layout import Layout
from ..reference.sharded import DIGITS, PAIRS

K = 2048
CALLS = ((1, 131072), (32, 131072), (64, 131072))  # rows, and columns of a shard
EXCHANGES = (8192, 65536, 524288, 4194304, 16777216)  # bytes of a rank
REPEATS = 20
BATCHES = 7
Figures = list[dict[str, object]]


def microseconds(call: Callable[[], object]) -> float:
    """Microseconds of a call: the median over batches of calls, on the slowest rank."""
    call()
    times = []
    for _ in range(BATCHES):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        distributed.barrier()
        start.record()
        for _ in range(REPEATS):
            call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / REPEATS)
    slowest = torch.tensor([statistics.median(times)], device="cuda")
    distributed.all_reduce(slowest, distributed.ReduceOp.MAX)
    return float(slowest)


def exchanges(ranks: int) -> Figures:
    """Times a gather and a sum for each size of EXCHANGES."""
    figures: Figures = []
    for size in EXCHANGES:
        own = torch.zeros(size // 4, dtype=torch.int32, device="cuda")
        every = own.new_empty(ranks * own.numel())
        gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor
        gathers = microseconds(lambda: gather(every, own))  # noqa: B023  timed at once
        sums = microseconds(lambda: distributed.all_reduce(own))  # noqa: B023
        figures.append({"exchange of bytes": size, "gather_us": round(gathers, 1), "sum_us": round(sums, 1)})
    return figures


def calls(rank: int, ranks: int) -> Figures:
    """Prepared calls, eager and in a graph, all columns and the rank's own, both layouts and ways."""
    figures: Figures = []
    for rows, width in CALLS:
        for block in (None, 1):
            layout = Layout((width,) * ranks) if block is None else Layout.deal(width * ranks, ranks, block)
            generator = torch.Generator(device="cuda").manual_seed(0)
            logits = torch.randn(rows, layout.columns, generator=generator, device="cuda")
            lengths = torch.full((rows,), layout.columns, dtype=torch.int32, device="cuda")
            selected = oracle.topk(logits, lengths, K)
            shard = layout.cut(logits)[rank].contiguous()
            del logits
            for owned in (False, True):
                for way in (PAIRS, DIGITS):
                    call = Prepared(rows, width, K, device="cuda", block=block, owned=owned, way=way)
                    own = layout.in_shard(rank, selected)
                    answer = call(shard, lengths)
                    expected = own[own >= 0] if owned else selected[selected >= 0]
                    figures.append(
                        {
                            "rows": rows,
                            "shard": width,
                            "block": block,
                            "owned": owned,
                            "way": way,
                            "eager_us": round(microseconds(lambda: call(shard, lengths)), 1),  # noqa: B023
                            "graph_us": round(in_a_graph(call, shard, lengths), 1),
                            "right": torch.equal(expected, answer[answer >= 0]),
                        }
                    )
    return figures


def in_a_graph(call: Prepared, shard: Tensor, lengths: Tensor) -> float:
    """Microseconds of a replay that holds one call."""
    graph = torch.cuda.CUDAGraph()
    with capturing(graph):
        call(shard, lengths)
    return microseconds(graph.replay)


def whole_calls() -> Figures:
    """Times all calls and exchanges over NCCL. Rank 0 returns the figures, other ranks return none."""
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    distributed.init_process_group("nccl", device_id=device)
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    figures: Figures = [{"ranks": ranks}, *exchanges(ranks), *calls(rank, ranks)]
    distributed.destroy_process_group()
    return figures if rank == 0 else []
