"""Top-k functions that are right but for calls of some extent, as kernels were whose grids, packed indices or
dispatches end there. Each names the report that it is like."""

from __future__ import annotations

from collections.abc import Callable

import torch

from persistent_topk.reference import oracle

Function = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
GRID = 65535  # the most blocks in y or z
IN_A_BLOCK = 8  # blocks of a row
PACKED = 19  # bits of a column
DISPATCHED, SHARED = 64, 1024  # rows from which on another kernel is taken, and the columns that it looks at


def right(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return oracle.topk(logits, lengths, k)


def no_idle_rank(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """SGLang #22455: a launch of no blocks is an error."""
    if not len(logits):
        raise RuntimeError("CUDA error: invalid configuration argument")
    return right(logits, lengths, k)


def blocks_in_z(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """FreeToken #185, vllm-gguf-plugin #125: rows x 8 blocks in gridDim.z; what does not fit is not run."""
    found = torch.zeros(len(logits), k, dtype=torch.int32)
    rows = len(logits) if len(logits) * IN_A_BLOCK <= GRID else 0
    found[:rows] = right(logits[:rows], lengths[:rows], k)
    return found


def rows_in_y(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """mlx #2267: rows in gridDim.y; those beyond it get the answers of the first ones."""
    found = right(logits, lengths, k)
    found[GRID:] = found[: max(0, len(found) - GRID)]
    return found


def packed_columns(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """triton #10814, aiter #5445: a column in 19 bits."""
    found = right(logits, lengths, k)
    return torch.where(found >= 0, found & ((1 << PACKED) - 1), -1)


def many_rows_dispatch(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """vLLM #50979: from 64 rows on another kernel, wrong for rows over 1,024 columns."""
    if len(logits) < DISPATCHED:
        return right(logits, lengths, k)
    return right(logits[:, :SHARED], lengths, k)


def loses_last_column(boundary: int, of_columns: bool = False) -> Function:
    """Another engine's dispatch at `boundary`, whose second kernel reads one column too few there."""

    def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        at = torch.full_like(lengths, logits.shape[1]) if of_columns else lengths
        return right(logits, torch.where(at == boundary, lengths - 1, lengths), k)

    return topk


last_at_12288 = loses_last_column(12288)  # TensorRT-LLM, vLLM
last_at_20000 = loses_last_column(20000, of_columns=True)  # torch
last_at_200000 = loses_last_column(200000, of_columns=True)  # TensorRT-LLM, vLLM
last_at_65537 = loses_last_column(65537)
last_at_4095 = loses_last_column(4095)

# The rows and columns of the calls that show it.
SHOWN: dict[str, Callable[[int, int], bool]] = {
    "no_idle_rank": lambda rows, columns: not rows,
    "blocks_in_z": lambda rows, columns: rows * IN_A_BLOCK > GRID and columns > 0,
    "rows_in_y": lambda rows, columns: rows > GRID and columns > 0,
    "packed_columns": lambda rows, columns: rows > 0 and columns > 1 << PACKED,
    "many_rows_dispatch": lambda rows, columns: rows >= DISPATCHED and columns > SHARED,
    "last_at_12288": lambda rows, columns: columns == 12288,
    "last_at_20000": lambda rows, columns: columns == 20000,
    "last_at_200000": lambda rows, columns: columns == 200000,
    "last_at_65537": lambda rows, columns: columns == 65537,
    "last_at_4095": lambda rows, columns: columns == 4095,
}

# The failure, and the properties of which one must break.
SELECTION = ("exact-set", "in-range-unique")
BY_EXTENT: dict[str, tuple[str, ...]] = {
    "no_idle_rank": ("exact-set",),
    "blocks_in_z": SELECTION,
    "rows_in_y": SELECTION,
    "packed_columns": SELECTION,
    "many_rows_dispatch": ("exact-set",),
    "last_at_12288": ("exact-set",),
    "last_at_20000": ("exact-set",),
    "last_at_200000": ("exact-set",),
    "last_at_65537": ("exact-set",),
    "last_at_4095": ("exact-set",),
}
