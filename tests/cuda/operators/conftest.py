"""The C++ operators, loaded once a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from operators_in_cpp import NAMESPACE, InCpp, Kernel, skip_unless_it_compiles


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> InCpp:
    skip_unless_it_compiles()
    return InCpp(tmp_path_factory.mktemp("operators"), NAMESPACE, Kernel())


@pytest.fixture
def in_cpp(loaded: InCpp) -> Iterator[InCpp]:
    loaded.kernel.calls.clear()
    loaded.kernel.needs = loaded.kernel.fails = 0
    yield loaded
    loaded.kernel.needs = loaded.kernel.fails = 0
