"""Calls of any arguments, of rows as long as wanted, each fixed by a seed: for kernels, whose rows are longer
than those of drawn_calls.py."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from persistent_topk.reference.call import Selection

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class Draws:
    """Random integers of a seed."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def one(self, low: int, high: int) -> int:
        """Of low .. high - 1."""
        return int(torch.randint(low, high, (), generator=self.generator))

    def many(self, low: int, high: int, count: int, dtype: torch.dtype = torch.int32) -> Tensor:
        return torch.randint(low, high, (count,), generator=self.generator, dtype=torch.int64).to(dtype)


def random_logits(draws: Draws, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """At any stride and alignment; some with many ties, some with NaN."""
    offset, stride = draws.one(0, 5), columns + draws.one(0, 6)
    buffer = torch.randn(rows * stride + offset, generator=draws.generator)
    kind = draws.one(0, 4)
    if kind == 0:
        buffer = buffer.mul(2).round()
    elif kind == 1:
        buffer[:: draws.one(2, 99)] = torch.nan
    return buffer.to(dtype)[offset:].view(rows, stride)[:, :columns]


def random_rows(draws: Draws, rows: int, columns: int) -> dict[str, Any]:
    """Lengths or ends, and starts."""
    given: dict[str, Any] = {"lengths": draws.many(-3, columns + 20, rows)}
    kind = draws.one(0, 5)
    if kind == 0:
        given = {"lengths": None, "ends": draws.many(0, columns + 9, rows)}
    elif kind == 1:
        given = {"lengths": draws.many(0, 2 * columns, 1), "queries": rows}
    elif kind == 2:
        given["compress_ratio"] = draws.one(1, 5)
    if draws.one(0, 2):
        given["starts"] = draws.many(-3, columns // 2 + 5, rows)
    return given


def random_places(draws: Draws, rows: int, columns: int) -> dict[str, Any]:
    """Offsets or a page table, and what else is returned."""
    given: dict[str, Any] = {"index_dtype": (torch.int32, torch.int64)[draws.one(0, 2)]}
    kind = draws.one(0, 4)
    if kind == 0:
        given["offsets"] = draws.many(-5, 2**31 - columns // 2, rows)
    elif kind == 1:
        given["offsets"] = draws.many(-(2**62), 2**62, rows, torch.int64)
    elif kind == 2:
        size = given["page_size"] = 1 << draws.one(0, 7)
        tables, pages = rows + 2, max(1, columns // size - 1)
        given["page_table"] = draws.many(-1, 10**6, tables * pages).view(tables, pages)
        if draws.one(0, 2):
            given["table_rows"] = draws.many(-1, tables + 1, rows)
        if draws.one(0, 2):
            given["table_starts"] = draws.many(-1, 3, rows)
    for name in ("return_values", "return_columns"):
        if draws.one(0, 2):
            given[name] = True
    return given


def random_call(seed: int, most_rows: int, most_columns: int, most_k: int) -> dict[str, Any]:
    """The arguments of a call, by their names."""
    draws = Draws(seed)
    rows, columns = draws.one(1, most_rows + 1), draws.one(1, most_columns + 1)
    given = {"logits": random_logits(draws, rows, columns, DTYPES[seed % 3]), "k": draws.one(1, most_k + 1)}
    return given | random_rows(draws, rows, columns) | random_places(draws, rows, columns)


def bits(tensor: Tensor) -> Tensor:
    """What tells -0 from 0, and NaN from NaN."""
    if not tensor.is_floating_point():
        return tensor.cpu()
    return tensor.cpu().view(torch.int32 if tensor.element_size() == 4 else torch.int16)


def same(found: Tensor | Selection, expected: Tensor | Selection) -> bool:
    """Whether two answers are equal bit by bit, in dtype and in shape."""
    if isinstance(found, Tensor) or isinstance(expected, Tensor):
        found, expected = (
            each if isinstance(each, Selection) else Selection(each) for each in (found, expected)
        )
    for one, other in zip(found, expected, strict=True):
        if (one is None) != (other is None):
            return False
        if one is not None and (one.dtype != other.dtype or not torch.equal(bits(one), bits(other))):
            return False
    return True
