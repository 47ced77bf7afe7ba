"""Mechanical mutants: flipped comparisons, bounds off by one, one buffer taken for another."""

from __future__ import annotations

from .mutant import one_edit

COMPARISON = "a flipped comparison"
OFF_BY_ONE = "off by one"
WRONG_BUFFER = "one buffer taken for another"

MECHANICAL = (
    one_edit(
        "chunk-one-too-long", "large.cuh",
        "const int end = min(begin + chunk, row.length);",
        "const int end = min(begin + chunk + 1, row.length);", OFF_BY_ONE,
    ),
    one_edit(
        "chunks-rounded-down", "large.cuh",
        "const int chunk = ceil_div(ceil_div(row.length, kWarpSize), ctas) * kWarpSize;",
        "const int chunk = ceil_div(row.length / kWarpSize, ctas) * kWarpSize;", OFF_BY_ONE,
    ),
    one_edit(
        "team-scan-inclusive", "large.cuh",
        "const bool is_before = lane_id() < team.rank;",
        "const bool is_before = lane_id() <= team.rank;", COMPARISON,
    ),
    one_edit(
        "last-cta-not-merged", "large.cuh", "peer < ctas) {", "peer < ctas - 1) {", OFF_BY_ONE,
    ),
    one_edit(
        "block-scan-inclusive", "block.cuh",
        "lane_id() < warp_id() ? mine : 0", "lane_id() <= warp_id() ? mine : 0", COMPARISON,
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
        "rank-counts-itself", "radix.cuh",
        "other < mine ? kEqualBefore : kEqual", "other <= mine ? kEqualBefore : kEqual", COMPARISON,
    ),
    one_edit(
        "half-a-pair-beyond-n", "radix.cuh",
        "if (c + 1 < columns)", "if (c + 1 <= columns)", COMPARISON,
    ),
    one_edit(
        "spill-reads-own-chunk", "refine.cuh",
        "merged, k - interval.above,", "digits.of_pass[passes], k - interval.above,", WRONG_BUFFER,
    ),
    one_edit(
        "spill-keeps-first-pass", "refine.cuh",
        "team.keep(digits.of_pass[passes], kDigits, scratch.found);",
        "team.keep(digits.of_pass[0], kDigits, scratch.found);", WRONG_BUFFER,
    ),
    one_edit(
        "resident-one-too-many", "tile.cuh",
        "if (!kFirstRead && column < resident_columns)",
        "if (!kFirstRead && column <= resident_columns)", COMPARISON,
    ),
    one_edit(
        "resident-last-quad-lost", "tile.cuh",
        "if (kFirstRead && column < resident_columns && column < length)",
        "if (kFirstRead && column + kQuad < resident_columns && column < length)", OFF_BY_ONE,
    ),
    one_edit(
        "map-tail-not-cleared", "sweep.cuh",
        "map->quads[missing] = 0;", "(void)missing;", "a clearing left out",
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
        "ties-before-not-capped", "emit.cuh",
        "const int taken_ties = cut ? min(tie, selection.ties) : 0;",
        "const int taken_ties = cut ? tie : 0;", "a bound left out",
    ),
    one_edit(
        "worker-never-wraps", "persistent.cuh",
        "worker = worker + 1 == params.ctas ? 0 : worker + 1;",
        "worker = worker + 1;", "a bound left out",
    ),
)  # fmt: skip
