"""Mutants of the last stage: which ties are taken, and the slots that threads and chunks write to."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE, SPECIAL_VALUE
from .mutant import one_edit

FROM_REGISTERS = (
    one_edit(
        "rounds-not-counted", "emit.cuh", "slot += of_round(total, round);", "", LEFT_OUT,
    ),
    one_edit(
        "rounds-in-another-order", "emit.cuh",
        "in_word % 2 * 2 + in_word / 2 : in_word / 2;", "in_word : in_word / 2;",
        "bytes taken in the order of rounds",
    ),
    one_edit(
        "byte-of-a-round-too-narrow", "emit.cuh", "(8 * byte) & 0xFFu", "(8 * byte) & 0x7Fu",
        "a field without its highest bit",
    ),
    one_edit(
        "second-sum-of-rounds-forgotten", "emit.cuh",
        "Tile::kRounds <= kRoundsOfWord / 2;", "Tile::kRounds <= kRoundsOfWord;", LEFT_OUT,
    ),
    one_edit(
        "second-word-of-a-mask-counted-as-the-first", "emit.cuh",
        "static_cast<uint32_t>(mask >> (kMaskWordBits * i))", "static_cast<uint32_t>(mask)", LEFT_OUT,
    ),
    one_edit(
        "rounds-of-both-words-from-the-first-sums", "emit.cuh",
        "round / kRoundsOfWord * 2 + in_word % 2", "in_word % 2", LEFT_OUT,
    ),
    one_edit(
        "second-word-of-a-mask-lost", "tile.cuh",
        "(words[0] | Mask{words[1]} << kMaskWordBits)", "Mask{words[0]}", LEFT_OUT,
    ),
    one_edit(
        "greater-counted-as-ties", "emit.cuh",
        "const Mask equal = selected & ~above;", "const Mask equal = selected;", LEFT_OUT,
    ),
    one_edit(
        "tile-takes-nan-twice", "emit.cuh",
        "none_above ? 0 : tile.above(bound_below(selection.threshold + 1))",
        "tile.above(bound_below(selection.threshold + 1))", SPECIAL_VALUE,
    ),
)

FROM_MAPS = (
    one_edit(
        "map-tail-not-cleared", "map.cuh",
        "place < Map::place_of(ceil_div(columns, kWarpSize));", "place < Map::place_of(columns / kWarpSize);",
        "a clearing left out",
    ),
    one_edit(
        "spread-map-read-as-if-it-were-not", "emit.cuh",
        "uint32_t selected = map.above[Map::place_of(word)];", "uint32_t selected = map.above[word];",
        "a wrong address",
    ),
    one_edit(
        "map-of-a-row-not-cleared", "medium.cuh",
        "clear_map<policy.threads>(storage.map, min(row.length, policy.map));", "", LEFT_OUT,
    ),
    one_edit(
        "map-of-a-chunk-not-cleared", "team.cuh",
        "if (!chunk.is_marked_by_gather()) return;", "return;", LEFT_OUT,
    ),
    one_edit(
        "map-takes-nan-for-greater", "emit.cuh",
        "cut && (none_above || !ptx::or_if_above(0, x, greater, 1u))",
        "cut && !ptx::or_if_above(0, x, greater, 1u)", SPECIAL_VALUE,
    ),
    one_edit(
        "candidates-cut-where-all-are-taken", "emit.cuh",
        "set_bit<Map>(cut && key == selection.threshold ? map.equal : map.above, candidates.columns[i]);",
        "set_bit<Map>(key == selection.threshold ? map.equal : map.above, candidates.columns[i]);", LEFT_OUT,
    ),
    one_edit(
        "candidates-at-the-threshold-lost", "emit.cuh",
        "const uint32_t key = ordered_key(candidates.values[i]); key >= selection.threshold",
        "const uint32_t key = ordered_key(candidates.values[i]); key > selection.threshold", COMPARISON,
    ),
    one_edit(
        "ties-of-words-not-counted", "emit.cuh",
        "here.tie_offset += __popc(equal);", "", LEFT_OUT,
    ),
    one_edit(
        "segment-one-too-long", "emit.cuh",
        "end = begin + min(Map::kColumnsMapped, length - begin);",
        "end = begin + min(Map::kColumnsMapped + 1, length - begin);", OFF_BY_ONE,
    ),
    one_edit(
        "segment-takes-a-column-more", "stream.cuh",
        "begin <= column && column < end", "begin <= column && column <= end", COMPARISON,
    ),
    one_edit(
        "segment-leaves-a-column-out", "stream.cuh",
        "begin <= column && column < end", "begin < column && column < end", COMPARISON,
    ),
    one_edit(
        "lined-up-at-slots-of-the-output", "emit.cuh",
        "lined_up + (slot_of(here, selection) - first_slot)", "lined_up + slot_of(here, selection)", LEFT_OUT,
    ),
)

TIES = (
    one_edit(
        "ties-before-not-capped", "emit.cuh",
        "min(place.tie_offset, selection.ties)", "place.tie_offset", "a bound left out",
    ),
    one_edit(
        "one-tie-too-few", "block.cuh", "nth_set_bit(word, n)) - 1);", "nth_set_bit(word, n - 1)) - 1);",
        OFF_BY_ONE,
    ),
    one_edit(
        "all-ties-but-the-highest", "block.cuh",
        "if (n >= __popc(word)) return word;", "if (n > __popc(word)) return word;", COMPARISON,
    ),
)

EMITTING = (*FROM_REGISTERS, *FROM_MAPS, *TIES)
