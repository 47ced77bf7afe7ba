"""Top-k functions whose answer depends on the calls before, or that leave more than an answer behind."""

from __future__ import annotations

import ctypes
import os

import torch
from limited_topk import right

LANES = 4
CHUNK = 512
LARGEST_K = 2048
WIDEST = 300
EVERY = 7  # calls
_width: list[int] = []
_calls: list[int] = [0]


def first_width(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Keeps the number of columns of its first call."""
    if not _width:
        _width.append(logits.shape[1])
    return right(logits, lengths.clamp(max=_width[0]), k)


def now_and_then(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Wrong in every so many calls, whatever they are."""
    _calls[0] += 1
    found = right(logits, lengths, k)
    if _calls[0] > 10 * EVERY and _calls[0] % EVERY == 0:
        found[:, 0] = -1
    return found


def tells_calls(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The number of calls that its process has answered, in every slot."""
    _calls[0] += 1
    return torch.full((len(logits), k), _calls[0], dtype=torch.int32)


def unwritten_rest(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The last k % 4 slots keep what memory held."""
    found, whole = torch.empty(len(logits), k, dtype=torch.int32), k - k % LANES
    found[:, :whole] = right(logits, lengths, k)[:, :whole]
    return found


def chunks_of_rows(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Rows from the 512th on read those of the first chunk."""
    return right(logits[torch.arange(len(logits)) % CHUNK], lengths, k)


def aborts(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if k > LARGEST_K:
        os.abort()
    return right(logits, lengths, k)


def faults(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Prints, and reads where there is nothing."""
    if logits.shape[1] > WIDEST:
        print("launching", flush=True)
        ctypes.string_at(0)
    return right(logits, lengths, k)


def _inside(logits: torch.Tensor) -> torch.Tensor:
    print(f"looking at {logits.shape[1]} columns")
    return logits[:, 1 << 20]


def raises_inside(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if logits.shape[1] > WIDEST:
        _inside(logits)
    return right(logits, lengths, k)


def all_nan_gives_none(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """A row of NaN alone is answered by padding."""
    found = right(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        if n and bool(logits[row, :n].isnan().all()):
            found[row] = -1
    return found


def minus_inf_hidden(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Takes -inf for a hidden column."""
    columns = torch.arange(logits.shape[1])
    masked = logits.masked_fill(columns >= lengths[:, None], float("-inf"))
    values, indices = masked.topk(min(k, logits.shape[1]))
    indices = indices.masked_fill(values == float("-inf"), -1)
    return torch.nn.functional.pad(indices, (0, k - indices.shape[1]), value=-1)
