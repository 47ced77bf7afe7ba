"""The contract by a stable sort: of one row in three lines, and of a batch on its own device.

Source: docs/contract.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor

from .arguments import PADDING
from .call import Call, Options, Places, Selection
from .dtypes import widened
from .order import LOWEST_KEY, ordered_key
from .places import answer
from .windows import row_windows

if TYPE_CHECKING:
    from typing_extensions import Unpack

MOST_SORTED = 1 << 25  # logits that are sorted at a time, of as many whole rows: bounds the memory of a sort


@overload
def topk(logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Places]) -> Tensor: ...
@overload
def topk(
    logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Options]
) -> Tensor | Selection: ...
def topk(logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Options]) -> Tensor | Selection:
    """The contract's answer, by definition rather than by algorithm.

    For each row, with n = clamp(length, 0, S): the min(k, n) columns that come first when columns
    0 .. n-1 are ordered by value, greatest first, NaN above everything, equal values (NaN with NaN,
    +0 with -0) by lowest column first; written in ascending column order, then -1.

    logits: float32, bfloat16 or float16 [R, S]. lengths: int32 [R] or [B, Q], None for all columns. k: 1 ..
    4096. options: the other arguments of a Call. Returns int32 [R, k] on the same device, int64 if
    index_dtype says so, or a Selection if values or columns are asked for. Raises TypeError or ValueError for
    arguments that cannot be right, and RuntimeError under torch.set_flush_denormal(True), which makes float
    comparisons treat subnormal numbers as zero.
    """
    call = Call(logits, lengths, k, **options)
    return answer(call, selected_columns(call))


def selected_columns(call: Call) -> Tensor:
    """The columns that each row selects: int32 [R, k], counted from its start, ascending, then -1.

    call: its logits, their windows, and k. Raises RuntimeError as topk() does.
    """
    logits = call.logits
    if logits.device.type == "cpu" and _flushes_subnormals():
        raise RuntimeError(
            "torch.set_flush_denormal(True) is on, which makes subnormal logits equal to zero when floats "
            "are compared; the oracle expected torch.set_flush_denormal(False): call that first"
        )
    starts, n = row_windows(call)
    columns = torch.full((call.rows, call.k), PADDING, dtype=torch.int32, device=logits.device)
    step = max(1, MOST_SORTED // max(1, call.columns))
    for first in range(0, call.rows, step):
        part = slice(first, first + step)
        rows = logits[part] if call.starts is None else _from_starts(logits[part], starts[part])
        selected = _first_columns_of_rows(rows, n[part], call.k)
        columns[part, : selected.shape[1]] = selected
    return columns


def first_columns(row: Tensor, k: int) -> Tensor:
    """The k columns that come first in the contract's order, ascending: int64 [min(k, n)].

    row: any dtype of logits, [n]. k: 0 or more.
    """
    values = widened(row)
    # On CUDA torch.sort orders NaN by sign and payload. Integer keys have one order on every device.
    keys = values if values.device.type == "cpu" else ordered_key(values)
    return torch.sort(keys, descending=True, stable=True).indices[:k].sort().values


def _from_starts(logits: Tensor, starts: Tensor) -> Tensor:
    """Rows that begin at their starts, of the same shape; the last column stands in for those behind it."""
    columns = logits.shape[1]
    place = torch.arange(columns, device=logits.device)
    return logits.gather(1, (starts[:, None] + place).clamp(max=columns - 1))


def _first_columns_of_rows(logits: Tensor, n: Tensor, k: int) -> Tensor:
    """first_columns of the first n columns of each row, with padding: int64 [R, min(k, S)].

    Columns from n on become the least value. Those before n that equal it still come first, being lower.
    """
    columns = logits.shape[1]
    place = torch.arange(columns, device=logits.device)
    beyond = place >= n[:, None]
    if logits.device.type == "cpu":
        keys = widened(logits).masked_fill(beyond, -torch.inf)
    else:
        keys = ordered_key(logits).masked_fill_(beyond, LOWEST_KEY)
    first = torch.sort(keys, dim=1, descending=True, stable=True).indices[:, :k]
    ascending = first.masked_fill(place[:k] >= n[:, None], columns).sort(dim=1).values
    return ascending.masked_fill_(ascending == columns, PADDING)


def _flushes_subnormals() -> bool:
    """Whether float comparisons on this thread treat the smallest subnormal as zero."""
    smallest = torch.ones(1, dtype=torch.int32, device="cpu").view(torch.float32)
    return not bool(smallest > 0)
