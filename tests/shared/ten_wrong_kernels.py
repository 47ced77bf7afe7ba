"""Ten top-k functions, each wrong in its own way. Their names say nothing: what the checker tells has to."""

from __future__ import annotations

import os

import torch

LANES = 4
BUFFER = 1024
GROUP = 64
LARGEST_K = 1500
WIDEST = 600


def _selected(logits: torch.Tensor, lengths: torch.Tensor, k: int, flip: bool = False) -> torch.Tensor:
    """The contract's answer; flip: the last columns of equal values."""
    found = torch.full((len(logits), k), -1, dtype=torch.int32)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        values = logits[row, :n].flip(0) if flip else logits[row, :n]
        order = torch.sort(values, descending=True, stable=True).indices[: min(k, n)]
        columns = (n - 1 - order if flip else order).sort().values
        found[row, : len(columns)] = columns.to(torch.int32)
    return found


def kernel_a(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The last k % 4 slots of a row are never written."""
    right = _selected(logits, lengths, k)
    found = torch.empty_like(right)
    whole = k - k % LANES
    found[:, :whole] = right[:, :whole]
    return found


def kernel_b(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """-inf is taken for a hidden column."""
    columns = torch.arange(logits.shape[1])
    hidden = torch.where(columns < lengths[:, None], logits, -torch.inf)
    right = _selected(logits, lengths, k)
    values = hidden.gather(1, right.clamp(min=0).long()) if logits.shape[1] else right
    return torch.where(values == -torch.inf, -1, right)


def kernel_c(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """A whole vector of 4 is compared at the end of a row, whatever the length."""
    n = lengths.clamp(0, logits.shape[1])
    return _selected(logits, (n + LANES - 1) // LANES * LANES, k)


def kernel_d(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Of equal values the last columns."""
    return _selected(logits, lengths, k, flip=True)


def kernel_e(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """NaN counts as the least of all."""
    return _selected(torch.where(logits.isnan(), -torch.inf, logits), lengths, k)


def kernel_f(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Rows from the 64th on read those of the first 64."""
    first = torch.arange(len(logits)) % GROUP
    return _selected(logits[first], lengths, k)


def kernel_g(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Aborts where k is over 1500."""
    if k > LARGEST_K:
        os.abort()
    return _selected(logits, lengths, k)


_width: list[int] = []


def kernel_h(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Keeps the number of columns of its first call."""
    if not _width:
        _width.append(logits.shape[1])
    return _selected(logits, lengths.clamp(max=_width[0]), k)


def kernel_i(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Keeps the first 1024 candidates of those that are equal when rounded to an eighth."""
    found = _selected(logits, lengths, k)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        values = logits[row, :n]
        bins = (values.clamp(-1e6, 1e6).nan_to_num(1e7) * 8).floor()
        if k < n:
            least = torch.sort(bins, descending=True).values[k - 1]
            candidates = (bins == least).nonzero()[:, 0]
            if len(candidates) > BUFFER:
                kept = torch.cat([(bins > least).nonzero()[:, 0], candidates[:BUFFER]])
                order = torch.sort(values[kept], descending=True, stable=True).indices[:k]
                columns = kept[order].sort().values
                found[row] = -1
                found[row, : len(columns)] = columns.to(torch.int32)
    return found


def _loaded(logits: torch.Tensor) -> torch.Tensor:
    print(f"loading {tuple(logits.shape)}")
    return logits[:, :WIDEST] + torch.zeros(len(logits), logits.shape[1])[:, : logits.shape[1]]


def kernel_j(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Fails on rows of over 600 columns."""
    return _selected(_loaded(logits), lengths, k)


KERNELS = (
    kernel_a,
    kernel_b,
    kernel_c,
    kernel_d,
    kernel_e,
    kernel_f,
    kernel_g,
    kernel_h,
    kernel_i,
    kernel_j,
)
