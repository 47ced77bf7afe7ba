"""Mutants of rows over many ranks: of the layout, of both protocols, and of the merge's kernel."""

from __future__ import annotations

from pathlib import Path

from ... import reference
from ...cuda.sharded.emulated import HEADERS
from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE
from .mutant import Edit, Mutant

REFERENCE = Path(reference.__path__[0])
LENGTHS = "lengths of a shard and of the row, taken for each other"
NEWEST = "local lengths used as global ones: the newest tokens are dropped (ATOM #2118)"
TIES = "ties broken by rank, or by who came first"
OFFSET = "a shard's offset, or its numbering"


def in_model(name: str, recreates: str, *edits: tuple[str, str, str]) -> Mutant:
    """A mutant of the protocols. edits: (file, old, new)."""
    return Mutant(name, recreates, tuple(Edit(*each) for each in edits), of=REFERENCE)


def in_merge(name: str, recreates: str, *edits: tuple[str, str]) -> Mutant:
    """A mutant of the merge's kernel. edits: (old, new)."""
    return Mutant(name, recreates, tuple(Edit("merge.cuh", *each) for each in edits), of=HEADERS)


def in_stages(name: str, recreates: str, *edits: tuple[str, str]) -> Mutant:
    """A mutant of the kernel between exchanges. edits: (old, new)."""
    return Mutant(name, recreates, tuple(Edit("digits.cuh", *each) for each in edits), of=HEADERS)


LAYOUTS = (
    in_model("lengths-of-the-row-on-a-shard", LENGTHS, (
        "sharded.py", "self.layout.lengths_of(self.rank, self.lengths)", "self.lengths",
    )),
    in_model("lengths-divided-by-ranks", LENGTHS, (
        "layout.py", "(clamped - self.first_column(rank)).clamp(0, self.widths[rank])",
        "(clamped // self.ranks).clamp(0, self.widths[rank])",
    )),
    in_model("newest-tokens-dropped", NEWEST, (
        "layout.py", "clamped // period * self.block + rest.clamp(0, self.block)",
        "clamped // period * self.block",
    )),
    in_model("rest-of-a-deal-on-every-rank", LENGTHS, (
        "layout.py", "clamped % period - rank * self.block", "clamped % period",
    )),
    in_model("offset-of-a-shard-forgotten", OFFSET, (
        "layout.py", "whole = local + self.first_column(rank)", "whole = local",
    )),
    in_model("offset-as-if-shards-were-equal", OFFSET, (
        "layout.py", "return sum(self.widths[:rank])", "return rank * max(self.widths)",
    )),
    in_model("blocks-numbered-as-columns", OFFSET, (
        "layout.py", "(local // self.block * self.ranks + rank) * self.block + local % self.block",
        "local * self.ranks + rank",
    )),
    in_model("own-columns-as-if-dealt-singly", OFFSET, (
        "layout.py", "local = number // self.ranks * self.block + whole % self.block",
        "local = whole // self.ranks",
    )),
)

PROTOCOLS = (
    in_model("union-of-shares", "each rank gives its share of k (a union, not a merge)", (
        "sharded.py", "self.layout.lengths_of(self.rank, self.lengths), self.k)",
        "self.layout.lengths_of(self.rank, self.lengths), -(-self.k // self.layout.ranks))",
    )),
    in_model("ties-by-rank", TIES, (
        "lists.py", "ordered, places = listed.masked_fill(listed < 0, LAST).sort(dim=1)",
        "places = (listed < 0).to(torch.int32).sort(dim=1, stable=True).indices\n"
        "    ordered = listed.gather(1, places)",
    ), (
        "lists.py", ".masked_fill(selected < 0, PADDING)",
        ".masked_fill(selected < 0, LAST).sort(dim=1).values.where(selected >= 0, PADDING)",
    )),
    in_model("empty-slots-take-part", "slots without a column, taken for columns", (
        "lists.py", "(listed >= 0).sum(dim=1)", "(listed >= -1).sum(dim=1)",
    )),
    in_model("values-rounded-on-the-way", "values sent in fewer bits than they have", (
        "lists.py", "shard.view(torch.int32)", "shard.half().float().view(torch.int32)",
    )),
    in_model("gathered-in-order-of-arrival", TIES, (
        "sharded.py", "[each.tensor for each in asked]", "[each.tensor for each in reversed(asked)]",
    )),
    in_model("ties-of-the-own-rank-come-before", OFF_BY_ONE, (
        "sharded.py", "counts[:rank].sum(dim=0)", "counts[: rank + 1].sum(dim=0)",
    )),
    in_model("every-rank-takes-all-ties", TIES, (
        "sharded.py", "room = ties - counts[:rank].sum(dim=0)", "room = ties",
    )),
    in_model("last-tie-of-a-deal-lost", COMPARISON, (
        "sharded.py", "equal & (columns <= last[:, None])", "equal & (columns < last[:, None])",
    )),
    in_model("digits-above-counted-again", LEFT_OUT, ("sharded.py", "wanted = wanted - before", "pass")),
    in_model("digit-at-its-last-key-passed", COMPARISON, (
        "sharded.py", "(through < wanted[:, None])", "(through <= wanted[:, None])",
    )),
)

KERNEL_OF_MERGE = (
    in_merge("merge-takes-every-layout-as-in-order", TIES, ("if (!params.in_order)", "if (false)")),
    in_merge("merge-takes-a-tie-too-many", COMPARISON, ("number < ties)", "number <= ties)")),
    in_merge("merge-without-its-padding", LEFT_OUT, (
        "int slot = min(total, params.k)", "int slot = params.k",
    )),
    in_merge("merge-of-a-run-without-its-last", OFF_BY_ONE, (
        "begin_of((run ^ 1) + 1) - other,", "max(0, begin_of((run ^ 1) + 1) - other - 1),",
    )),
    in_merge("merge-of-lists-full-at-their-first", OFF_BY_ONE, ("begin < k && has(last)", "has(begin)")),
    in_merge("merge-without-the-end-of-all", LEFT_OUT, ("begin + kQuad + 1", "begin + kQuad")),
    in_merge("merge-of-a-rank-too-many", COMPARISON, ("if (rank < ranks) f(", "if (rank <= ranks) f(")),
    in_merge("merge-rounds-without-a-barrier", "a barrier deleted", (
        "i - own + before] = entry; } __syncthreads();", "i - own + before] = entry; }",
    )),
    in_merge("merge-ties-counted-without-a-barrier", "a barrier deleted", (
        "__syncthreads();  // the totals have been read", "",
    )),
    in_merge("merge-of-nan-by-a-bound", "NaN above the threshold, taken for a number", (
        "none_above ? chosen : chosen &", "chosen &",
    )),
)

KERNEL_OF_STAGES = (
    in_stages("stage-takes-ties-of-the-ranks-before", TIES, ("rank < params.rank;", "rank < 0;")),
    in_stages("stage-cuts-ties-before-the-last", COMPARISON, (
        "column_in_row(params, local[i]) <= state.column", "column_in_row(params, local[i]) < state.column",
    )),
    in_stages("stage-numbers-a-deal-as-it-lies", OFFSET, (
        "if (params.block == 0) return", "if (params.block <= 1) return",
    )),
    in_stages("stage-counts-all-keys-again", LEFT_OUT, (
        "if (above < 32 && key >> above != known) continue;", "",
    )),
    in_stages("stage-counts-slots-without-a-column", "slots without a column, taken for columns", (
        "local[i] < 0 ? kNoKey : ~ordered_key(logits[local[i]])", "~ordered_key(logits[max(local[i], 0)])",
    )),
    in_stages("stage-forgets-what-is-above-a-digit", LEFT_OUT, (
        "state.wanted -= is_first_of_none ? 0 : below;", "",
    )),
    in_stages("stage-state-not-awaited", "a barrier deleted", (
        "__syncthreads(); if (threadIdx.x == 0) kept", "if (threadIdx.x == 0) kept",
    )),
    in_stages("stage-totals-not-awaited", "a barrier deleted", (
        "__syncthreads();  // the totals have been read", "",
    )),
)

RANKS = (*LAYOUTS, *PROTOCOLS, *KERNEL_OF_MERGE, *KERNEL_OF_STAGES)
