"""Mutants of the first look at a row that does not fit registers: its running threshold and its list."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE
from .mutant import one_edit

COUNT_THE_REST = "if (__builtin_expect(listed, true)) { count_listed<policy.threads, bits>(list, {}, length,"

STREAMING = (
    one_edit(
        "bound-one-bin-too-high", "stream.cuh",
        "bound = bin.at_least;", "bound = bin.greater;", OFF_BY_ONE,
    ),
    one_edit(
        "bound-before-k-columns", "stream.cuh",
        "if (tile.length >= k) raise_bound();", "raise_bound();", LEFT_OUT,
    ),
    one_edit(
        "bound-raised-before-k-columns", "stream.cuh",
        "|| seen < k || seen == chunk.length) continue;", "|| seen == chunk.length) continue;", LEFT_OUT,
    ),
    one_edit(
        "counted-one-too-many", "stream.cuh",
        "counted = bin.above + bin.count;", "counted = bin.above + bin.count + 1;", OFF_BY_ONE,
    ),
    one_edit(
        "counted-one-too-few", "stream.cuh",
        "counted = bin.above + bin.count;", "counted = bin.above + bin.count - 1;", OFF_BY_ONE,
    ),
    one_edit(
        "all-of-the-list-counted-again", "stream.cuh",
        COUNT_THE_REST.replace("{}", "counted"), COUNT_THE_REST.replace("{}", "0"), LEFT_OUT,
    ),
    one_edit(
        "counters-of-the-rest-not-added", "stream.cuh",
        COUNT_THE_REST.replace("{}", "counted"), COUNT_THE_REST.replace("{}", "length"), LEFT_OUT,
    ),
    one_edit(
        "counters-not-cleared-for-a-recount", "stream.cuh",
        "clear<policy.threads, kBins>(histogram);", "", LEFT_OUT,
    ),
    one_edit(
        "full-list-taken-for-complete", "stream.cuh",
        "const bool listed = length <= policy.survivors;", "const bool listed = true;", LEFT_OUT,
    ),
    one_edit(
        "full-list-loses-its-last", "stream.cuh",
        "first + count <= List::kCapacity ? mask : 0", "first + count < List::kCapacity ? mask : 0",
        OFF_BY_ONE,
    ),
    one_edit(
        "full-list-goes-on", "stream.cuh",
        "first + count <= List::kCapacity ? mask : 0", "mask", LEFT_OUT,
    ),
    one_edit(
        "full-list-compacted", "stream.cuh",
        "if (length > policy.survivors) break;", "", LEFT_OUT,
    ),
    one_edit(
        "list-not-emptied-before-compacting", "stream.cuh",
        "if (threadIdx.x == 0) list.used = 0;", "", LEFT_OUT,
    ),
    one_edit(
        "list-not-emptied-between-rows", "medium.cuh",
        "if (threadIdx.x == 0) storage.list.used = 0;", "", LEFT_OUT,
    ),
    one_edit(
        "last-entries-not-compacted", "stream.cuh",
        "for (int first = 0; first < length; first += kEntries * kThreads) {",
        "for (int first = 0; first + kEntries * kThreads <= length; first += kEntries * kThreads) {",
        OFF_BY_ONE,
    ),
    one_edit(
        "last-tile-lost", "stream.cuh",
        "first < chunk.length; first += Tile::kTileColumns",
        "first + Tile::kTileColumns <= chunk.length; first += Tile::kTileColumns", OFF_BY_ONE,
    ),
    one_edit(
        "tile-after-the-next-not-read", "stream.cuh",
        "if (seen < chunk.length) load(next, seen);", "", LEFT_OUT,
    ),
    one_edit(
        "columns-counted-from-the-tile", "stream.cuh",
        "append_tile(tile, first, bound, list)", "append_tile(tile, 0, bound, list)", LEFT_OUT,
    ),
    one_edit(
        "vote-of-one-thread", "stream.cuh",
        "if (!__syncthreads_or(is_long) ||", "__syncthreads();\n    if (!is_long ||", LEFT_OUT,
    ),
    one_edit(
        "entry-behind-the-list-marked", "stream.cuh",
        "entry < length)", "entry <= length)", COMPARISON,
    ),
    one_edit(
        "marked-from-a-list-given-up", "stream.cuh",
        "return listed && chunk.length <= Map::kColumnsMapped;",
        "return chunk.length <= Map::kColumnsMapped;", LEFT_OUT,
    ),
    one_edit(
        "marked-beyond-the-map", "stream.cuh",
        "return listed && chunk.length <= Map::kColumnsMapped;", "return listed;", LEFT_OUT,
    ),
    one_edit(
        "segment-takes-a-column-more", "stream.cuh",
        "begin <= column && column < end", "begin <= column && column <= end", COMPARISON,
    ),
    one_edit(
        "segment-leaves-a-column-out", "stream.cuh",
        "begin <= column && column < end", "begin < column && column < end", COMPARISON,
    ),
)  # fmt: skip
