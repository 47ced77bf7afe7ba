"""Where the rows of a case begin and end, of whatever arguments a call says it with.

The checker's own statement, in numpy, apart from reference/windows.py.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .asking import Asked

SAYS = ("ends", "queries", "compress_ratio")  # how many columns rows have, beside lengths
INT32 = np.iinfo(np.int32)


def window_starts(options: Asked, rows: int, columns: int) -> np.ndarray:
    """int64 [rows]: the first column of each window, 0..columns."""
    starts = options.get("starts")
    if starts is None:
        return np.zeros(rows, np.int64)
    return np.clip(starts.numpy().astype(np.int64), 0, columns)


def row_lengths(lengths: Tensor | None, options: Asked, rows: int, columns: int) -> Tensor:
    """int32 [rows]: the columns of each row as lengths of a plain call would say them, not clamped."""
    ends = options.get("ends")
    queries, ratio = options.get("queries", 1), options.get("compress_ratio", 1)
    if ends is not None:
        counted = ends.numpy().astype(np.int64) - window_starts(options, rows, columns)
    elif lengths is None:
        counted = columns - window_starts(options, rows, columns)
    elif queries == 1 and ratio == 1:
        return lengths.reshape(-1)
    else:
        tokens = np.repeat(lengths.numpy().reshape(-1).astype(np.int64), queries)
        missing = queries - 1 - np.arange(rows) % queries  # the last of a sequence's rows has them all
        counted = np.maximum(tokens - missing, 0) // ratio
    return torch.from_numpy(np.clip(counted, INT32.min, INT32.max).astype(np.int32))


def said_alike(
    lengths: np.ndarray, given: Tensor | None, options: Asked, columns: int
) -> tuple[Tensor | None, Asked]:
    """(lengths, options) of a call whose rows have these lengths, by the arguments that `given` and `options`
    say it with, where these can say so; else by starts and lengths.

    lengths: integers [rows], in columns. given, options: those of another call, whose tensors of rows are of
    as many rows already.
    """
    rows = len(lengths)
    plain = torch.from_numpy(np.clip(lengths, INT32.min, INT32.max).astype(np.int32))
    spelled = {name: value for name, value in options.items() if name not in SAYS}
    for said in (given, _said(lengths, given, options, columns)):
        worded = options
        if "ends" in options and said is not None:
            worded, said = {**options, "ends": said}, None
        entries = rows if said is None else said.numel() * worded.get("queries", 1)
        if entries == rows and torch.equal(row_lengths(said, worded, rows, columns), plain):
            return said, worded
    return plain, spelled


def _said(lengths: np.ndarray, given: Tensor | None, options: Asked, columns: int) -> Tensor | None:
    """What says these lengths in the place of `given`, or of the ends: int32."""
    queries, ratio = options.get("queries", 1), options.get("compress_ratio", 1)
    rest = 0 if given is None or not given.numel() else int((given % ratio).max())
    said = lengths[queries - 1 :: queries].astype(np.int64) * ratio + rest
    if "ends" in options:
        said = window_starts(options, len(lengths), columns) + lengths
    elif given is None:
        return None
    entries = torch.from_numpy(np.clip(said, INT32.min, INT32.max).astype(np.int32))
    whole = given is not None and given.dim() == 2 and given.shape[1] and not len(entries) % given.shape[1]
    return entries.view(-1, given.shape[1]) if given is not None and whole else entries
