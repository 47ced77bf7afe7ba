"""Settings of the whole suite, and where a test of any device runs."""

from __future__ import annotations

import os
import subprocess
import time
from types import SimpleNamespace

# One thread, here and in the processes that tests start: over tensors of this size two that wait for each
# other are slower, on a busy machine ten times. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import forking
import pytest
from hypothesis import settings
from places import SHARED

# No deadline: examples are timed on machines that do other things as well.
settings.register_profile("suite", deadline=None, max_examples=100)
settings.register_profile("nightly", deadline=None, max_examples=1000)
settings.load_profile("suite")

# Tests that both tests/cuda and tests/gpu run: their asserts are explained, too.
pytest.register_assert_rewrite("operator_on_a_device", "indexer_on_a_device")
pytest.register_assert_rewrite("vllm_calls", "sglang_calls", "flashinfer_calls", "trtllm_calls")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first: one that began last would leave the other processes idle for its time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def clock_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """time.monotonic() is what this process has used of a processor: others only hold it up."""
    monkeypatch.setattr(time, "monotonic", time.process_time)


@pytest.fixture(autouse=True)
def workers_are_forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets' processes are forks of one that has imported torch, where no GPU is: each would take over a
    second to start. Tests of that start are marked `starts_workers`."""
    import torch

    from persistent_topk.verify import start as starting

    if request.node.get_closest_marker("starts_workers") or torch.cuda.is_available():
        return

    def start(command: list[str], *, pass_fds: list[int], **_: object) -> forking.Program:
        return forking.Program(forking.forks_of(), command[1:], pass_fds=pass_fds)

    monkeypatch.setattr(starting, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start}))


@pytest.fixture
def device() -> str:
    """Where a test of any device puts its tensors; tests/gpu has its own."""
    return "cpu"


@pytest.fixture
def tests_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets of tests/shared are found by their names."""
    monkeypatch.syspath_prepend(SHARED)
