"""Mutants of what the CTAs of a team tell each other: sums of groups, bins, counts and candidates."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE, WRONG_BUFFER
from .mutant import Edit, Mutant, one_edit

SHARING = (
    Mutant(
        "first-exchange-lost", "a barrier lost: a peer may not have started",
        (
            Edit("large.cuh", "share.team.arrive();", ""),
            Edit("large.cuh", "ctas = team.ctas; team.wait();", "ctas = team.ctas;"),
        ),
    ),
    Mutant(
        "exchange-of-bins-lost", "a barrier lost",
        (
            Edit("large.cuh", "team.arrive(); int above = 0;", "int above = 0;"),
            Edit("large.cuh", "team.wait(); if (warp_id() == 0) {", "if (warp_id() == 0) {"),
        ),
    ),
    one_edit(
        "last-cta-not-summed", "large.cuh",
        "if (cta < ctas) sum +=", "if (cta + 1 < ctas) sum +=", OFF_BY_ONE,
    ),
    one_edit(
        "group-of-the-key-flipped", "radix.cuh",
        "above < rank && rank <= above + static_cast<int>(own)",
        "above <= rank && rank < above + static_cast<int>(own)", COMPARISON,
    ),
    one_edit(
        "bin-ranked-in-the-row", "large.cuh",
        "find_in_warp(sums, k - group.above)", "find_in_warp(sums, k)", LEFT_OUT,
    ),
    one_edit(
        "groups-above-not-added", "large.cuh", "bin.above += group.above;", "", LEFT_OUT,
    ),
    one_edit(
        "group-counted-above-itself", "large.cuh",
        "for (int i = group.index + 1; i < kGroups; ++i)", "for (int i = group.index; i < kGroups; ++i)",
        OFF_BY_ONE,
    ),
    one_edit(
        "group-above-left-out", "large.cuh",
        "for (int i = group.index + 1; i < kGroups; ++i)", "for (int i = group.index + 2; i < kGroups; ++i)",
        OFF_BY_ONE,
    ),
    one_edit(
        "groups-of-the-first-cta", "large.cuh",
        "above += storage.groups[lane][i];", "above += storage.groups[0][i];", WRONG_BUFFER,
    ),
    one_edit(
        "bin-counted-above-itself", "large.cuh",
        "for (int i = in_group + 1; i < kGroupBins; ++i)", "for (int i = in_group; i < kGroupBins; ++i)",
        OFF_BY_ONE,
    ),
    one_edit(
        "bins-of-the-first-cta", "large.cuh",
        "static_cast<int>(storage.bins[lane][in_group])", "static_cast<int>(storage.bins[0][in_group])",
        WRONG_BUFFER,
    ),
    one_edit(
        "candidates-over-those-before", "large.cuh",
        "&storage.row_keys[before + i]", "&storage.row_keys[i]", LEFT_OUT,
    ),
    one_edit(
        "candidates-not-sent-to-the-last", "large.cuh",
        "peer < team.ctas; peer += policy.threads / kWarpSize",
        "peer < team.ctas - 1; peer += policy.threads / kWarpSize", OFF_BY_ONE,
    ),
    one_edit(
        "candidates-before-counted-one-short", "large.cuh",
        "i < candidates_before;", "i < candidates_before - 1;", OFF_BY_ONE,
    ),
    one_edit(
        "all-taken-counted-above-only", "large.cuh",
        "greater += cut ? key > selection.threshold : key >= selection.threshold;",
        "greater += key > selection.threshold;", LEFT_OUT,
    ),
    one_edit(
        "settled-place-without-the-bin", "large.cuh",
        "place = {before.offset + before.tie_offset, 0};", "place = {before.offset, 0};", LEFT_OUT,
    ),
    one_edit(
        "digit-counted-above-itself", "team.cuh",
        "if (i > digit.index) greater", "if (i >= digit.index) greater", COMPARISON,
    ),
    one_edit(
        "counts-of-the-last-pass-only", "team.cuh",
        "before.above + above, static_cast<int>", "above, static_cast<int>", LEFT_OUT,
    ),
    one_edit(
        "counts-kept-from-the-first-cta", "team.cuh",
        "const ChunkCounts before = storage.counts[rank];",
        "const ChunkCounts before = storage.counts[0];", WRONG_BUFFER,
    ),
    one_edit(
        "half-of-the-parts-summed", "team.cuh",
        "distance < kParts; distance *= 2", "distance * 2 < kParts; distance *= 2", OFF_BY_ONE,
    ),
    one_edit(
        "chunks-fit-rounded-down", "team.cuh",
        "return ceil_div(length, kWarpSize) <= ctas * (columns / kWarpSize);",
        "return length / kWarpSize <= ctas * (columns / kWarpSize);", OFF_BY_ONE,
    ),
)  # fmt: skip
