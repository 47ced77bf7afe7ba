"""The timing protocol: a CUDA graph of up to 20 launches over distinct buffers, the median of its replays.

Cold: where the distinct inputs are under 160 MB, 128 MB are read before each replay, so that every row comes
from DRAM. Warm: one buffer for all launches, so that rows that fit come from L2, as they do when the indexer
has just written them. A replay is queued behind a kernel that outlasts the host's launch calls, so that what
is timed is the GPU alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..cuda.capture import capturing
from .floors import Floor

MEGABYTE = 1_000_000
MOST_LAUNCHES = 20
DISTINCT_BYTES = 160 * MEGABYTE  # more than this evicts itself
FLUSH_BYTES = 128 * MEGABYTE
MOST_INPUT_BYTES = 4_000 * MEGABYTE
WARM_UP_REPLAYS = 3
QUEUE_AHEAD_NS = 40_000  # longer than two launch calls of the host
LEAST_REPLAYS = 7


@dataclass(frozen=True)
class Timing:
    """Microseconds a launch over the replays: median, and the 10th and 90th percentile."""

    median: float
    low: float
    high: float
    replays: int
    launches: int


def launches_for(buffer_bytes: int) -> int:
    """Launches of one graph: as many distinct buffers as the protocol and memory allow."""
    return max(1, min(MOST_LAUNCHES, MOST_INPUT_BYTES // max(buffer_bytes, 1)))


def capture(launch: Callable[[int], object], launches: int, warm: bool) -> torch.cuda.CUDAGraph:
    """A graph of `launches` calls; launch(i) uses buffer i, buffer 0 alone if warm."""
    before, stream = torch.cuda.current_stream(), torch.cuda.Stream()
    stream.wait_stream(before)
    with torch.cuda.stream(stream):
        launch(0)
    before.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with capturing(graph, stream):
        for i in range(launches):
            launch(0 if warm else i)
    return graph


def time_graph(
    graph: torch.cuda.CUDAGraph,
    launches: int,
    flush: bool,
    floor: Floor,
    budget_s: float,
) -> Timing:
    """Replays for about `budget_s` seconds of GPU time."""
    start, end = (
        torch.cuda.Event(enable_timing=True),
        torch.cuda.Event(enable_timing=True),
    )
    start.record()
    for _ in range(WARM_UP_REPLAYS):
        prepare(flush, floor)
        graph.replay()
    end.record()
    end.synchronize()
    replay_s = start.elapsed_time(end) / WARM_UP_REPLAYS / 1e3
    replays = max(LEAST_REPLAYS, min(100, int(budget_s / replay_s)))
    events = [
        (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(replays)
    ]
    for before, after in events:
        prepare(flush, floor)
        before.record()
        graph.replay()
        after.record()
    torch.cuda.synchronize()
    times = sorted(before.elapsed_time(after) * 1e3 / launches for before, after in events)
    tenth = len(times) // 10
    return Timing(statistics.median(times), times[tenth], times[-1 - tenth], replays, launches)


def prepare(flush: bool, floor: Floor) -> None:
    """Queues what comes before a replay: a read of 128 MB, and a pause for the host to get ahead."""
    floor.spin(QUEUE_AHEAD_NS)
    if flush:
        floor.read_flush()
