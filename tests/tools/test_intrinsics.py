"""The emulator's intrinsics against what a GPU answered, recorded in tests/data/intrinsics.npz."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from intrinsics_answers import check_answers, emulate, emulator
from places import DATA

from persistent_topk.tools.intrinsics.cases import inputs_of, operation_names
from persistent_topk.tools.intrinsics.record import inputs_checksum

VECTORS = DATA / "intrinsics.npz"

needs_vectors = pytest.mark.skipif(
    not VECTORS.is_file(), reason="no recorded answers of a GPU: tests/data/intrinsics.npz is missing"
)


@functools.cache
def vectors() -> dict[str, np.ndarray]:
    with np.load(VECTORS) as found:
        return dict(found)


def recorded_names() -> list[str]:
    return [name for name in vectors() if "." not in name and name not in ("gpu", "compiler")]


@needs_vectors
def test_the_emulator_answers_as_the_gpu_did() -> None:
    names = operation_names(emulator().functions)
    assert set(recorded_names()) <= set(names)
    for number, name in enumerate(names):
        if name not in recorded_names():
            continue
        assert inputs_checksum(inputs_of(name)) == int(vectors()[f"{name}.inputs"]), f"{name}: other inputs"
        check_answers(name, emulate(number, name), vectors()[name])


@needs_vectors
def test_every_operation_is_recorded() -> None:
    missing = [name for name in operation_names(emulator().functions) if name not in recorded_names()]
    if missing:
        pytest.skip(f"no recorded answers of a GPU yet: {', '.join(missing)}")


def test_every_operation_runs_on_the_emulator() -> None:
    names = operation_names(emulator().functions)
    results = {name: emulate(number, name) for number, name in enumerate(names)}
    assert all(result.any() for result in results.values())
    inputs = inputs_of("popc")
    assert [bin(word).count("1") for word in inputs.a.tolist()] == results["popc"].tolist()
