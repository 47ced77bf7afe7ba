"""The contract by a stable sort: of one row in three lines, and of a batch on its own device.

Source: docs/contract.md.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .arguments import PADDING, check_arguments
from .order import LOWEST_KEY, ordered_key

MOST_SORTED = 1 << 25  # logits that are sorted at a time, of as many whole rows: bounds the memory of a sort


def topk(logits: Tensor, lengths: Tensor, k: int) -> Tensor:
    """The contract's answer, by definition rather than by algorithm.

    For each row, with n = clamp(length, 0, S): the min(k, n) columns that come first when columns
    0 .. n-1 are ordered by value, greatest first, NaN above everything, equal values (NaN with NaN,
    +0 with -0) by lowest column first; written in ascending column order, then -1.

    logits: float32 [R, S]. lengths: int32 [R]. k: 1 .. 4096. Returns int32 [R, k] on the same device.
    Raises TypeError or ValueError for arguments that cannot be right, and RuntimeError under
    torch.set_flush_denormal(True), which makes float comparisons treat subnormal numbers as zero.
    """
    check_arguments(logits, lengths, k)
    if logits.device.type == "cpu" and _flushes_subnormals():
        raise RuntimeError(
            "torch.set_flush_denormal(True) is on, which makes subnormal logits equal to zero when floats "
            "are compared; the oracle expected torch.set_flush_denormal(False): call that first"
        )
    rows, columns = logits.shape
    indices = torch.full((rows, k), PADDING, dtype=torch.int32, device=logits.device)
    step = max(1, MOST_SORTED // max(1, columns))
    for first in range(0, rows, step):
        part = slice(first, first + step)
        selected = _first_columns_of_rows(logits[part], lengths[part].clamp(0, columns), k)
        indices[part, : selected.shape[1]] = selected
    return indices


def first_columns(row: Tensor, k: int) -> Tensor:
    """The k columns that come first in the contract's order, ascending: int64 [min(k, n)].

    row: float32 [n]. k: 0 or more.
    """
    values = row.detach()
    # On CUDA torch.sort orders NaN by sign and payload. Integer keys have one order on every device.
    keys = values if values.device.type == "cpu" else ordered_key(values)
    return torch.sort(keys, descending=True, stable=True).indices[:k].sort().values


def _first_columns_of_rows(logits: Tensor, n: Tensor, k: int) -> Tensor:
    """first_columns of the first n columns of each row, with padding: int64 [R, min(k, S)].

    Columns from n on become the least value. Those before n that equal it still come first, being lower.
    """
    columns = logits.shape[1]
    place = torch.arange(columns, device=logits.device)
    beyond = place >= n[:, None]
    if logits.device.type == "cpu":
        keys = logits.detach().masked_fill(beyond, -torch.inf)
    else:
        keys = ordered_key(logits).masked_fill_(beyond, LOWEST_KEY)
    first = torch.sort(keys, dim=1, descending=True, stable=True).indices[:, :k]
    ascending = first.masked_fill(place[:k] >= n[:, None], columns).sort(dim=1).values
    return ascending.masked_fill_(ascending == columns, PADDING)


def _flushes_subnormals() -> bool:
    """Whether float comparisons on this thread treat the smallest subnormal as zero."""
    smallest = torch.ones(1, dtype=torch.int32, device="cpu").view(torch.float32)
    return not bool(smallest > 0)
