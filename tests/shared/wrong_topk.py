"""Top-k functions with one mistake each, and correct ones, for the checker's own tests."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import torch
from limited_topk import right

from persistent_topk.reference.order import fp16_bin, ordered_key

Select = Callable[[torch.Tensor, int], torch.Tensor]
BUFFER = 4096  # candidates that the truncating one keeps
UNSORTED_FROM = 1000  # columns


def by_row(select: Select, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """`select(row[:n], min(k, n))` of each row, padded with -1."""
    indices = torch.full((logits.shape[0], k), -1, dtype=torch.int32)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        taken = select(logits[row, :n], min(k, n))
        indices[row, : len(taken)] = taken.to(torch.int32)
    return indices


def first_by(keys: torch.Tensor, k: int) -> torch.Tensor:
    return torch.sort(keys, descending=True, stable=True).indices[:k].sort().values


def keys_of(row: torch.Tensor) -> torch.Tensor:
    """Ordered keys as int64, which torch can sort."""
    return ordered_key(row).to(torch.int64) & 0xFFFFFFFF


def correct(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits, lengths, k)


def correct_set(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """A right set, ties to any column, in any order, another one each call."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        order = torch.randperm(len(row))
        return order[torch.sort(keys_of(row)[order], descending=True).indices[:wanted]]

    return by_row(select, logits, lengths, k).to(torch.int64)


def truncated_buffer(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Drops candidates of the 8-bit threshold bin beyond the 4096th."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        if not wanted:
            return row[:0]
        bins = fp16_bin(row, 8).to(torch.int64)
        threshold = torch.sort(bins, descending=True).values[wanted - 1]
        above = (bins > threshold).nonzero()[:, 0]
        candidates = (bins == threshold).nonzero()[:, 0][:BUFFER]
        chosen = first_by(keys_of(row[candidates]), wanted - len(above))
        return torch.cat([above, candidates[chosen]]).sort().values

    return by_row(select, logits, lengths, k)


def greater_only(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """> where >= is meant: the k-th value itself is lost."""

    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        keys = keys_of(row)
        if wanted == len(row):
            return torch.arange(wanted)
        return (keys > torch.sort(keys, descending=True).values[wanted - 1]).nonzero()[:wanted, 0]

    return by_row(select, logits, lengths, k)


def last_column_ties(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        return (len(row) - 1 - first_by(keys_of(row.flip(0)), wanted)).sort().values

    return by_row(select, logits, lengths, k)


def by_value(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Greatest first, in place of ascending columns."""
    return by_row(
        lambda row, wanted: torch.sort(keys_of(row), descending=True, stable=True).indices[:wanted],
        logits,
        lengths,
        k,
    )


def nan_last(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    def select(row: torch.Tensor, wanted: int) -> torch.Tensor:
        return first_by(keys_of(torch.where(row.isnan(), -torch.inf, row)), wanted)

    return by_row(select, logits, lengths, k)


def zeros_apart(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """-0 below +0: twice the key, less one for -0."""
    return by_row(
        lambda row, wanted: first_by(2 * keys_of(row) - (row.view(torch.int32) == -(2**31)).long(), wanted),
        logits,
        lengths,
        k,
    )


def beyond_the_length(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Lanes of the last vector are compared though they lie beyond n."""
    rounded = torch.where(lengths % 4 == 0, lengths, lengths + 4 - lengths % 4)
    return correct(logits, rounded, k)


_stale: dict[tuple[int, int], torch.Tensor] = {}


def stale_output(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Reuses its output and leaves what lies behind the last column from the call before."""
    right = correct(logits, lengths, k)
    kept = _stale.setdefault((logits.shape[0], k), right)
    kept = torch.where(right >= 0, right, kept)
    _stale[logits.shape[0], k] = kept
    return kept.clone()


def unwritten(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """torch.empty, and nothing behind the last column."""
    right = correct(logits, lengths, k)
    indices = torch.empty_like(right)
    for row, taken in enumerate((right >= 0).sum(1).tolist()):
        indices[row, :taken] = right[row, :taken]
    return indices


def padding_zero(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return correct(logits, lengths, k).clamp(min=0)


def arrival_order_ties(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Ties to whichever thread comes first."""
    return correct_set(logits, lengths, k).sort(dim=1, descending=True).values.flip(1).to(torch.int32)


def unsigned_lengths(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return correct(logits, torch.where(lengths < 0, logits.shape[1], lengths), k)


def writes_inputs(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Masks what it has selected, in the caller's memory."""
    right = correct(logits, lengths, k)
    if logits.numel():
        logits[0, 0] = -torch.inf
    return right


def clamps_lengths(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Clamps in the caller's memory, which lengths of 1 to S do not show."""
    return correct(logits, lengths.clamp_(0, logits.shape[1]), k)


def aligned_only(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Skips the head of rows that do not start at a multiple of 16 bytes."""
    return by_row(
        lambda row, wanted: first_by(
            torch.cat([keys_of(row)[:1] * (row.data_ptr() % 16 == 0), keys_of(row)[1:]]), wanted
        ),
        logits,
        lengths,
        k,
    )


def batch_dependent(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Another kernel, with other ties, for an odd number of rows."""
    return (correct if logits.shape[0] % 2 else last_column_ties)(logits, lengths, k)


def twice_the_same(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Long rows that tie write their first column twice."""
    right = correct(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        if k < n and k > 1 and len(logits[row, :n].unique()) < n // 2:
            right[row, 1] = right[row, 0]
    return right


def raises_on_empty(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if int(lengths.min()) < 0:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    return correct(logits, lengths, k)


def wrong_shape(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return correct(logits, lengths, k)[:, : k - 1]


def wrong_dtype(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return correct(logits, lengths, k).float()


def hangs(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """A leader that waits for a group which never comes, once a length is zero."""
    while int(lengths.min()) <= 0:
        pass
    return correct(logits, lengths, k)


def crashes(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if int(lengths.min()) <= 0:
        import ctypes

        ctypes.string_at(0)
    return correct(logits, lengths, k)


def faults_on_odd_addresses(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Dies of logits that do not begin at a multiple of 16 bytes, as wide loads on a GPU do."""
    if logits.data_ptr() % 16:
        os._exit(9)
    return correct(logits, lengths, k)


def leaves(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if int(lengths.min()) <= 0:
        os._exit(7)
    return correct(logits, lengths, k)


def forks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Returns twice."""
    os.fork()
    return correct(logits, lengths, k)


def loses_its_gpu(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Fails for good once a length is zero, as a process does after an illegal access on its GPU."""
    if int(lengths.min()) <= 0 or torch.cuda.is_initialized():

        def fail(*arguments: object) -> None:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        torch.cuda.is_initialized = lambda: True
        torch.cuda.synchronize = fail
        fail()
    return correct(logits, lengths, k)


def raises(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    raise MemoryError("CUDA out of memory")


def flaky(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Rotates its output now and then: the same set, other bytes."""
    right = correct(logits, lengths, k)
    return right.roll(1, dims=1) if random.random() < 0.5 and bool((right >= 0).all()) else right


def rows_of_one_block(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Writes the answer of the 64th row to all that follow."""
    right = correct(logits, lengths, k)
    right[64:] = right[63:64]
    return right


def two_ks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Compiled for two values of k, and wrong where values tie."""
    assert k in (512, 2048)
    return last_column_ties(logits, lengths, k)


# The mistake, and a property that it must be caught by.
MISTAKES: dict[Callable[..., torch.Tensor], str] = {
    truncated_buffer: "exact-set",
    greater_only: "exact-set",
    last_column_ties: "lowest-column-ties",
    by_value: "ascending-order",
    nan_last: "nan-first",
    zeros_apart: "signed-zero-tie",
    beyond_the_length: "tail-independent",
    stale_output: "padding",
    unwritten: "padding",
    padding_zero: "padding",
    arrival_order_ties: "repeatable-set",
    unsigned_lengths: "short-lengths",
    writes_inputs: "inputs-untouched",
    clamps_lengths: "inputs-untouched",
    aligned_only: "layout-independent",
    batch_dependent: "batch-independent",
    rows_of_one_block: "exact-set",
    twice_the_same: "in-range-unique",
    raises_on_empty: "short-lengths",
    wrong_shape: "exact-set",
    wrong_dtype: "exact-set",
    flaky: "repeatable-bytes",
}
