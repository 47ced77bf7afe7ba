"""A capture that fails, with a stand-in for the device: whose error is raised, and what is put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from persistent_topk.cuda.capture import capturing

OURS = SimpleNamespace(device=SimpleNamespace(index=1))
OF_THE_CAPTURE = object()


class Generator:
    """Of which a state in the middle of a capture has to be replaced."""

    state = "capturing"

    def clone_state(self) -> str:
        return "cloned"

    def graphsafe_set_state(self, state: str) -> None:
        self.state = state


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A capture that fails as torch's does where its body failed: by an error of its own at the end."""
    found = SimpleNamespace(stream=OURS, generators=[Generator(), Generator()], ends_with=None)

    @contextmanager
    def graph(graph: object, stream: object = None) -> Iterator[None]:
        found.stream = OF_THE_CAPTURE
        try:
            yield
        finally:
            if found.ends_with is not None:
                raise found.ends_with
            found.stream = OURS

    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: found.stream)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: setattr(found, "stream", stream))
    monkeypatch.setattr(torch.cuda, "default_generators", found.generators)
    return found


def test_the_bodys_error_is_raised_and_all_is_put_back(device: SimpleNamespace) -> None:
    device.ends_with = RuntimeError("failed due to a previous error")
    with pytest.raises(ValueError, match="of the body"), capturing(None):  # type: ignore[arg-type]
        raise ValueError("of the body")
    assert device.stream is OURS
    assert ["capturing", "cloned"] == [generator.state for generator in device.generators]


def test_an_error_of_the_captures_end_is_raised_as_it_is(device: SimpleNamespace) -> None:
    device.ends_with = RuntimeError("an empty graph")
    with pytest.raises(RuntimeError, match="an empty graph"), capturing(None):  # type: ignore[arg-type]
        pass
    assert device.stream is OURS


def test_a_capture_that_succeeds_changes_nothing(device: SimpleNamespace) -> None:
    with capturing(None):  # type: ignore[arg-type]
        pass
    assert device.stream is OURS
    assert {"capturing"} == {generator.state for generator in device.generators}
