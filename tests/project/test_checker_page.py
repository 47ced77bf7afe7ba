"""docs/checker.md says of properties, exit codes and adapters what the code does."""

from __future__ import annotations

import pytest
from places import ROOT

from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.properties import OF_WHOLE_CALLS, PROPERTIES, SHARD_INDEPENDENT, Property
from persistent_topk.verify.targets import ADAPTERS

PAGE = (ROOT / "docs" / "checker.md").read_text()


@pytest.mark.parametrize(
    "item", [*PROPERTIES, *OF_WHOLE_CALLS, SHARD_INDEPENDENT], ids=lambda item: item.name
)
def test_every_property_is_explained_in_its_own_words(item: Property) -> None:
    assert f"| `{item.name}` | {item.promise} |" in PAGE


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_listed(code: ExitCode) -> None:
    assert f"\n| {int(code)} | " in PAGE


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_is_listed(name: str) -> None:
    assert f"`{name}`" in PAGE
