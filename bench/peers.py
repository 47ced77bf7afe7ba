"""Other top-k kernels, timed beside ours over the same buffers: torch.topk, CUB, and the checker's adapters.

A peer is prepared for a cell once: what it allocates and compiles is not timed, what it does in a call is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..cuda.build import BuildError
from ..verify.targets import ADAPTERS, TargetUnavailable
from ..verify.targets.peers import cub_library as cub
from ..verify.targets.peers.cub import CubTarget
from ..verify.targets.peers.peer import PeerTarget
from .cells import Cell
from .peer_names import CUB, CUB_TIES, TORCH

Launch = Callable[[int], object]
Function = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


class PeerRefuses(Exception):
    """The peer does not take this cell; the message has the reason."""


class PeerUnavailable(Exception):
    """The peer cannot run here; the message names what is missing."""


@dataclass
class Buffers:
    """Inputs of one cell and an output for each: logits [launches, rows, columns] and so on."""

    logits: torch.Tensor
    lengths: torch.Tensor
    outputs: torch.Tensor
    launches: int


@dataclass(frozen=True)
class Prepared:
    """launch(i) runs on buffer i; output(i) is what it left there, int [rows, >= k]."""

    launch: Launch
    output: Callable[[int], torch.Tensor]


Peer = Callable[[Cell, Buffers], Prepared]


def torch_peer(cell: Cell, buffers: Buffers) -> Prepared:
    """torch.topk, unsorted; it takes no lengths, so only cells of one length that k fits into."""
    if cell.length < cell.k:
        raise PeerRefuses("torch.topk takes no lengths")
    return called(lambda logits, lengths, k: torch.topk(logits[:, : cell.length], k, sorted=False)[1])(
        cell, buffers
    )


def called(function: Function) -> Peer:
    """A peer that allocates its output in the call, from the graph's own memory."""

    def prepare(cell: Cell, buffers: Buffers) -> Prepared:
        outputs: dict[int, torch.Tensor] = {}

        def launch(i: int) -> None:
            outputs[i] = function(buffers.logits[i], buffers.lengths[i], cell.k)

        return Prepared(launch, outputs.__getitem__)

    return prepare


def cub_peer(headers: Path | None, ties: bool) -> Peer:
    """CUB's DeviceBatchedTopK. Where n < k it leaves slots as they were: the caller's to fill, not timed.

    Raises PeerUnavailable where it cannot be compiled or has no tie-break.
    """
    try:
        found = cub.load(headers)
    except (cub.CubUnavailable, BuildError, OSError) as error:
        raise PeerUnavailable(str(error)) from error
    if ties and not found.takes_ties:
        raise PeerUnavailable(f"CUB {found.version} {cub.NO_TIES}")

    def prepare(cell: Cell, buffers: Buffers) -> Prepared:
        try:
            calls = [
                found.call(buffers.logits[i], buffers.lengths[i], buffers.outputs[i], ties)
                for i in range(buffers.launches)
            ]
            scratch = found.scratch(calls[0])
        except cub.CubUnavailable as error:
            raise PeerRefuses(str(error)) from error
        return Prepared(lambda i: found.launch(calls[i], *scratch), buffers.outputs.__getitem__)

    return prepare


def adapted(target: PeerTarget) -> Peer:
    """A peer of the checker's: its kernel, refusing the shapes that its documentation excludes.

    Raises PeerUnavailable where it cannot run here.
    """
    try:
        target.prepare()
        kernel = target.load()
    except TargetUnavailable as error:
        raise PeerUnavailable(str(error)) from error

    def within_limits(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        limit = target.limits.beyond(k, logits.shape[0], logits.shape[1], logits.stride(0))
        if limit is not None:
            raise PeerRefuses(f"{target.name}: {limit}")
        return kernel(logits, lengths, k)

    return called(within_limits)


def adapters() -> dict[str, PeerTarget]:
    """The checker's adapters of other people's GPU kernels, by their names; CUB is timed without one."""
    targets = {name: made() for name, made in ADAPTERS.items()}
    return {
        name: target
        for name, target in targets.items()
        if isinstance(target, PeerTarget) and not isinstance(target, CubTarget)
    }


def known() -> tuple[str, ...]:
    """Names of all peers."""
    return (TORCH, CUB, CUB_TIES, *adapters())


def load(names: tuple[str, ...], headers: Path | None) -> tuple[dict[str, Peer], dict[str, str]]:
    """The peers that run here by name, and why the others do not. headers: CUB's, as --cccl names them."""
    ready: dict[str, Peer] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            if name == TORCH:
                ready[name] = torch_peer
            elif name in (CUB, CUB_TIES):
                ready[name] = cub_peer(headers, name == CUB_TIES)
            else:
                ready[name] = adapted(adapters()[name])
        except PeerUnavailable as error:
            missing[name] = str(error)
    return ready, missing
