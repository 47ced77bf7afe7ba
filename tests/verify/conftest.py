"""What tests of several folders of the checker start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget


@pytest.fixture
def isolated(request: pytest.FixtureRequest, tests_are_importable: None) -> Iterator[IsolatedTarget]:
    """The function of stateful_topk.py that the test's parameter names, in a process of its own."""
    target = IsolatedTarget(FunctionTarget(f"stateful_topk:{request.param}"))
    target.prepare()
    yield target
    target.close()
