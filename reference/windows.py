"""The window of each row: where it begins, and how many columns it has.

Source: the contract, docs/contract.md.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .call import Call


class Windows(NamedTuple):
    """The windows of R rows of S columns. starts: int64 [R], 0 .. S. columns: int64 [R], 0 .. S - start."""

    starts: Tensor
    columns: Tensor


def row_windows(call: Call) -> Windows:
    """The windows of a call's rows, on the device of its logits.

    call: its lengths or ends, starts, queries and compress_ratio, whatever integers they hold.
    """
    every = call.columns
    if call.starts is None:
        starts = torch.zeros(call.rows, dtype=torch.int64, device=call.logits.device)
    else:
        starts = call.starts.to(torch.int64).clamp(0, every)
    behind = every - starts
    if call.ends is not None:
        columns = call.ends.to(torch.int64) - starts
    elif call.lengths is not None:
        columns = row_tokens(call.lengths, call.queries) // call.compress_ratio
    else:
        columns = behind
    return Windows(starts, columns.clamp(min=0).minimum(behind))


def row_tokens(lengths: Tensor, queries: int) -> Tensor:
    """The tokens of each row, int64 [R], 0 or more.

    lengths: int32 [R], [B, Q], or [B] with R = B x queries. queries: the last of a sequence's rows has all of
    its tokens, the row before one less.
    """
    step = torch.arange(queries, device=lengths.device) - queries + 1
    return (lengths.to(torch.int64).reshape(-1, 1) + step).flatten().clamp(min=0)
