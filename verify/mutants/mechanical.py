"""Mechanical mutants of what all paths share: comparisons flipped, bounds off by one, the wrong buffer."""

from __future__ import annotations

from .mutant import one_edit

COMPARISON = "a flipped comparison"
OFF_BY_ONE = "off by one"
WRONG_BUFFER = "one buffer taken for another"
LEFT_OUT = "a step left out"
SPECIAL_VALUE = "a special value forgotten"

DIVISION = (
    one_edit(
        "chunk-one-too-long", "large.cuh",
        "const int end = begin + min(columns, row.length - begin);",
        "const int end = begin + min(columns + 1, row.length - begin);", OFF_BY_ONE,
    ),
    one_edit(
        "chunks-rounded-down", "team.cuh",
        "return ceil_div(ceil_div(length, kWarpSize), ctas) * kWarpSize;",
        "return ceil_div(length / kWarpSize, ctas) * kWarpSize;", OFF_BY_ONE,
    ),
    one_edit(
        "chunks-fit-rounded-down", "team.cuh",
        "return ceil_div(length, kWarpSize) <= ctas * (columns / kWarpSize);",
        "return length / kWarpSize <= ctas * (columns / kWarpSize);", OFF_BY_ONE,
    ),
    one_edit(
        "medium-bound-flipped", "persistent.cuh",
        "if (length > policy.medium_max ||", "if (length >= policy.medium_max ||", COMPARISON,
    ),
    one_edit(
        "trivial-bound-flipped", "persistent.cuh",
        "if (length <= k) return kTrivial;", "if (length < k) return kTrivial;", COMPARISON,
    ),
    one_edit(
        "every-cta-takes-the-row", "persistent.cuh",
        "if (team.rank != 0 || left) return;", "if (left) return;", "a bound left out",
    ),
)

TILES = (
    one_edit(
        "partial-warp-counted-as-full", "tile.cuh",
        "if (begin <= first && first + kWarpColumns <= length) return;",
        "if (begin <= first && first < length) return;", OFF_BY_ONE,
    ),
    one_edit(
        "row-length-ignored", "tile.cuh",
        "length = min(end, kTileColumns);", "length = kTileColumns;", "a bound left out",
    ),
    one_edit(
        "partial-warp-read-in-vectors", "tile.cuh",
        "if (vector && columns >= (warp_id() + 1) * kWarpColumns) {",
        "if (vector && columns > warp_id() * kWarpColumns) {", OFF_BY_ONE,
    ),
    one_edit(
        "quad-read-beyond-the-chunk", "dtypes.cuh",
        "if (vector && count >= kQuad) ptx::load_vector(columns, quad.words);",
        "if (vector && count > 0) ptx::load_vector(columns, quad.words);", COMPARISON,
    ),
    one_edit(
        "columns-beyond-n-selected", "tile.cuh", "return words[0] & existing;", "return words[0];", LEFT_OUT,
    ),
    one_edit(
        "columns-beyond-n-selected-of-two-words", "tile.cuh",
        "<< kMaskWordBits) & existing;", "<< kMaskWordBits);", LEFT_OUT,
    ),
    one_edit(
        "held-one-column-too-many", "medium.cuh",
        "if (row.length <= policy.held)", "if (row.length <= policy.held + 1)", OFF_BY_ONE,
    ),
    one_edit(
        "lowest-bit-of-the-second-word-taken-for-the-firsts", "block.cuh",
        "kWarpSize + lowest_set_bit(", "lowest_set_bit(", LEFT_OUT,
    ),
    one_edit(
        "rounds-of-the-next-segment", "tile.cuh",
        "batch + i < end && column <", "column <", "a bound left out",
    ),
    one_edit(
        "half-a-pair-beyond-n", "radix.cuh", "if (mask >> c & 2)", "if (mask >> c & 1)", OFF_BY_ONE,
    ),
    one_edit(
        "block-scan-inclusive", "block.cuh",
        "lane < warp ? of_warp : 0", "lane <= warp ? of_warp : 0", COMPARISON,
    ),
)

DIGITS_AND_RANKS = (
    one_edit(
        "last-turn-of-ranking-left-out", "radix.cuh",
        "if (i > 0 && count <= i * kWarps) break;", "if (i > 0 && count <= (i + 1) * kWarps) break;",
        OFF_BY_ONE,
    ),
    one_edit(
        "digit-shift-too-wide", "radix.cuh",
        "return bits > kDigitBits ? bits - kDigitBits : 0;",
        "return bits > kDigitBits ? bits - kDigitBits + 1 : 0;", OFF_BY_ONE,
    ),
    one_edit(
        "digit-interval-too-long", "radix.cuh",
        "const uint32_t last = low + ((1u << shift) - 1);",
        "const uint32_t last = low + (1u << shift);", OFF_BY_ONE,
    ),
    one_edit(
        "bin-interval-too-long", "radix.cuh",
        "kGreatestKey : behind - 1,", "kGreatestKey : behind,", OFF_BY_ONE,
    ),
    one_edit(
        "threshold-counter-flipped", "radix.cuh",
        "if (found.above + found.count < rank)", "if (found.above + found.count <= rank)", COMPARISON,
    ),
    one_edit(
        "holder-of-the-key-flipped", "radix.cuh",
        "above < rank && rank <= above + static_cast<int>(own)",
        "above <= rank && rank < above + static_cast<int>(own)", COMPARISON,
    ),
    one_edit(
        "rank-counts-itself", "radix.cuh",
        "j * kWarpSize + lane_id() < mine ? kEqualBefore : kEqual",
        "j * kWarpSize + lane_id() <= mine ? kEqualBefore : kEqual", COMPARISON,
    ),
    one_edit(
        "rank-one-lower", "radix.cuh",
        "greater + equal_before == wanted - 1", "greater + equal_before == wanted", OFF_BY_ONE,
    ),
    one_edit(
        "few-not-reset", "refine.cuh",
        "storage.candidates.used = storage.few.used = 0;", "storage.candidates.used = 0;", LEFT_OUT,
    ),
    one_edit(
        "few-without-one", "refine.cuh",
        "if (interval.count < listed) {", "if (interval.count + 1 < listed) {", OFF_BY_ONE,
    ),
    one_edit(
        "ranked-one-too-many", "refine.cuh",
        "interval.count <= policy.rank_max) break;", "interval.count <= policy.rank_max + 1) break;",
        OFF_BY_ONE,
    ),
    one_edit(
        "last-key-of-the-digits-lost", "refine.cuh",
        "if (distance <= interval.high - interval.low) atomicAdd",
        "if (distance < interval.high - interval.low) atomicAdd", COMPARISON,
    ),
    one_edit(
        "last-key-of-the-spill-lost", "radix.cuh",
        "if (distance <= interval.high - interval.low) atomicAdd",
        "if (distance < interval.high - interval.low) atomicAdd", COMPARISON,
    ),
)

SPILLS = (
    one_edit(
        "full-buffer-spilled", "refine.cuh",
        "interval.count <= policy.candidates) {", "interval.count < policy.candidates) {", COMPARISON,
    ),
    one_edit(
        "candidates-of-the-interval-before", "refine.cuh",
        "interval = narrowed; ++passes;",
        "if (!gathered && narrowed.count <= policy.candidates && !is_settled(narrowed, k)) {\n"
        "      team.record_counts(narrowed, record);\n"
        "      team.gather_candidates(source, interval);\n"
        "      gathered = true;\n"
        "      record.gathered(listed = narrowed.count);\n"
        "    }\n"
        "    interval = narrowed;\n"
        "    ++passes;",
        "gathered before the interval is narrowed",
    ),
    one_edit(
        "gathered-above-the-interval", "refine.cuh",
        "tile.within(interval.at_least, interval.greater)", "tile.above(interval.at_least)", LEFT_OUT,
    ),
    one_edit(
        "one-tie-of-a-quad-too-many", "emit.cuh",
        "if (i < n) others &= others - 1;", "if (i <= n) others &= others - 1;", OFF_BY_ONE,
    ),
    one_edit(
        "spill-reads-own-chunk", "team.cuh",
        "for (int cta = 0; cta < ctas; ++cta) sum += inbox[cta][i];",
        "sum = storage.chunk_digits.of_pass[pass][i];", WRONG_BUFFER,
    ),
    one_edit(
        "spill-keeps-first-pass", "team.cuh",
        "mail.inbox(of_chunks + 1 + pass);", "mail.inbox(of_chunks + 1);", WRONG_BUFFER,
    ),
    one_edit(
        "spill-keeps-no-pass", "refine.cuh",
        "if (!gathered) team.keep(passes, scratch.found);", "", LEFT_OUT,
    ),
    one_edit(
        "spill-keeps-the-last-pass-only", "team.cuh",
        "mail.inbox(of_chunks + 1 + pass);", "mail.inbox(of_chunks + 1 + pass);\n    above_before = 0;",
        LEFT_OUT,
    ),
)

STAGES = (*DIVISION, *TILES, *DIGITS_AND_RANKS, *SPILLS)
