"""The contract's whole call, one row at a time, in Python's own integers and sort: nothing of ours but names.

It follows docs/contract.md word by word and shares no line with reference/.
"""

from __future__ import annotations

import math
from typing import Any

import torch

PLACE_LIMITS = {torch.int32: (-(2**31), 2**31 - 1), torch.int64: (-(2**63), 2**63 - 1)}


def clamp(number: int, least: int, most: int) -> int:
    return max(least, min(number, most))


def window(arguments: dict[str, Any], row: int) -> tuple[int, int]:
    """Where the row begins, and before which column it ends."""
    every = arguments["logits"].shape[1]
    starts, ends, lengths = (arguments.get(name) for name in ("starts", "ends", "lengths"))
    start = 0 if starts is None else clamp(starts[row].item(), 0, every)
    if ends is not None:
        return start, clamp(ends[row].item(), start, every)
    if lengths is None:
        return start, every
    queries = arguments.get("queries", 1)
    if lengths.dim() == 2:
        tokens = lengths[row // lengths.shape[1], row % lengths.shape[1]].item()
    else:
        tokens = max(0, lengths[row // queries].item() - queries + 1 + row % queries)
    columns = math.floor(tokens / arguments.get("compress_ratio", 1))
    return start, start + clamp(columns, 0, every - start)


def place(arguments: dict[str, Any], row: int, column: int) -> int:
    """What is written for the column, -1 where that cannot be."""
    offsets, table = arguments.get("offsets"), arguments.get("page_table")
    found = column
    if offsets is not None:
        found = column + offsets[row].item()
    if table is not None:
        rows, starts, size = (arguments.get(name) for name in ("table_rows", "table_starts", "page_size"))
        table_row = row if rows is None else rows[row].item()
        page = (0 if starts is None else starts[row].item()) + column // size
        if not (0 <= table_row < table.shape[0] and 0 <= page < table.shape[1]):
            return -1
        entry = table[table_row, page].item()
        if entry < 0:
            return -1
        found = entry * size + column % size
    least, most = PLACE_LIMITS[arguments.get("index_dtype", torch.int32)]
    return found if least <= found <= most else -1


def selected(arguments: dict[str, Any], row: int) -> list[int]:
    """The columns that come first, ascending, counted from the start of the row."""
    start, end = window(arguments, row)
    values = arguments["logits"][row, start:end].double().tolist()
    by_value = sorted(
        range(len(values)),
        key=lambda column: (
            not math.isnan(values[column]),
            0.0 if math.isnan(values[column]) else -values[column],
            column,
        ),
    )
    return sorted(by_value[: arguments["k"]])


def bits(values: torch.Tensor) -> list[list[int]]:
    return values.detach().view(torch.int32 if values.dtype == torch.float32 else torch.int16).tolist()


def answer(arguments: dict[str, Any]) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """Places, bits of values and columns of every row, padded to k."""
    logits, k = arguments["logits"], arguments["k"]
    of_logits = bits(logits)
    lowest = bits(torch.tensor([-math.inf], dtype=logits.dtype))[0]
    places, values, columns = [], [], []
    for row in range(logits.shape[0]):
        found = selected(arguments, row)
        padding = k - len(found)
        start = window(arguments, row)[0]
        places.append([place(arguments, row, column) for column in found] + [-1] * padding)
        values.append([of_logits[row][start + column] for column in found] + [lowest] * padding)
        columns.append(found + [-1] * padding)
    return places, values, columns
