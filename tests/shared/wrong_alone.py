"""Top-k functions with one mistake each that need torch alone, as scripts without the package do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from limited_topk import right


def loses_the_last(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The last column is never looked at."""
    return right(logits, torch.where(lengths > 1, lengths.clamp(max=logits.shape[1]) - 1, lengths), k)


def twice_the_first(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    found = right(logits, lengths, k)
    found[:, 1:] = torch.where(found[:, 1:] >= 0, found[:, :1], found[:, 1:])
    return found


def zeros_behind(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits, lengths, k).clamp(min=0)


def last_ties(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Of equal values the last columns."""
    found = torch.full((len(logits), k), -1, dtype=torch.int32)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        order = torch.sort(logits[row, :n].flip(0), descending=True, stable=True).indices
        columns = (n - 1 - order[: min(k, n)]).sort().values
        found[row, : len(columns)] = columns.to(torch.int32)
    return found


def backwards(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    found = right(logits, lengths, k)
    for row, columns in enumerate(found):
        taken = int((columns >= 0).sum())
        found[row, :taken] = columns[:taken].flip(0)
    return found


def nan_last(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits.nan_to_num(-torch.inf, torch.inf), lengths, k)


def negative_is_all(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits, torch.where(lengths < 0, logits.shape[1], lengths), k)


def reads_on(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """One column too many takes part."""
    return right(logits, lengths + 1, k)


def odd_starts(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return (loses_the_last if logits.storage_offset() % 2 else right)(logits, lengths, k)


def first_rows_alone(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The fourth row and those behind it are given the third's answer."""
    found = right(logits, lengths, k)
    found[3:] = found[2:3]
    return found


def masks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    found = right(logits, lengths, k)
    logits[:, 0] = -torch.inf
    return found


def clamps(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits, lengths.sub_(1).add_(2), k)


_calls = [0]


def every_other_call(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    _calls[0] += 1
    return (backwards if _calls[0] % 2 else right)(logits, lengths, k)


def other_ties_every_other_call(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    _calls[0] += 1
    return (last_ties if _calls[0] % 2 else right)(logits, lengths, k)


MISTAKES: dict[Callable[..., torch.Tensor], str] = {
    loses_the_last: "exact-set",
    twice_the_first: "in-range-unique",
    zeros_behind: "padding",
    last_ties: "lowest-column-ties",
    backwards: "ascending-order",
    nan_last: "nan-first",
    negative_is_all: "short-lengths",
    reads_on: "tail-independent",
    odd_starts: "layout-independent",
    first_rows_alone: "batch-independent",
    masks: "inputs-untouched",
    clamps: "inputs-untouched",
    every_other_call: "repeatable-bytes",
    other_ties_every_other_call: "repeatable-set",
}
