"""`python -m persistent_topk.bench.cpu`: rows a second without a GPU, on one core.

The emulated kernel checks every access of every thread, so this does not measure the kernel's speed: it
measures how many rows a campaign verifies.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch

from ..cuda.emulator import topk as emulated
from ..exit_code import ExitCode
from ..reference import topk as model_topk

ROWS = 64
COLUMNS = 8192
K = 2048
SECONDS = 3.0  # of repeated calls
TARGET_ROWS_PER_SECOND = 100

TopK = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


def rows_per_second(topk: TopK) -> float:
    """Rows of 8192 normal logits that topk selects from in a second, for k = 2048. A first call is not
    timed."""
    logits = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0), device="cpu")
    lengths = torch.full((ROWS,), COLUMNS, dtype=torch.int32, device="cpu")
    topk(logits, lengths, K)
    rows, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        topk(logits, lengths, K)
        rows += ROWS
    return rows / spent


def main() -> int:
    """Prints the table. Returns MISMATCH if the model or the emulator misses the target."""
    torch.set_num_threads(1)
    rates = {"model": rows_per_second(model_topk), "emulator": rows_per_second(emulated.topk)}
    for name, rate in rates.items():
        print(f"{name:<10}{rate:8.0f} rows/s   n = {COLUMNS}, k = {K}, one core")
    return ExitCode.AGREE if min(rates.values()) >= TARGET_ROWS_PER_SECOND else ExitCode.MISMATCH


if __name__ == "__main__":
    sys.exit(main())
