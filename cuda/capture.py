"""A CUDA graph's capture that leaves torch as it was where the captured calls fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def capturing(graph: torch.cuda.CUDAGraph, stream: torch.cuda.Stream | None = None) -> Iterator[None]:
    """torch.cuda.graph for a body that may fail: its error is raised as it is, and nothing else fails later.

    graph: gets what the body launches. stream: to capture on; None: one of torch's own.
    Where a capture was invalidated, torch leaves the capture's stream current, and its random numbers in the
    state of a capture, in which the next draw outside of one would raise.
    """
    before = torch.cuda.current_stream()
    failed: BaseException | None = None
    try:
        with torch.cuda.graph(graph, stream=stream):
            try:
                yield
            except BaseException as error:
                failed = error
                raise
    except BaseException:
        torch.cuda.set_stream(before)
        generator = torch.cuda.default_generators[before.device.index]
        generator.graphsafe_set_state(generator.clone_state())
        if failed is not None:
            raise failed from None  # not what ending the capture says of it
        raise
