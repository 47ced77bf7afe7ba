"""The protocol that sends counts, with a launch of digits.cuh between two exchanges.

Source: by_digits of reference/sharded.py, whose exchanges these are; the launches are its steps on a device.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...reference.arguments import PADDING
from ...reference.lists import LAST
from ...reference.sharded import GATHER, SUM, VALUE_DIGITS, Exchange, Protocol, Share, column_digits

# StageAction and Counted of digits.cuh.
COUNT_VALUES, COUNT_TIES, COUNT_COLUMNS, WRITE_OWN = range(4)
NOTHING, OF_VALUES, OF_COLUMNS = range(3)
STATE_WORDS = 3  # of StageState


class StageParams(ctypes.Structure):
    """StageParams of digits.cuh."""

    _fields_ = [
        ("shard", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("width", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("local", "lengths", "keys", "states", "totals", "result")),
        *((name, ctypes.c_int32) for name in ("rows", "k", "columns", "block", "first", "rank", "ranks")),
        *((name, ctypes.c_int32) for name in ("action", "counted", "bits_before", "bits", "shift")),
    ]


Launch = Callable[[StageParams, Tensor], None]  # the tensor: one on the device of the call


class Stages:
    """The launches of one call. launch: makes one, on a GPU or on the emulator."""

    def __init__(self, share: Share, launch: Launch) -> None:
        self.local = share.selected()
        self._launch = launch
        self._share = share
        rows, k = self.local.shape
        self._keys = torch.empty_like(self.local)
        self._states = self.local.new_empty(rows, STATE_WORDS)
        layout = share.layout
        self._params = StageParams(
            shard=share.shard.data_ptr(),
            row_stride=share.shard.stride(0),
            width=share.shard.shape[1],
            local=self.local.data_ptr(),
            lengths=share.lengths.data_ptr(),
            keys=self._keys.data_ptr(),
            states=self._states.data_ptr(),
            rows=rows,
            k=k,
            columns=layout.columns,
            block=layout.block or 0,
            first=0 if layout.block else layout.first_column(share.rank),
            rank=share.rank,
            ranks=layout.ranks,
        )
        self._counted, self._bits_before = NOTHING, 0

    def run(
        self, action: int, width: Sequence[int], totals: Tensor | None, bits: int = 0, shift: int = 0
    ) -> Tensor:
        """One launch: what it leaves for the next exchange, or the rank's own columns, int32 [R, *width].

        totals: int32 [R, digits], or [W, R] before the own columns of consecutive shards; None at first.
        """
        result = self.local.new_empty((self.local.shape[0], *width))
        if result.numel() == 0:
            return result
        params = self._params
        params.action, params.bits, params.shift = action, bits, shift
        params.counted, params.bits_before = self._counted, self._bits_before
        params.totals = None if totals is None else totals.data_ptr()
        params.result = result.data_ptr()
        self._launch(params, self.local)
        counted = {COUNT_VALUES: OF_VALUES, COUNT_COLUMNS: OF_COLUMNS}
        self._counted, self._bits_before = counted.get(action, NOTHING), bits
        return result


def by_digits(share: Share, launch: Launch) -> Protocol:
    """One rank's part of the protocol that sends counts of digits: the exchanges of
    reference.sharded.by_digits.

    share: the rank's part of the call. launch: makes a launch, on a GPU or on the emulator.
    """
    stages, totals = Stages(share, launch), None
    column_widths = () if share.layout.block is None else column_digits(share.layout.columns)
    for action, stage, widths in (
        (COUNT_VALUES, "value", VALUE_DIGITS),
        (COUNT_COLUMNS, "column", column_widths),
    ):
        shift = sum(widths)
        for number, bits in enumerate(widths):
            shift -= bits
            counts = stages.run(action, (1 << bits,), totals, bits, shift)
            totals = yield Exchange(f"{stage} digit {number}", SUM, counts)
    if share.layout.block is None:
        totals = yield Exchange("ties", GATHER, stages.run(COUNT_TIES, (), totals))
    own = stages.run(WRITE_OWN, (share.k,), totals)
    if share.owned:
        return own
    every = yield Exchange("columns", GATHER, share.layout.in_row(share.rank, own))
    joined = every.movedim(0, 1).flatten(1)
    ordered = joined.masked_fill(joined < 0, LAST).sort(dim=1).values[:, : share.k]
    return ordered.masked_fill(ordered == LAST, PADDING).contiguous()
