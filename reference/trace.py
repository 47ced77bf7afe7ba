"""The trace: the record that model and kernel write of each row, stage by stage; mirror of trace.cuh."""

from __future__ import annotations

import numpy as np

from .policy import DIGITS, MAX_BINS, MAX_PASSES

NOT_RECORDED, TRIVIAL, DECODE, MEDIUM, LARGE = range(5)
PATHS = {TRIVIAL: "trivial", DECODE: "decode", MEDIUM: "medium", LARGE: "large"}
ALL_TAKEN = -1  # `ties`: every key equal to the threshold is taken

PASS_DTYPE = np.dtype(
    [
        ("over_row", np.int32),  # 1: digits of the row itself (spill), merged over CTAs; 0: of the buffer
        ("low", np.uint32),  # lowest key of the interval that the digits divide
        ("shift", np.int32),  # digit = (key - low) >> shift
        ("digit", np.int32),  # the digit that holds the k-th key
        ("above", np.int32),  # keys of the row above the chosen digit's interval
        ("count", np.int32),  # keys in it
        ("histogram", np.uint32, (DIGITS,)),  # of the whole row (merged over its CTAs)
    ]
)

# One record a row and CTA. `histogram` is the team's, merged; `chunk_` fields are the CTA's own.
TRACE_DTYPE = np.dtype(
    [
        ("path", np.int32),
        ("ctas", np.int32),  # CTAs that share the row
        ("cta", np.int32),  # this CTA's rank
        ("begin", np.int32),  # this CTA's columns [begin, end)
        ("end", np.int32),
        ("listed", np.int32),  # 1: the list of columns above the running threshold is complete
        ("survivors", np.int32),  # columns above the bound, more than listed if incomplete; 0: no stream
        ("updates", np.int32),  # how often the running threshold was raised after the sample
        ("restarted", np.int32),  # 1: the sample's bound was too high: the row was streamed again without one
        ("bins", np.int32),  # coarse bins; 0 on the trivial path
        ("bin", np.int32),  # coarse bin that holds the k-th key
        ("above", np.int32),  # keys of the row above that bin
        ("count", np.int32),  # keys of the row in it; a CTA that shares the row adds at most MOST_SHARED
        ("spilled", np.int32),  # 1: more candidates than the buffer holds
        ("gathered", np.int32),  # candidates of the row in the buffer; 0: the row needed none
        ("ranked", np.int32),  # 1: resolved by comparing candidates with each other
        ("passes", np.int32),  # refinement passes, recorded in `pass`
        ("threshold", np.uint32),  # key of the k-th column
        ("ties", np.int32),  # keys equal to it that are taken, lowest columns first, or ALL_TAKEN
        ("chunk_above", np.int32),  # this chunk's keys above the interval that row passes ended with
        ("chunk_count", np.int32),  # this chunk's keys in it, at most MOST_SHARED
        ("offset", np.int32),  # output slots taken by the CTAs before: keys above the threshold,
        ("tie_offset", np.int32),  # and, where ties are cut, keys equal to it, `ties` at most
        ("pass", PASS_DTYPE, (MAX_PASSES,)),
        ("histogram", np.uint32, (MAX_BINS,)),  # from `bin` upwards; a stream does not count the rest
    ]
)


def new_trace(rows: int, ctas: int) -> np.ndarray:
    """A zeroed record array, TRACE_DTYPE [rows, ctas]; rows of other paths than large use CTA 0 alone."""
    return np.zeros((rows, ctas), TRACE_DTYPE)
