"""DeepSelect's topk as a target.

deep_select.topk(input [R, S], topk, end=lengths, ...) -> (values or None, indices), as its README and the
docstring of deep_select/interface.py have it (1.0.0; installed as deep_select from its repository, or as
tokenspeed-deepselect, which has kernels for sm_100 and sm_103 alone):

- "Select topk elements for each row"; end: "The right(exclusive) range for input row", "`end` <=
  `vocab_size` must be held"; k "must be <= 4096".
- sorted_index: "Whether to return sorted output_idx", "in ascending order". idx_oob_fill_value: what fills
  the slots where "end[i] <= topk".
- "stride(0) must be a multiple of `deep_select.get_stride_requirement()[0]` bytes", "For unaligned inputs,
  padding is necessary": this adapter copies then, so it promises nothing of layouts.
- NaN: "if True, aborts the whole kernel; if False, writes 0x3F3F3F3F", so rows with NaN are not given to it.
- Its C++ check: "vocab_size must be < 2^23 for float32 input". Nothing is said of ties.
"""

from __future__ import annotations

import importlib

import torch

from ...cases.case import Case
from ..function import Function
from ..limits import TargetLimits
from .peer import SELECTS, PeerTarget

PADDING = -1
CLAIMED = SELECTS | {"ascending-order"}
MOST_COLUMNS = (1 << 23) - 1


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
    distributions = ("tokenspeed-deepselect", "deep-select")
    documented = TargetLimits(max_k=4096, max_columns=MOST_COLUMNS)

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
        beyond = super().refuses(case)
        if beyond is None and bool(case.logits.isnan().any()):
            return "NaN makes the kernel abort"
        return beyond
