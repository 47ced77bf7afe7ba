"""Top-k functions that fail as published kernels did, one for each kind of failure, in PyTorch.

Each says whose failure it is like. They are right on normal scores of ordinary length, as those were.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from wrong_topk import (
    aligned_only,
    arrival_order_ties,
    batch_dependent,
    beyond_the_length,
    by_row,
    correct,
    first_by,
    hangs,
    keys_of,
    last_column_ties,
    padding_zero,
    stale_output,
    truncated_buffer,
    unsigned_lengths,
    unwritten,
)

from persistent_topk.reference.order import fp16_bin

FEWER, FEWEST = 3708, 2048  # candidates that other published buffers hold
SHORT_ROW = 8192
LONG_ROW = 32768
LEAST = torch.finfo(torch.float32).min
BITS_IGNORED = 10
UNSET = 0x3F3F3F3F


def _truncated(row: torch.Tensor, wanted: int, bits: int, buffer: int) -> torch.Tensor:
    if not wanted:
        return row[:0]
    bins = fp16_bin(row, bits).to(torch.int64)
    threshold = torch.sort(bins, descending=True).values[wanted - 1]
    above = (bins > threshold).nonzero()[:, 0]
    candidates = (bins == threshold).nonzero()[:, 0][:buffer]
    return (
        torch.cat([above, candidates[first_by(keys_of(row[candidates]), wanted - len(above))]]).sort().values
    )


def truncated_fine(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """vLLM #51782 on its short path: 11-bit bins, 3708 candidates, up to 8192 columns."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        return _truncated(row, wanted, 11, FEWER if len(row) <= SHORT_ROW else len(row))

    return by_row(select, logits, lengths, k)


def truncated_finest(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """SGLang #35257: 2048 candidates of a 12-bit bin."""
    return by_row(lambda row, wanted: _truncated(row, wanted, 12, FEWEST), logits, lengths, k)


def written_past_the_buffer(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """TileLang #1351: the surplus goes where it must not, and the process is gone."""
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        bins = fp16_bin(logits[row, :n], 8)
        if k < n and int((bins == torch.sort(bins, descending=True).values[k - 1]).sum()) > 2 * FEWER:
            os.abort()
    return correct(logits, lengths, k)


def low_bits_ignored(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """vLLM #26554: values that differ in their low ten bits only are not told apart."""
    return by_row(lambda row, wanted: first_by(keys_of(row) >> BITS_IGNORED, wanted), logits, lengths, k)


def ties_run_out(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """SGLang #30512: of a large class of ties at the k-th place some slots are not written."""
    right = correct(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        values = logits[row, :n]
        if k < n and int((values == values[right[row].long()].min()).sum()) > FEWER:
            right[row, k - k // 4 :] = UNSET
    return right


def sentinel_over_minus_inf(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """SGLang #38829: sentinels of -FLT_MAX fill the last vector and outrank a valid -inf."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        filled = torch.cat([row, torch.full((-len(row) % 4,), LEAST)])
        chosen = first_by(keys_of(filled), wanted)
        return torch.where(chosen < len(row), chosen, -1)

    return by_row(select, logits, lengths, k)


def inf_omitted(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """FlashInfer #4811: +inf is never selected while something else can be."""
    return by_row(
        lambda row, wanted: first_by(keys_of(torch.where(row == torch.inf, -torch.inf, row)), wanted),
        logits,
        lengths,
        k,
    )


def nan_leaves_rows(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """vLLM #49896: half a row of NaN leaves indices as they were."""
    right = correct(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        if n and float(logits[row, :n].isnan().float().mean()) > 0.4:
            right[row] = UNSET
    return right


def all_tied_twice(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """TensorRT-LLM #15756: in a long row of one value, half of the indices appear twice."""
    right = correct(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        if n > SHORT_ROW and k > 1 and bool((logits[row, :n] == logits[row, 0]).all()):
            right[row, k // 2 :] = right[row, : k - k // 2]
    return right


def rows_not_written(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """kvcache-ai/sglang #68: the last row of an odd batch is left to the memory's mercy."""
    found = torch.empty(logits.shape[0], k, dtype=torch.int32)
    rows = logits.shape[0] - (logits.shape[0] > 1 and logits.shape[0] % 2)
    found[:rows] = correct(logits[:rows], lengths[:rows], k)
    return found


def underflowing_rest(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """FlashInfer #2486: rows far shorter than the stride; an unsigned difference wraps around."""
    columns = logits.shape[1]
    return correct(logits, torch.where(lengths.long() * 16 < columns, columns, lengths), k)


def lanes_counted(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """cuDNN frontend #446: lanes beyond n hold -inf, and count where fewer than k scores are finite."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        filled = torch.cat([torch.full((-len(row) % 4,), -torch.inf), row])
        chosen = first_by(keys_of(filled), wanted) - (len(filled) - len(row))
        return torch.where(chosen >= 0, chosen, 0)

    return by_row(select, logits, lengths, k)


def ring_of_histograms(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """vLLM #49139: after a short row between, a long row sees the histogram of the long one before."""
    right, order = correct(logits, lengths, k), lengths.clamp(0, logits.shape[1]).tolist()
    for row in range(2, len(order)):
        if order[row] > LONG_ROW and order[row - 1] <= SHORT_ROW and order[row - 2] > LONG_ROW:
            right[row] = right[row - 2]
    return right


def sign_of_unsigned(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """SGLang #30378: lengths below zero read as unsigned, far beyond the memory."""
    if int(lengths.min()) < 0:
        os.abort()
    return correct(logits, lengths, k)


# The failure, and the properties of which one must break.
PUBLISHED: dict[Callable[..., torch.Tensor], tuple[str, ...]] = {
    truncated_fine: ("exact-set",),
    truncated_finest: ("exact-set",),
    written_past_the_buffer: ("exact-set",),
    low_bits_ignored: ("exact-set",),
    ties_run_out: ("in-range-unique", "exact-set"),
    sentinel_over_minus_inf: ("exact-set", "in-range-unique"),
    inf_omitted: ("exact-set",),
    nan_leaves_rows: ("nan-first", "in-range-unique"),
    all_tied_twice: ("in-range-unique",),
    rows_not_written: ("fully-written", "exact-set"),
    underflowing_rest: ("tail-independent", "exact-set", "in-range-unique"),
    lanes_counted: ("exact-set", "in-range-unique"),
    ring_of_histograms: ("exact-set",),
    sign_of_unsigned: ("short-lengths",),
    hangs: ("short-lengths",),
    unsigned_lengths: ("short-lengths",),
    beyond_the_length: ("tail-independent",),
    aligned_only: ("layout-independent", "exact-set"),
    padding_zero: ("padding",),
    unwritten: ("padding", "fully-written"),
    stale_output: ("padding",),
    arrival_order_ties: ("repeatable-set", "lowest-column-ties"),
    last_column_ties: ("lowest-column-ties",),
    batch_dependent: ("batch-independent", "lowest-column-ties"),
}
OVERFLOW = truncated_buffer  # a 4096-entry buffer behind an 8-bit bin
