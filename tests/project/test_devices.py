"""Every tensor of ours names its device: a user's torch.set_default_device is for the user's tensors."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import wrong_topk
from places import ROOT

import persistent_topk
from persistent_topk.cuda import emulated
from persistent_topk.reference import indexer, oracle
from persistent_topk.reference import topk as model_topk
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.reporting.stages import value_of, walk
from persistent_topk.verify.targets import resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.target import Target

# What makes a tensor out of no other one, and therefore on the default device.
MAKERS = {
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "eye",
    "full",
    "linspace",
    "ones",
    "rand",
    "randint",
    "randn",
    "randperm",
    "scalar_tensor",
    "tensor",
    "zeros",
}
OURS = ("reference", "cuda", "verify", "bench", "commands", "tools")
Topk = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
ENTRIES = {
    "reference.topk": model_topk,
    "oracle.topk": oracle.topk,
    "emulated.topk": emulated.topk,
    "persistent_topk.topk": persistent_topk.topk,
}


@pytest.fixture
def default_device_is_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@pytest.mark.usefixtures("default_device_is_meta")
@pytest.mark.parametrize("columns", [3, 20000])
@pytest.mark.parametrize("name", ENTRIES)
def test_a_call_answers_whatever_the_default_device(name: str, columns: int) -> None:
    scores = np.arange(columns, dtype=np.float32)[None, :]
    lengths = torch.from_numpy(np.array([columns], np.int32))
    found = ENTRIES[name](torch.from_numpy(scores), lengths, 2)
    assert (found.dtype, found.device.type) == (torch.int32, "cpu")
    assert found.tolist() == [[columns - 2, columns - 1]]


def correct_on_cpu(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    with torch.device("cpu"):
        return wrong_topk.correct(logits, lengths, k)


@pytest.mark.usefixtures("default_device_is_meta")
@pytest.mark.parametrize("name", ["model", "emulator", "torch.topk", "function"])
def test_a_campaign_finds_nothing_whatever_the_default_device(name: str, tmp_path: Path) -> None:
    target: Target
    target = FunctionTarget("f", correct_on_cpu, CLAIMS["set"]) if name == "function" else resolve(name)
    target.prepare()
    try:
        outcome = Campaign([target], Options(seconds=None, cases=12, failures=tmp_path)).run()
    finally:
        target.close()
    assert outcome.targets[target.name].failing() == []
    assert 12 == outcome.coverage.cases and outcome.targets[target.name].properties["exact-set"].rows


@pytest.mark.usefixtures("default_device_is_meta")
def test_scores_and_pictures_of_a_row_too() -> None:
    logits, lengths = indexer.indexer_logits(rows=1, context=64)
    walked = walk(logits[0], int(lengths[0]), 4)
    assert "cpu" == walked.selected.device.type and 4 == len(walked.selected)
    assert value_of(0x80000000) == "0"


def makers_without_a_device(source: str) -> list[int]:
    """Lines on which a tensor is made on the default device."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr in MAKERS) == ("torch", True)
        and not any(keyword.arg == "device" for keyword in node.keywords)
    ]


def test_every_tensor_names_its_device() -> None:
    files = [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    assert files
    told = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        for line in makers_without_a_device(path.read_text())
    ]
    assert told == []


def test_one_that_does_not_is_seen() -> None:
    assert makers_without_a_device("import torch\na = torch.zeros(1)\nb = torch.ones(1, device='cpu')") == [2]
