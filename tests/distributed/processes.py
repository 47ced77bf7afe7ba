"""Ranks as processes over gloo, forked from one that has imported torch."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

PATIENCE = 300.0  # seconds for the slowest rank, on a busy machine
GROUP_SECONDS = 30.0  # the group's time-out, where a test sets none

Work = Callable[..., object]


class Ended(NamedTuple):
    """How a rank ended. result: what its work returned. error: the exception's type and text, or "died"."""

    result: object = None
    error: str = ""
    seconds: float = 0.0


def run(ranks: int, work: Work, *arguments: object, group_seconds: float = GROUP_SECONDS) -> list[Ended]:
    """work(rank, *arguments) on every rank of a gloo group, each in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["persistent_topk.distributed", "torch.distributed", __name__])
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for rank in range(ranks):
            receiver, sender = context.Pipe(duplex=False)
            given = (sender, f"{folder}/store", rank, ranks, group_seconds, work, arguments)
            process = context.Process(target=_serve, args=given)
            process.start()
            sender.close()
            started.append((process, receiver))
        try:
            return [_ended(receiver) for _, receiver in started]
        finally:
            for process, _ in started:
                process.kill()
                process.join()


def _ended(receiver: Connection) -> Ended:
    assert receiver.poll(PATIENCE), "a rank hangs"
    try:
        ended: Ended = receiver.recv()
        return ended
    except EOFError:
        return Ended(error="died")


def _serve(
    sender: Connection,
    store: str,
    rank: int,
    ranks: int,
    seconds: float,
    work: Work,
    given: tuple[object, ...],
) -> None:
    import torch.distributed as distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        store=distributed.FileStore(store, ranks),
        rank=rank,
        world_size=ranks,
        timeout=timedelta(seconds=seconds),
    )
    meet("formed", Path(store).parent, rank, ranks)  # a rank that dies at once would break the others' start
    began = time.monotonic()
    try:
        ended = Ended(work(rank, *given))
    except Exception as error:
        ended = Ended(error=f"{type(error).__name__}: {error}")
    sender.send(ended._replace(seconds=time.monotonic() - began))
    # A process that ends breaks the connections that another may be waiting on.
    meet("ended", Path(store).parent, rank, ranks)


def meet(event: str, folder: Path, rank: int, ranks: int) -> None:
    """Waits until the event has come for all ranks, or for the end of the test, which kills all."""
    (folder / f"{event}-{rank}").touch()
    while folder.is_dir() and len(list(folder.glob(f"{event}-*"))) < ranks:
        time.sleep(0.01)
