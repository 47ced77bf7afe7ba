"""Calls on a GPU as an engine makes them: captured in a CUDA graph, or on two streams at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from ...cuda.capture import capturing
from .target import POISONS, TargetFailure

T = TypeVar("T")
WARM_UPS = 2  # calls before the capture: kernels are loaded, allocators filled
REPLAYS = 3  # what one replay leaves behind must not reach the next


def decoy_of(lengths: torch.Tensor) -> torch.Tensor:
    """Other lengths, as legal as these: half of each. A capture under them catches who decides on the
    host, once, what every replay has to decide anew."""
    return lengths.div(2, rounding_mode="floor").clamp(min=1).minimum(lengths)


def replayed(
    call: Callable[[], torch.Tensor],
    capture_with: Callable[[], object] = lambda: None,
    replay_with: Callable[[], object] = lambda: None,
) -> torch.Tensor:
    """The tensor that `call` returns, as the last of several replays wrote it, each over poison.

    capture_with, replay_with: set the inputs before the capture and before each replay. Raises
    TargetFailure where the capture or a replay fails.
    """
    try:
        capture_with()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                call()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with capturing(graph):
            found = call()
        for number in range(REPLAYS):
            replay_with()
            found.fill_(POISONS[number % len(POISONS)])
            graph.replay()
        torch.cuda.synchronize()
    except Exception as error:
        raise TargetFailure("raised", f"{type(error).__name__}: {error}", "graph-replay") from error
    return found


def at_once(calls: list[Callable[[], T]]) -> list[T]:
    """What each call returns, all started together, each on a stream of its own."""
    streams = [torch.cuda.Stream() for _ in calls]
    found = []
    for stream, call in zip(streams, calls, strict=True):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            found.append(call())
    torch.cuda.synchronize()
    return found
