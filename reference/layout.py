"""Which columns of a row each rank holds, and their numbers in the whole row and in the shard.

Source: the two layouts of engines with context parallelism: consecutive parts of the context, and tokens
dealt round robin in blocks (vLLM's cp_kv_cache_interleave_size is the block, 1 by default).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .arguments import MAX_EXTENT, PADDING


@dataclass(frozen=True)
class Layout:
    """How the columns of a row are laid over ranks.

    widths: columns of each rank's shard. block: None where rank w holds the columns behind those of the
    ranks before it; else columns are dealt in blocks of so many, round robin, and the widths are those that
    such a deal gives. Raises ValueError for widths or a block that cannot be right.
    """

    widths: tuple[int, ...]
    block: int | None = None

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 0 or self.columns > MAX_EXTENT:
            raise ValueError(f"widths is {self.widths}; expected one a rank, {MAX_EXTENT} in all at most")
        if self.block is None:
            return
        if not 1 <= self.block <= MAX_EXTENT:
            raise ValueError(f"block is {self.block}; expected None or 1 to {MAX_EXTENT}")
        dealt = tuple(_dealt(self.columns, rank, self.ranks, self.block) for rank in range(self.ranks))
        if self.widths != dealt:
            raise ValueError(
                f"widths is {self.widths}; expected {dealt}: a row of {self.columns} columns dealt in blocks "
                f"of {self.block} (cut or widen the shards' buffers to such widths)"
            )

    @classmethod
    def deal(cls, columns: int, ranks: int, block: int) -> Layout:
        """The layout of a row of `columns` columns that is dealt to `ranks` ranks in blocks of `block`."""
        return cls(tuple(_dealt(columns, rank, ranks, block) for rank in range(ranks)), block)

    @property
    def ranks(self) -> int:
        """How many ranks share a row."""
        return len(self.widths)

    @property
    def columns(self) -> int:
        """Columns of the whole row."""
        return sum(self.widths)

    def first_column(self, rank: int) -> int:
        """The first column of the whole row that `rank` holds, in the layout without blocks."""
        return sum(self.widths[:rank])

    def lengths_of(self, rank: int, lengths: Tensor) -> Tensor:
        """How many of its columns take part on `rank`: int32 [R].

        lengths: int32 [R], those of the whole rows; any values.
        """
        clamped = lengths.to(torch.int64).clamp(0, self.columns)
        if self.block is None:
            return (clamped - self.first_column(rank)).clamp(0, self.widths[rank]).to(torch.int32)
        period = self.block * self.ranks
        rest = clamped % period - rank * self.block
        return (clamped // period * self.block + rest.clamp(0, self.block)).to(torch.int32)

    def in_row(self, rank: int, columns: Tensor) -> Tensor:
        """Numbers in the whole row, int32 of the same shape, of a shard's columns.

        columns: int32, any shape, columns of the shard of `rank`; what is negative stays as it is.
        """
        local = columns.to(torch.int64)
        if self.block is None:
            whole = local + self.first_column(rank)
        else:
            whole = (local // self.block * self.ranks + rank) * self.block + local % self.block
        return torch.where(columns < 0, local, whole).to(torch.int32)

    def in_shard(self, rank: int, columns: Tensor) -> Tensor:
        """Numbers in the shard of `rank`, int32 of the same shape; -1 where another rank holds the column.

        columns: int32, any shape, columns of the whole row; what is negative becomes -1.
        """
        whole = columns.to(torch.int64)
        if self.block is None:
            local = whole - self.first_column(rank)
            held = (local >= 0) & (local < self.widths[rank])
        else:
            number = whole // self.block
            local = number // self.ranks * self.block + whole % self.block
            held = number % self.ranks == rank
        return local.masked_fill(~held | (whole < 0), PADDING).to(torch.int32)

    def cut(self, logits: Tensor) -> list[Tensor]:
        """The shard of each rank, of the dtype of logits, [R, width].

        logits: float32 [R, S], S the columns of the layout. Without blocks the shards are views.
        """
        if self.block is None:
            return list(logits.split(list(self.widths), dim=1))
        numbers = [torch.arange(width, dtype=torch.int32, device=logits.device) for width in self.widths]
        return [logits[:, self.in_row(rank, held).long()] for rank, held in enumerate(numbers)]

    def join(self, shards: Sequence[Tensor]) -> Tensor:
        """The whole rows, float32 [R, S], of the ranks' shards.

        shards: float32 [R, width] of each rank.
        """
        whole = shards[0].new_empty(shards[0].shape[0], self.columns)
        for rank, shard in enumerate(shards):
            held = torch.arange(self.widths[rank], dtype=torch.int32, device=whole.device)
            whole[:, self.in_row(rank, held).long()] = shard
        return whole


def _dealt(columns: int, rank: int, ranks: int, block: int) -> int:
    rounds, rest = divmod(columns, block * ranks)
    return rounds * block + min(max(rest - rank * block, 0), block)
