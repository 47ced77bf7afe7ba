"""A call captured in a CUDA graph, and what its replay leaves."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .target import POISONS, TargetFailure

WARM_UPS = 2  # calls before the capture: kernels are loaded, allocators filled


def replayed(call: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The tensor that `call` returns, as a replay wrote it: poisoned between capture and replay."""
    try:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                call()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = call()
        found.fill_(POISONS[1])
        graph.replay()
        torch.cuda.synchronize()
    except Exception as error:
        raise TargetFailure("raised", f"{type(error).__name__}: {error}", "graph-replay") from error
    return found
