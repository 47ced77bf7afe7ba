"""The first stage that differs, named as a person would look for it."""

from __future__ import annotations

import numpy as np
import pytest

from persistent_topk.reference.trace import DECODE, LARGE, new_trace
from persistent_topk.verify.judging.trace_difference import first_difference


@pytest.fixture
def trace() -> np.ndarray:
    records = new_trace(3, 4)
    records["path"][0] = LARGE
    records["path"][1:, 0] = DECODE
    return records


def told(found: np.ndarray, expected: np.ndarray) -> str:
    difference = first_difference(found, expected)
    assert difference is not None
    return difference.told("emulator")


def test_equal_records_do_not_differ(trace: np.ndarray) -> None:
    assert first_difference(trace, trace.copy()) is None


def test_a_digit_is_told_with_pass_and_cta(trace: np.ndarray) -> None:
    other = trace.copy()
    trace["pass"]["digit"][0, 3, 1], other["pass"]["digit"][0, 3, 1] = 17, 18
    assert told(trace, other) == "row 0: large, pass 2, CTA 3, digit: emulator 17, model 18"


def test_a_histogram_is_told_with_its_bin(trace: np.ndarray) -> None:
    other = trace.copy()
    other["histogram"][1, 0, 1034:1037] = 5
    assert told(trace, other) == (
        "row 1: decode, coarse, CTA 0, histogram[1034]: emulator 0, model 5 (and 2 more bins)"
    )


def test_keys_are_hexadecimal(trace: np.ndarray) -> None:
    other = trace.copy()
    other["threshold"][2, 0] = 0xBF800000
    assert told(trace, other).endswith("threshold: emulator 0x00000000, model 0xBF800000")


@pytest.mark.parametrize(
    ("early", "late"),
    [("path", "bin"), ("histogram", "bin"), ("bin", "spilled"), ("spilled", "threshold"), ("ties", "offset")],
)
def test_the_earlier_stage_is_told(early: str, late: str, trace: np.ndarray) -> None:
    other = trace.copy()
    other[late][0, 0] = 1
    other[early][0, 2] = 1
    difference = first_difference(trace, other)
    assert difference is not None
    assert (difference.field.split("[")[0], difference.cta) == (early, 2)


def test_the_lowest_row_is_told(trace: np.ndarray) -> None:
    other = trace.copy()
    other["path"][2, 0] = 1
    other["tie_offset"][1, 0] = 1
    assert told(trace, other).startswith("row 1: decode, emit")


def test_every_field_of_the_record_is_compared(trace: np.ndarray) -> None:
    for field in trace.dtype.names or ():
        other = trace.copy()
        if field == "pass":
            other["pass"]["count"][0, 0, 3] = 9
        else:
            other[field][0, 0] = 9
        assert first_difference(trace, other) is not None, field


def test_other_shapes_are_refused(trace: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected equal ones"):
        first_difference(trace, trace[:2])
