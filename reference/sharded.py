"""One row over many ranks: two protocols that give the bytes of one process, and both in one process.

The contract's order is total, so the first k of a row are among the first k of its shards, and which they are
does not depend on who holds them. A protocol is written as what one rank does, a generator that yields each
exchange and is given its outcome. `topk` runs the generators of all ranks side by side, here; over a network
persistent_topk.distributed runs one of them.

- `by_pairs`: every rank selects k columns of its own shard and sends them as (value, column); each merges all
  lists in the order of columns and selects from them. One exchange.
- `by_digits`: every rank selects k columns of its own shard, and what travels is counts: of the digits of the
  values, then of ties. More exchanges, of a size that depends neither on k nor on the number of ranks.

Source: the digits are those of most-significant-digit radix select (Alabi et al., "Fast k-selection
algorithms for graphics processing units", JEA 2012), merged over ranks as radix.py merges them over CTAs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from . import dispatch, lists
from .arguments import PADDING, check_arguments
from .layout import Layout
from .lists import LAST, Merge, Select, packed, values_at
from .order import GREATEST_KEY, ordered_key

GATHER, SUM = "gather", "sum"
PAIRS, DIGITS = "pairs", "digits"
VALUE_DIGITS = (11, 11, 10)  # bits of the digits of a value: few exchanges, the counters of each under 8 KiB
COLUMN_DIGIT_BITS = 10  # at most, of a digit of the column: four exchanges at the very most
NO_KEY = -1  # of a slot that holds no column: no digit counts it


@dataclass(frozen=True)
class Exchange:
    """What one rank hands to a collective of all.

    stage: what is sent, in a word. kind: "gather" (each is given the tensors of all, stacked by rank) or
    "sum" (each is given their sum). tensor: int32, contiguous, of one shape on all ranks.
    """

    stage: str
    kind: str
    tensor: Tensor


Protocol = Generator[Exchange, Tensor, Tensor]


@dataclass(frozen=True)
class Share:
    """One rank's part of a call.

    layout: how columns lie over all ranks. rank: which of them this is. shard: float32 [R, width]. lengths:
    int32 [R], of the whole rows. k: columns to select. owned: whether the rank asks for its own alone.
    select: the local selection. merge: that from the lists of all.
    """

    layout: Layout
    rank: int
    shard: Tensor
    lengths: Tensor
    k: int
    owned: bool = False
    select: Select = dispatch.topk
    merge: Merge = lists.merge

    def selected(self) -> Tensor:
        """The first k columns of the shard, int32 [R, k], ascending, then -1."""
        return self.select(self.shard, self.layout.lengths_of(self.rank, self.lengths), self.k)


@dataclass(frozen=True)
class Sent:
    """A record of the trace: what a rank handed to a collective.

    stage, kind: as in Exchange. rank: who sent it. bytes: of all rows.
    """

    stage: str
    kind: str
    rank: int
    bytes: int

    def travelled(self, ranks: int) -> float:
        """Bytes that leave the rank, one of `ranks`, by rings: all that it has for each other rank in a
        gather,
        all but one rank's part twice in a sum."""
        return self.bytes * (ranks - 1) * (1 if self.kind == GATHER else 2 / ranks)


def topk(
    shards: Sequence[Tensor],
    lengths: Tensor,
    k: int,
    *,
    block: int | None = None,
    owned: bool = False,
    way: str = PAIRS,
    select: Select = dispatch.topk,
    merge: Merge | None = None,
    trace: list[Sent] | None = None,
) -> list[Tensor]:
    """What each rank is given, int32 [R, k] a rank: the model of persistent_topk.distributed, in one process.

    shards: float32 [R, width] of each rank; widths may differ, and be 0. lengths: int32 [R], in columns of
    the whole rows, clamped to 0 .. S. k: 1 .. 4096, also over a width. block: None for consecutive shards,
    else the columns that are dealt at a time, round robin. owned: each rank is given its own selected
    columns, as columns of its shard, in place of all columns of the whole row. way: "pairs" or "digits"; the
    answer is the same. select: the selection that ranks do, by the contract. merge: that of their lists, by
    default with the same. trace: filled with what each rank sent.

    Raises TypeError or ValueError for arguments that cannot be right.
    """
    if way not in WAYS:
        raise ValueError(f"way is {way!r}; expected one of {', '.join(WAYS)}")
    if not shards:
        raise ValueError("shards is empty; expected one tensor a rank")
    for shard in shards:
        check_arguments(shard, lengths, k)
    layout = Layout(tuple(shard.shape[1] for shard in shards), block)
    by_all = merge or partial(lists.merge, select=select)
    protocols = [
        WAYS[way](Share(layout, rank, shard, lengths, k, owned, select, by_all))
        for rank, shard in enumerate(shards)
    ]
    return side_by_side(protocols, [] if trace is None else trace)


def side_by_side(protocols: Sequence[Protocol], trace: list[Sent]) -> list[Tensor]:
    """What the ranks' protocols return, int32 [R, k] each, run in turns from exchange to exchange.

    protocols: of each rank, all of one way. trace: what they sent is added.
    """
    given: list[Tensor | None] = [None] * len(protocols)
    while True:
        asked: list[Exchange] = []
        answers: list[Tensor] = []
        for protocol, outcome in zip(protocols, given, strict=True):
            try:
                asked.append(protocol.send(outcome))  # type: ignore[arg-type]  # None starts it
            except StopIteration as end:
                answers.append(end.value)
        if answers:
            assert len(answers) == len(protocols), "ranks disagree on the number of exchanges"
            return answers
        trace += [Sent(each.stage, each.kind, rank, each.tensor.nbytes) for rank, each in enumerate(asked)]
        stacked = torch.stack([each.tensor for each in asked])
        outcome = stacked if asked[0].kind == GATHER else stacked.sum(dim=0, dtype=torch.int32)
        given = [outcome] * len(protocols)


def by_pairs(share: Share) -> Protocol:
    """One rank's part of the protocol that sends k (value, column) pairs.

    share: the rank's part of the call.
    """
    local = share.selected()
    pairs = torch.stack([values_at(share.shard, local), share.layout.in_row(share.rank, local)])
    every = yield Exchange("pairs", GATHER, pairs)
    values, columns = every[:, 0].view(torch.float32), every[:, 1]
    selected = share.merge(values, columns, share.k)
    if not share.owned:
        return selected
    return packed(share.layout.in_shard(share.rank, selected))


def by_digits(share: Share) -> Protocol:
    """One rank's part of the protocol that sends counts of digits.

    share: the rank's part of the call.
    """
    layout, rank, k = share.layout, share.rank, share.k
    local = share.selected()
    listed = local >= 0
    keys = GREATEST_KEY - ordered_key(values_at(share.shard, local).view(torch.float32))  # the first is least
    keys = keys.masked_fill(~listed, NO_KEY)
    wanted = share.lengths.to(torch.int64).clamp(0, min(k, layout.columns))
    threshold, ties = yield from narrowed("value", keys, wanted, VALUE_DIGITS)
    equal = listed & (keys == threshold[:, None])
    taken = yield from lowest(share, equal, local, ties)
    own = packed(local.masked_fill(~(listed & (keys < threshold[:, None]) | taken), PADDING))
    if share.owned:
        return own
    every = yield Exchange("columns", GATHER, layout.in_row(rank, own))
    joined = every.movedim(0, 1).flatten(1)
    ordered = joined.masked_fill(joined < 0, LAST).sort(dim=1).values[:, :k]
    return ordered.masked_fill(ordered == LAST, PADDING).contiguous()


def narrowed(
    stage: str, keys: Tensor, wanted: Tensor, widths: Sequence[int]
) -> Generator[Exchange, Tensor, tuple[Tensor, Tensor]]:
    """The key of the `wanted`-th of all ranks' keys from the least, int64 [R], and how many of those that
    equal it are still wanted, int64 [R].

    stage: what the digits are of. keys: int64 [R, n], this rank's, NO_KEY for none. wanted: int64 [R].
    widths: bits of each digit, the highest first.
    """
    prefix = torch.zeros_like(wanted)
    shift = sum(widths)
    for number, bits in enumerate(widths):
        within = keys >> shift == prefix[:, None]
        shift -= bits
        digits = (keys >> shift & (1 << bits) - 1).masked_fill(~within, 1 << bits)
        counters = torch.zeros(len(keys), (1 << bits) + 1, dtype=torch.int32, device=keys.device)
        counters.scatter_add_(1, digits, torch.ones_like(digits, dtype=torch.int32))
        counts = yield Exchange(f"{stage} digit {number}", SUM, counters[:, : 1 << bits].contiguous())
        digit, before = digit_of(counts, wanted)
        prefix = prefix << bits | digit
        wanted = wanted - before
    return prefix, wanted


def digit_of(counts: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The digit that holds the `wanted`-th from the least, int64 [R], and how many are under it, int64 [R].

    counts: int32 [R, digits], of all ranks. wanted: int64 [R]; a row that wants none may be given any digit.
    """
    through = counts.to(torch.int64).cumsum(dim=1)
    digit = (through < wanted[:, None]).sum(dim=1).clamp(max=counts.shape[1] - 1)
    before = (through - counts).gather(1, digit[:, None]).squeeze(1)
    return digit, before


def lowest(share: Share, equal: Tensor, local: Tensor, ties: Tensor) -> Generator[Exchange, Tensor, Tensor]:
    """Which of a rank's ties are among the row's lowest columns: bool [R, k].

    share: the rank's part of the call. equal: bool [R, k], the slots that equal the threshold. local: int32
    [R, k], the slots' columns of the shard. ties: int64 [R], how many are taken over all ranks.
    """
    layout, rank = share.layout, share.rank
    if layout.block is None:
        counts = yield Exchange("ties", GATHER, equal.sum(dim=1).to(torch.int32))
        room = ties - counts[:rank].sum(dim=0)
        return equal & (equal.cumsum(dim=1) <= room[:, None])
    columns = layout.in_row(rank, local).to(torch.int64).masked_fill(~equal, NO_KEY)
    last, _ = yield from narrowed("column", columns, ties, column_digits(layout.columns))
    return equal & (columns <= last[:, None])


def column_digits(columns: int) -> tuple[int, ...]:
    """Bits of the digits of a column's number, the highest first, for rows of so many columns: as few digits
    as COLUMN_DIGIT_BITS allows, and as even.
    """
    bits = max(1, (max(1, columns) - 1).bit_length())
    rounds = -(-bits // COLUMN_DIGIT_BITS)
    return tuple(bits * (number + 1) // rounds - bits * number // rounds for number in range(rounds))


WAYS: dict[str, Callable[[Share], Protocol]] = {PAIRS: by_pairs, DIGITS: by_digits}
