"""DeepSelect's topk as a target. Not yet run against the real package.

deep_select.topk(input [R, S], topk, end=lengths, ...) -> (values or None, indices): its README and the
docstring of deep_select/interface.py promise the top-k elements of each row among the first end[r] columns,
k of at most 4096, any value of choice behind them (`idx_oob_fill_value`), and ascending columns where
`sorted_index` is set. Nothing is said of ties. `end` over the columns is forbidden ("must be held"), NaN
makes the kernel abort or write a mark in place of the row's answer, and row strides that are no multiple of
`get_stride_requirement()[0]` bytes have to be copied, which this adapter does.
"""

from __future__ import annotations

import importlib

import torch

from ..cases import Case
from ..properties import CLAIMS
from .function import Function
from .peer import PeerTarget

PADDING = -1
# The claim `set` less what its documentation excludes (lengths) and what a copy makes the adapter's own.
CLAIMED = CLAIMS["set"] - {"short-lengths", "layout-independent"} | {"ascending-order"}
MOST_COLUMNS = (1 << 23) - 1  # its C++ check: "vocab_size must be < 2^23 for float32 input"


def aligned(logits: torch.Tensor, row_bytes: int) -> torch.Tensor:
    """The logits, or a copy of them whose start and row stride are multiples of row_bytes."""
    element = logits.element_size()
    if logits.stride(0) * element % row_bytes == 0 and logits.data_ptr() % row_bytes == 0:
        return logits
    rows, columns = logits.shape
    multiple = max(1, row_bytes // element)
    width = -(-max(1, columns) // multiple) * multiple
    padded = torch.full((rows, width), -torch.inf, dtype=logits.dtype, device=logits.device)
    padded[:, :columns] = logits
    return padded[:, :columns]


class DeepSelectTarget(PeerTarget):
    package = "deep_select"

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("deepselect.topk", CLAIMED, device)

    def load(self) -> Function:
        module = importlib.import_module("deep_select")
        row_bytes = int(module.get_stride_requirement()[0])

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            _, indices = module.topk(
                aligned(logits, row_bytes),
                k,
                end=lengths,
                indices_type=torch.int32,
                sorted_index=True,
                idx_oob_fill_value=PADDING,
                return_value=False,
                abort_when_nan_found=False,
            )
            return indices

        return topk

    def refuses(self, case: Case) -> str | None:
        if case.columns > MOST_COLUMNS:
            return f"at most {MOST_COLUMNS} columns"
        if bool(case.logits.isnan().any()):
            return "NaN makes the kernel abort"
        return super().refuses(case)
