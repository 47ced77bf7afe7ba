"""The small collective that begins an eager call: if arguments differ between ranks, all ranks raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import torch
from torch import Tensor

from ..reference.layout import Layout
from ..reference.sharded import DIGITS, PAIRS
from .ranks import Ranks

WAYS = (None, PAIRS, DIGITS)
NO_BLOCK = 0
MULTIPLIER = 0x1E3779B97F4A7C15  # odd, so that multiplying loses no bit of a length
OF_ONE_RANK = ("refused", "width")  # what may differ


class RanksDisagree(ValueError):
    """The ranks made calls with different arguments. The message names the argument, its values and the
    ranks."""


@dataclass(frozen=True)
class Header:
    """A rank's call as integers, which the ranks exchange. refused: whether its own checks refused the
    arguments, which leaves the others at 0. way: an index into WAYS. lengths: a digest of them."""

    refused: int = 0
    width: int = 0
    rows: int = 0
    k: int = 0
    block: int = NO_BLOCK
    owned: int = 0
    way: int = 0
    lengths: int = 0

    def written(self, name: str) -> str:
        """A field's value, as the caller wrote it."""
        value = getattr(self, name)
        if name == "block":
            return str(value or None)
        if name == "owned":
            return str(bool(value))
        return repr(WAYS[value]) if name == "way" else str(value)


def header_of(
    rows: int, width: int, k: int, block: int | None, owned: bool, way: str | None, lengths: Tensor | None
) -> Header:
    """The header of a call with checked arguments. lengths: int32 [rows], None where they come later."""
    given = NO_BLOCK if block is None else block
    digest = 0 if lengths is None else digest_of(lengths)
    return Header(0, width, rows, k, given, int(owned), WAYS.index(way), digest)


def digest_of(lengths: Tensor) -> int:
    """A 64-bit integer that differs, but for chance, between the lengths of two calls.

    lengths: int32 [R].
    """
    weights = (2 * torch.arange(lengths.numel(), device=lengths.device) + 1) * MULTIPLIER
    mixed = (lengths.to(torch.int64) + weights) * weights
    return int((mixed ^ (mixed >> 29)).sum())


def agree(ranks: Ranks, header: Header) -> Layout:
    """How the row's columns lie over the ranks, once all ranks are known to make the same call.

    header: this rank's. Raises RanksDisagree, on every rank, where they do not.
    """
    own = torch.tensor(astuple(header), dtype=torch.int64, device=ranks.header_device())
    with ranks.in_step():
        headers = [Header(*row) for row in ranks.gather(own).tolist()]
    refusing = [rank for rank, each in enumerate(headers) if each.refused]
    if refusing:
        raise RanksDisagree(f"{_named(refusing)} refused the arguments; see the error raised there")
    for field in fields(Header):
        if field.name not in OF_ONE_RANK and len({getattr(each, field.name) for each in headers}) > 1:
            raise RanksDisagree(_told_apart(headers, field.name))
    try:
        return Layout(tuple(each.width for each in headers), header.block or None)
    except ValueError as error:
        raise RanksDisagree(f"the shards of the ranks make no row: {error}") from error


def refusal(ranks: Ranks) -> None:
    """Tells the other ranks that this one refuses its arguments, so that they do not wait for it."""
    own = torch.tensor(astuple(replace(Header(), refused=1)), dtype=torch.int64, device=ranks.header_device())
    with ranks.in_step():
        ranks.gather(own)


def _told_apart(headers: Sequence[Header], name: str) -> str:
    by_value: dict[str, list[int]] = {}
    for rank, header in enumerate(headers):
        by_value.setdefault(header.written(name), []).append(rank)
    if name == "lengths":
        groups = "; ".join(_named(same) for same in by_value.values())
        return f"lengths has other values on some ranks than on others ({groups}); expected the same on all"
    values = ", ".join(f"{value} on {_named(same)}" for value, same in by_value.items())
    return f"{name} is {values}; expected the same on all ranks"


def _named(ranks: Sequence[int]) -> str:
    word = "rank" if len(ranks) == 1 else "ranks"
    return f"{word} {', '.join(map(str, ranks))}"
