"""Mechanical mutants of what all paths share: comparisons flipped, bounds off by one, the wrong buffer."""

from __future__ import annotations

from .mutant import one_edit

COMPARISON = "a flipped comparison"
OFF_BY_ONE = "off by one"
WRONG_BUFFER = "one buffer taken for another"
LEFT_OUT = "a step left out"

STAGES = (
    one_edit(
        "chunk-one-too-long", "large.cuh",
        "const int end = min(begin + columns, row.length);",
        "const int end = min(begin + columns + 1, row.length);", OFF_BY_ONE,
    ),
    one_edit(
        "chunks-rounded-down", "team.cuh",
        "return ceil_div(ceil_div(length, kWarpSize), ctas) * kWarpSize;",
        "return ceil_div(length / kWarpSize, ctas) * kWarpSize;", OFF_BY_ONE,
    ),
    one_edit(
        "team-scan-inclusive", "large.cuh",
        "const bool is_before = lane_id() < team.rank;",
        "const bool is_before = lane_id() <= team.rank;", COMPARISON,
    ),
    one_edit(
        "last-cta-not-merged", "team.cuh", "peer < ctas) {", "peer < ctas - 1) {", OFF_BY_ONE,
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
        "team.keep(digits.of_pass[passes], scratch.found);",
        "team.keep(digits.of_pass[0], scratch.found);", WRONG_BUFFER,
    ),
    one_edit(
        "map-tail-not-cleared", "map.cuh",
        "word < ceil_div(columns, kWarpSize);", "word < columns / kWarpSize;", "a clearing left out",
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
        "min(place.tie_offset, selection.ties)", "place.tie_offset", "a bound left out",
    ),
    one_edit(
        "every-cta-takes-the-row", "persistent.cuh",
        "if (way != kSharedStreamed && rank != 0) return;", "", "a bound left out",
    ),
    one_edit(
        "ways-of-the-first-rows", "persistent.cuh",
        "index += kWarpSize * params.teams)", "index = params.rows)", "a bound too low",
    ),
    one_edit(
        "rounds-not-counted", "emit.cuh",
        "rounds_before.offset += count_of_round(sums.total, round);", "", LEFT_OUT,
    ),
    one_edit(
        "ties-of-rounds-not-counted", "emit.cuh",
        "rounds_before.tie_offset += count_of_round(sums.total + kKindWords, round);", "", LEFT_OUT,
    ),
    one_edit(
        "ties-of-words-not-counted", "emit.cuh",
        "here.tie_offset += __popc(map.equal[word]);", "", LEFT_OUT,
    ),
    one_edit(
        "tile-takes-nan-twice", "emit.cuh",
        "none_above ? 0 : tile.above(bound_below(selection.threshold + 1))",
        "tile.above(bound_below(selection.threshold + 1))", "a special value forgotten",
    ),
    one_edit(
        "map-takes-nan-for-greater", "emit.cuh",
        "cut && (none_above || !ptx::or_if_above(0, x, greater, 1u))",
        "cut && !ptx::or_if_above(0, x, greater, 1u)", "a special value forgotten",
    ),
    one_edit(
        "candidates-cut-where-all-are-taken", "emit.cuh",
        "set_bit(cut && keys[i] == selection.threshold ? map.equal : map.above, columns[i]);",
        "set_bit(keys[i] == selection.threshold ? map.equal : map.above, columns[i]);", LEFT_OUT,
    ),
    one_edit(
        "candidates-at-the-threshold-lost", "emit.cuh",
        "if (keys[i] >= selection.threshold)", "if (keys[i] > selection.threshold)", COMPARISON,
    ),
    one_edit(
        "segment-one-too-long", "emit.cuh",
        "const int end = min(begin + Map::kColumnsMapped, length);",
        "const int end = min(begin + Map::kColumnsMapped + 1, length);", OFF_BY_ONE,
    ),
)  # fmt: skip
