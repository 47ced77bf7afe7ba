"""A second oracle that shares no line with the first: CUB's DeviceBatchedTopK.

With prefer_smaller_index (CCCL 3.6 on sm_90 and newer) its answer fixes the columns. Without it, the answer
fixes the multiset of selected keys only, since CUB may take any of several tied columns. CUB orders floats by
their bits, so probes with NaN and with signed zeros decide at the start whether such rows can be judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ...cuda.build import BuildError
from ...reference import oracle
from ..judging.judge import EMPTY, keys_of
from ..targets.peers import cub_library as cub

PROBE_K = 3
QUIET_NAN, SIGNALLING_NAN, PAYLOAD_NAN = 0x7FC00000, 0x7F800001, 0x7FFFFFFF
SIGN = -(1 << 31)
BEYOND = EMPTY + 1  # no key either


class Unavailable(RuntimeError):
    """The second oracle cannot be used here; the message has the reason."""


class Library(Protocol):
    """What a second oracle needs of verify.targets.peers.cub_library.Cub."""

    takes_ties: bool
    most_columns: int

    @property
    def version(self) -> str: ...

    def topk(self, logits: Tensor, lengths: Tensor, k: int, ties: bool = False) -> Tensor: ...


def nan_probe(device: str) -> Tensor:
    """Rows in which NaN of either sign and several payloads decide which columns are selected."""
    nans = torch.tensor([QUIET_NAN, SIGNALLING_NAN, PAYLOAD_NAN], dtype=torch.int32, device=device)
    rows = []
    for at in range(len(nans)):
        row = torch.tensor([1.0, torch.inf, 0.0, 2.0, -torch.inf, 3.0], device=device).view(torch.int32)
        row[3], row[4], row[5] = nans[at], nans[at] | SIGN, nans[at - 1]
        rows.append(row)
    return torch.stack(rows).view(torch.float32)


def zero_probe(device: str) -> Tensor:
    """Rows in which zeros of either sign tie at the last place."""
    return torch.tensor([[-0.0, 0.0, -1.0, 0.0, -0.0, 5.0], [0.0, -0.0, -0.0, 0.0, 5.0, 5.0]], device=device)


def ascending(indices: Tensor, columns: int) -> Tensor:
    """The columns of each row in ascending order, then -1."""
    ordered = indices.long().masked_fill(indices < 0, columns).sort(dim=1).values
    return ordered.masked_fill(ordered == columns, -1)


def selected_keys(logits: Tensor, indices: Tensor) -> Tensor:
    """Each row's selected keys in ascending order, EMPTY for slots that hold -1, BEYOND for other slots
    that hold no column."""
    index, last = indices.long(), logits.shape[1] - 1
    keys = keys_of(logits.gather(1, index.clamp(0, last)))
    return keys.masked_fill(index < 0, EMPTY).masked_fill(index > last, BEYOND).sort(dim=1).values


@dataclass(frozen=True)
class Opinion:
    """Of a batch: rows that it judged, and which of these differ from the kernel's. bool [R] each."""

    judged: Tensor
    differs: Tensor


class SecondOracle:
    """CUB as a second oracle. by_column: it decides ties by column, as the contract does."""

    def __init__(self, library: Library, device: str = "cuda") -> None:
        self.library = library
        self.by_column = library.takes_ties
        self.orders_nan = self.right_on(nan_probe(device))
        self.orders_zeros = self.by_column and self.right_on(zero_probe(device))

    @property
    def name(self) -> str:
        """The library's version and what it judges, for reports."""
        what = "columns" if self.by_column else "values"
        nan = "NaN rows included" if self.orders_nan else "NaN rows left out"
        return f"CUB {self.library.version}: {what}, {nan}, up to {self.library.most_columns} columns"

    def right_on(self, logits: Tensor) -> bool:
        """Whether CUB selects from these rows what the contract does: the columns if by_column, else the
        keys."""
        lengths = torch.full((len(logits),), logits.shape[1], dtype=torch.int32, device=logits.device)
        expected = oracle.topk(logits, lengths, PROBE_K)
        found = self.library.topk(logits, lengths, PROBE_K, self.by_column)
        if self.by_column:
            return torch.equal(ascending(found, logits.shape[1]), expected.long())
        return torch.equal(selected_keys(logits, found), selected_keys(logits, expected))

    def opinion(self, logits: Tensor, lengths: Tensor, k: int, output: Tensor) -> Opinion:
        """Of the kernel's `output` int32 [R, k] for the batch. Raises Unavailable where a call fails."""
        rows, columns = logits.shape
        if columns > self.library.most_columns:
            nobody = torch.zeros(rows, dtype=torch.bool, device=logits.device)
            return Opinion(nobody, nobody)
        inside = torch.arange(columns, device=logits.device)[None, :] < lengths[:, None]
        judged = (~(logits.isnan() & inside).any(dim=1)) | self.orders_nan
        try:
            found = self.library.topk(logits, lengths, k, self.by_column)
        except cub.CubUnavailable as error:
            raise Unavailable(f"{rows} x {columns}, k {k}: {error}") from error
        differs = (selected_keys(logits, found) != selected_keys(logits, output)).any(dim=1)
        if self.by_column:
            other_columns = (ascending(found, columns) != ascending(output, columns)).any(dim=1)
            negative_zero = ((logits == 0) & logits.signbit() & inside).any(dim=1)
            differs |= other_columns & (~negative_zero | self.orders_zeros)
        return Opinion(judged, differs & judged)


def load(headers: Path | None = None) -> SecondOracle:
    """CUB on the current device. Raises Unavailable."""
    try:
        return SecondOracle(cub.load(headers))
    except (cub.CubUnavailable, BuildError, OSError) as error:
        raise Unavailable(str(error)) from error
