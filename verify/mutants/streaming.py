"""Mutants of the first look at a row that does not fit registers: its sample, its bound and its list."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE
from .mutant import one_edit

COUNT_THE_REST = "if (__builtin_expect(listed, true)) { count_listed<policy.threads, bits>(list, {}, length,"
COMPACTED = "compact<policy.threads>(list, length, at_least); __syncthreads(); counted = {};"
CLEAR = "clear<policy.threads, (1 << bits)>(histogram);"
EMPTY = "if (threadIdx.x == 0) list.used = 0;"

SAMPLES = (
    one_edit(
        "sample-beyond-the-chunk", "sample.cuh",
        "if (column + kQuad > chunk.length) continue;", "", LEFT_OUT,
    ),
    one_edit(
        "sample-of-one-quad-a-block", "sample.cuh",
        "* kBlock + quad % kBlockQuads * kQuad;", "* kBlock;", LEFT_OUT,
    ),
    one_edit(
        "sample-where-each-part-begins", "sample.cuh",
        "(begin + within) * kBlock", "(begin) * kBlock", LEFT_OUT,
    ),
    one_edit(
        "rank-in-a-sample-one-too-high", "sample.cuh",
        "return expected + expected / 4 + kMargin;", "return expected + expected / 4 + kMargin - 1;",
        OFF_BY_ONE,
    ),
    one_edit(
        "rank-in-a-sample-over-k", "sample.cuh",
        "return min(k, at_most(k * policy.sample / columns));",
        "return at_most(k * policy.sample / columns);", LEFT_OUT,
    ),
    one_edit(
        "list-always-has-room", "sample.cuh", "listed <= policy.survivors};", "true};", LEFT_OUT,
    ),
    one_edit(
        "sample-stays-counted", "stream.cuh",
        f"scratch.least_bin = bound.bin; {CLEAR}", "scratch.least_bin = bound.bin;", LEFT_OUT,
    ),
    one_edit(
        "rank-over-a-sample", "medium.cuh", "if (rank > policy.sample) return kNoBound;", "", LEFT_OUT,
    ),
    one_edit(
        "rank-over-the-first-sample", "large.cuh", "if (rank > policy.sample) return kNoBound;", "", LEFT_OUT,
    ),
)

GUESSES = (
    one_edit(
        "guess-not-checked", "medium.cuh", "return scratch.found.index >= scratch.least_bin;", "return true;",
        LEFT_OUT,
    ),
    one_edit(
        "guess-at-the-bound-not-trusted", "medium.cuh", "return scratch.found.index >= scratch.least_bin;",
        "return scratch.found.index > scratch.least_bin || scratch.least_bin == 0;", COMPARISON,
    ),
    one_edit(
        "guess-of-a-team-not-checked", "large.cuh",
        "if (storage.refine.scratch.found.index >= storage.refine.scratch.least_bin) return true;",
        "return true;", LEFT_OUT,
    ),
    one_edit(
        "columns-not-listed-not-counted", "stream.cuh",
        "if (threadIdx.x == 0) atomicAdd(&histogram[0], static_cast<uint32_t>("
        "min(chunk.length - length, kMaxK)));", "", LEFT_OUT,
    ),
    one_edit(
        "list-not-emptied-before-the-row-is-streamed-again", "stream.cuh",
        f"bound = kNoBound; {EMPTY}", "bound = kNoBound;", LEFT_OUT,
    ),
    one_edit(
        "row-streamed-again-from-its-last-tile", "stream.cuh",
        f"bound = kNoBound; {EMPTY} load_next(0);", f"bound = kNoBound; {EMPTY}", LEFT_OUT,
    ),
    one_edit(
        "chunks-told-again-in-the-same-exchange", "large.cuh", "++team.of_chunks;", "", LEFT_OUT,
    ),
)

BOUNDS = (
    one_edit(
        "bound-one-bin-too-high", "stream.cuh",
        "at_least = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;",
        "at_least = find_bin<policy.threads, bits>(histogram, k, scratch).greater;", OFF_BY_ONE,
    ),
    one_edit(
        "bound-of-samples-too-high", "sample.cuh",
        "return {interval.at_least, bin.index,", "return {interval.greater, bin.index,", OFF_BY_ONE,
    ),
    one_edit(
        "room-for-more-tiles-than-were-seen", "stream.cuh",
        "return min(tiles, (policy.survivors - length) / (expected + expected / 4 + 1));",
        "return (policy.survivors - length) / (expected + expected / 4 + 1);", LEFT_OUT,
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
)

COUNTS = (
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
        f"}} else {{ {CLEAR}", "} else {", LEFT_OUT,
    ),
)

LISTS = (
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
        f"{EMPTY} __syncthreads(); at_least =", "__syncthreads(); at_least =", LEFT_OUT,
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
)

TILES = (
    one_edit(
        "last-tile-lost", "stream.cuh",
        "first < chunk.length; first = seen", "first + Tile::kTileColumns <= chunk.length; first = seen",
        OFF_BY_ONE,
    ),
    one_edit(
        "tile-after-the-next-not-read", "stream.cuh", "load_next(seen);", "", LEFT_OUT,
    ),
    one_edit(
        "columns-counted-from-the-tile", "stream.cuh",
        "tile.above(at_least), first, list);", "tile.above(at_least), 0, list);", LEFT_OUT,
    ),
    one_edit(
        "tile-beyond-the-chunk", "stream.cuh",
        "chunk.head : 0, chunk.length - first);", "chunk.head : 0, chunk.length);", LEFT_OUT,
    ),
    one_edit(
        "column-beyond-the-chunk", "stream.cuh",
        "if (mask >> c & 1) f(x[c], number * kQuad + c);",
        "if ((mask << 1 | mask) >> c & 1) f(x[c], number * kQuad + c);",
        COMPARISON,
    ),
)

STREAMING = (*SAMPLES, *GUESSES, *BOUNDS, *COUNTS, *LISTS, *TILES)
