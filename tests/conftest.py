"""Settings of the whole suite, and where a test of any device runs."""

from __future__ import annotations

import os

# One thread, here and in the processes that tests start: over tensors of this size two that wait for each
# other are slower, on a busy machine ten times. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# No deadline: examples are timed on machines that do other things as well.
settings.register_profile("suite", deadline=None, max_examples=300)
settings.load_profile("suite")

# Tests that both tests/cuda and tests/gpu run: their asserts are explained, too.
pytest.register_assert_rewrite("operator_on_a_device", "indexer_on_a_device")


@pytest.fixture
def device() -> str:
    """Where a test of any device puts its tensors; tests/gpu has its own."""
    return "cpu"
