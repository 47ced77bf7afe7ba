"""Functions of whole calls that each make one mistake, and a right one: they take what their signatures
say."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from persistent_topk import topk
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Selection

Answer = Tensor | Selection


def right(logits: Tensor, lengths: Tensor | None, k: int, **options: Any) -> Answer:
    """The oracle."""
    return oracle.topk(logits, lengths, k, **options)


right.__signature__ = signature(topk)  # type: ignore[attr-defined]
right.dtype = "float32,bfloat16,float16"  # type: ignore[attr-defined]
right.takes = ("no_lengths", "batch_lengths")  # type: ignore[attr-defined]

Change = Callable[[dict[str, Any]], dict[str, Any]]


def asked_otherwise(change: Change) -> Callable[..., Answer]:
    """The right answer to another question: `change` is given the arguments by their names."""

    @wraps(right)
    def wrong(logits: Tensor, lengths: Tensor | None, k: int, **options: Any) -> Answer:
        return right(**change({"logits": logits, "lengths": lengths, "k": k, **options}))

    wrong.__name__ = wrong.__qualname__ = change.__name__
    return wrong


def answered_otherwise(
    change: Callable[[Selection, dict[str, Any]], Selection],
) -> Callable[..., Answer]:
    """The right answer with something else in it: `change` is given it and the arguments."""

    @wraps(right)
    def wrong(logits: Tensor, lengths: Tensor | None, k: int, **options: Any) -> Answer:
        asked = {"logits": logits, "lengths": lengths, "k": k, **options}
        found = right(**asked)
        whole = isinstance(found, Selection)
        selection = change(found if isinstance(found, Selection) else Selection(found), asked)
        return selection if whole else selection.indices

    wrong.__name__ = wrong.__qualname__ = change.__name__
    return wrong


@asked_otherwise
def start_ignored(asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "starts": None}


@asked_otherwise
def start_rounded_down(asked: dict[str, Any]) -> dict[str, Any]:
    """To a multiple of four columns, as vectors are loaded: the head is not masked."""
    starts = asked.get("starts")
    return asked if starts is None else {**asked, "starts": starts.clamp(min=0) // 4 * 4}


@asked_otherwise
def ratio_rounded_up(asked: dict[str, Any]) -> dict[str, Any]:
    ratio = asked.get("compress_ratio", 1)
    return asked if ratio == 1 else {**asked, "lengths": asked["lengths"] + ratio - 1}


@asked_otherwise
def queries_off_by_one(asked: dict[str, Any]) -> dict[str, Any]:
    return asked if asked.get("queries", 1) == 1 else {**asked, "lengths": asked["lengths"] + 1}


@asked_otherwise
def halves_by_their_bits(asked: dict[str, Any]) -> dict[str, Any]:
    """Signed integers have another order where logits are negative."""
    logits = asked["logits"]
    if logits.element_size() == 4 or asked.get("return_values"):
        return asked
    return {**asked, "logits": logits.view(torch.int16).float()}


@asked_otherwise
def neighbouring_page(asked: dict[str, Any]) -> dict[str, Any]:
    table = asked.get("page_table")
    return asked if table is None else {**asked, "page_table": table.roll(1, dims=1)}


@asked_otherwise
def wrapped_pages(asked: dict[str, Any]) -> dict[str, Any]:
    """A page behind the last is the first again."""
    table = asked.get("page_table")
    return asked if table is None or not table.numel() else {**asked, "page_table": table.repeat(1, 64)}


@answered_otherwise
def offset_on_the_padding(found: Selection, asked: dict[str, Any]) -> Selection:
    offsets, wanted = asked.get("offsets"), (found.indices == -1)
    if offsets is None:
        return found
    moved = torch.where(wanted, offsets[:, None].to(found.indices.dtype) - 1, found.indices)
    return found._replace(indices=moved)


@answered_otherwise
def truncated_to_32_bits(found: Selection, asked: dict[str, Any]) -> Selection:
    if found.indices.dtype != torch.int64:
        return found
    return found._replace(indices=found.indices.to(torch.int32).to(torch.int64))


@answered_otherwise
def values_of_the_next_slot(found: Selection, asked: dict[str, Any]) -> Selection:
    return found if found.values is None else found._replace(values=found.values.roll(1, dims=1))


@answered_otherwise
def values_padded_with_zero(found: Selection, asked: dict[str, Any]) -> Selection:
    return found if found.values is None else found._replace(values=found.values.nan_to_num(neginf=0.0))


@answered_otherwise
def columns_counted_from_the_first(found: Selection, asked: dict[str, Any]) -> Selection:
    """Of the logits, not of the window."""
    starts = asked.get("starts")
    if found.columns is None or starts is None:
        return found
    return found._replace(columns=found.columns + starts[:, None].clamp(min=0) * (found.columns >= 0))


def only_starts(logits: Tensor, lengths: Tensor, k: int, starts: Tensor | None = None) -> Answer:
    return oracle.topk(logits, lengths, k, starts=starts)


def values_too(logits: Tensor, lengths: Tensor, k: int) -> tuple[Tensor, Tensor]:
    found = oracle.topk(logits, lengths, k, return_values=True, return_columns=True)
    assert found.values is not None and found.columns is not None
    return found.values.masked_fill(found.indices < 0, 7.0), found.indices


values_too.takes = "values"  # type: ignore[attr-defined]


def wrong_values_too(logits: Tensor, lengths: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, indices = values_too(logits, lengths, k)
    return values.sort(dim=1).values, indices


wrong_values_too.takes = "values"  # type: ignore[attr-defined]
