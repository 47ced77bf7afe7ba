"""Mutants of the first look at a row that does not fit registers: its running threshold and its list."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE
from .mutant import one_edit

SAMPLE = "append_tile(sample, sample.above(bound), 0, list);"
COUNT_THE_REST = "if (__builtin_expect(listed, true)) { count_listed<policy.threads, bits>(list, {}, length,"
COMPACTED = "compact<policy.threads>(list, length, bound); __syncthreads(); counted = {};"

BOUNDS = (
    one_edit(
        "first-tile-not-read-where-two-ctas-share-an-sm", "stream.cuh",
        "if constexpr (kHalved) load_next(Sample::kTileColumns);", "", LEFT_OUT,
    ),
    one_edit(
        "bound-one-bin-too-high", "stream.cuh",
        "bound = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;",
        "bound = find_bin<policy.threads, bits>(histogram, k, scratch).greater;", OFF_BY_ONE,
    ),
    one_edit(
        "bound-of-a-sample-too-high", "medium.cuh",
        "find_bin<policy.threads, kBits>(histogram, row.k, scratch).at_least",
        "find_bin<policy.threads, kBits>(histogram, row.k, scratch).greater", OFF_BY_ONE,
    ),
    one_edit(
        "bound-of-samples-too-high", "team.cuh",
        "[](const Found&) {}).at_least;", "[](const Found&) {}).greater;", OFF_BY_ONE,
    ),
    one_edit(
        "bound-of-a-sample-under-k-columns", "medium.cuh",
        "const bool has_bound = min(row.length, policy.sample) >= row.k;", "const bool has_bound = true;",
        LEFT_OUT,
    ),
    one_edit(
        "bound-of-samples-under-k-columns", "large.cuh",
        "const bool has_bound = min(columns, policy.sample) >= row.k;", "const bool has_bound = true;",
        LEFT_OUT,
    ),
    one_edit(
        "bound-raised-under-k-columns", "stream.cuh", "if (length >= k) {", "if (length > 0) {", LEFT_OUT,
    ),
    one_edit(
        "bound-never-raised", "stream.cuh",
        "if (--room > 0 || seen == chunk.length) continue;",
        "if (room > 0 || seen == chunk.length) continue;", LEFT_OUT,
    ),
    one_edit(
        "bound-raised-a-tile-later", "stream.cuh",
        "if (--room > 0 || seen == chunk.length) continue;",
        "if (room-- > 0 || seen == chunk.length) continue;", OFF_BY_ONE,
    ),
)  # fmt: skip

COUNTS = (
    one_edit(
        "sample-counted-again", "stream.cuh",
        "int counted = static_cast<int>(list.used);", "int counted = 0;", LEFT_OUT,
    ),
    one_edit(
        "compacted-list-counted-short", "stream.cuh",
        COMPACTED.replace("{}", "static_cast<int>(list.used)"),
        COMPACTED.replace("{}", "static_cast<int>(list.used) - 1"), OFF_BY_ONE,
    ),
    one_edit(
        "counted-before-compacting", "stream.cuh",
        COMPACTED.replace("{}", "static_cast<int>(list.used)"), COMPACTED.replace("{}", "length"),
        "a count taken too early",
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
        "clear<policy.threads, (1 << bits)>(histogram);", "", LEFT_OUT,
    ),
)  # fmt: skip

LISTS = (
    one_edit(
        "sample-listed-twice", "stream.cuh", SAMPLE, f"{SAMPLE}\n  {SAMPLE}", "a step taken twice",
    ),
    one_edit(
        "full-list-taken-for-complete", "stream.cuh",
        "const bool listed = length <= policy.survivors;", "const bool listed = true;", LEFT_OUT,
    ),
    one_edit(
        "full-list-loses-its-last", "list.cuh",
        "first + count <= List::kCapacity ? mask : 0", "first + count < List::kCapacity ? mask : 0",
        OFF_BY_ONE,
    ),
    one_edit(
        "full-list-goes-on", "list.cuh", "first + count <= List::kCapacity ? mask : 0", "mask", LEFT_OUT,
    ),
    one_edit(
        "full-list-compacted", "stream.cuh", "if (length > policy.survivors) break;", "", LEFT_OUT,
    ),
    one_edit(
        "list-not-emptied-before-compacting", "stream.cuh",
        "if (threadIdx.x == 0) list.used = 0;", "", LEFT_OUT,
    ),
    one_edit(
        "list-of-a-row-not-emptied", "medium.cuh",
        "if (threadIdx.x == 0) storage.list.used = 0;", "", LEFT_OUT,
    ),
    one_edit(
        "last-entries-not-compacted", "list.cuh",
        "for (int first = 0; first < length; first += kEntries * kThreads) {",
        "for (int first = 0; first + kEntries * kThreads <= length; first += kEntries * kThreads) {",
        OFF_BY_ONE,
    ),
    one_edit(
        "last-entry-gathered-twice", "stream.cuh",
        "min(ceil_div(length - first, policy.threads), kEntries);",
        "min(ceil_div(length - first, policy.threads) + 1, kEntries);", OFF_BY_ONE,
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
)  # fmt: skip

TILES = (
    one_edit(
        "last-tile-lost", "stream.cuh",
        "first < chunk.length; first += Tile::kTileColumns",
        "first + Tile::kTileColumns <= chunk.length; first += Tile::kTileColumns", OFF_BY_ONE,
    ),
    one_edit(
        "tile-after-the-next-not-read", "stream.cuh", "load_next(seen);", "", LEFT_OUT,
    ),
    one_edit(
        "columns-counted-from-the-tile", "stream.cuh",
        "tile.above(bound), first, list);", "tile.above(bound), 0, list);", LEFT_OUT,
    ),
    one_edit(
        "tile-beyond-the-chunk", "stream.cuh",
        "next.take_part(chunk.length - first);", "next.take_part(chunk.length);", LEFT_OUT,
    ),
    one_edit(
        "column-beyond-the-chunk", "stream.cuh",
        "if (c < columns) f(x[c], quad * kQuad + c);", "if (c <= columns) f(x[c], quad * kQuad + c);",
        COMPARISON,
    ),
)  # fmt: skip

STREAMING = (*BOUNDS, *COUNTS, *LISTS, *TILES)
