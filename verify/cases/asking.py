"""What a call may ask for beside the plain selection: its name in reports, options and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .dtypes import NAMES

Asked = dict[str, Any]  # arguments of a reference.call.Call beside logits, lengths and k, by their names

# Arguments of persistent_topk.topk() that a function may take by their names.
KEYWORDS = (
    "starts",
    "ends",
    "queries",
    "compress_ratio",
    "offsets",
    "page_table",
    "table_rows",
    "table_starts",
    "index_dtype",
    "return_values",
    "return_columns",
)
WITH_TABLE = ("table_rows", "table_starts", "page_size")
NO_LENGTHS, BATCH_LENGTHS = "no_lengths", "batch_lengths"  # lengths None, and [B, Q]
ARGUMENTS = (NO_LENGTHS, BATCH_LENGTHS, *KEYWORDS)
VALUES = "values"  # of what returns them unasked
NARROW_DTYPES = ("bfloat16", "float16")

# What each is called where a campaign's cases are counted.
WORDS = {
    "bfloat16": "bfloat16 logits",
    "float16": "float16 logits",
    NO_LENGTHS: "lengths None",
    BATCH_LENGTHS: "lengths [B, Q]",
    "index_dtype": "int64 indices",
    "return_values": "values",
    "return_columns": "columns",
}
ROW_TENSORS = ("starts", "ends", "offsets", "table_rows", "table_starts")  # an entry a row
TENSORS = (*ROW_TENSORS, "page_table")


def asked_for(storage: Tensor, lengths: Tensor | None, options: Asked) -> Iterator[str]:
    """Names of what a call has beside float32 logits, lengths [R] and k: dtypes, and of ARGUMENTS."""
    if storage.dtype != torch.float32:
        yield NAMES[storage.dtype]
    if lengths is None and "ends" not in options:
        yield NO_LENGTHS
    if lengths is not None and lengths.dim() == 2:
        yield BATCH_LENGTHS
    yield from (name for name in KEYWORDS if name in options)


def tensors_of(options: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors among a call's other arguments, by their names."""
    return {name: options[name] for name in TENSORS if name in options}


def numbers_of(options: Mapping[str, Any]) -> dict[str, int | bool | str]:
    """The others, as JSON has them."""
    named = {name: value for name, value in options.items() if name not in TENSORS}
    return {
        name: str(value).removeprefix("torch.") if isinstance(value, torch.dtype) else value
        for name, value in named.items()
    }


def options_of(numbers: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Asked:
    """The other arguments of a call, of numbers_of() and tensors_of(). Raises ValueError for a number that
    is none of a call's."""
    options: Asked = dict(tensors)
    for name, value in numbers.items():
        if name not in (*KEYWORDS, "page_size") or name in TENSORS:
            raise ValueError(f"{name!r} is no argument of a call that is a number")
        options[name] = getattr(torch, value) if name == "index_dtype" else value
    return options


def of_rows(options: Asked, source: Sequence[int], rows: int) -> Asked:
    """The options of a call of the rows `source`, in this order, of a call of so many."""
    if list(source) == list(range(rows)):
        return options
    picked = dict(options)
    chosen = torch.from_numpy(np.asarray(source, np.int64))
    for name in ROW_TENSORS:
        if name in picked:
            picked[name] = picked[name][chosen]
    if "page_table" in picked and "table_rows" not in picked:
        table: Tensor = picked["page_table"]
        picked["page_table"] = torch.cat([table[chosen], table[rows:]])
    return picked
