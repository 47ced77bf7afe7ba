"""What README.md shows is run: its oracle, its wrong kernel, its operator, its layers, its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from places import ROOT

from persistent_topk.commands.cli import CommandFiles
from persistent_topk.reference import oracle
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

README = (ROOT / "README.md").read_text(encoding="utf-8")
ORACLE, OWN_KERNEL, WHOLE_CALLS, OPERATOR, LAYERS = re.findall(
    r"```python\n(.*?)```", README, flags=re.DOTALL
)
SPECIALS = [float("nan"), float("-inf"), float("inf"), 0.0, -0.0, 1.0, 1.0, -1e-45]


@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_its_three_lines_are_the_contract(n: int) -> None:
    row = torch.tensor(SPECIALS * 5)
    found: dict[str, object] = {"torch": torch, "row": row, "n": n, "k": 7}
    exec(ORACLE, found)
    expected = oracle.topk(row[None], torch.tensor([n], dtype=torch.int32), 7)[0]
    assert torch.equal(expected, found["expected"])


def test_its_kernel_fails_as_it_says(tmp_path: Path) -> None:
    found: dict[str, object] = {}
    exec(OWN_KERNEL, found)
    target = FunctionTarget("my_kernel:topk", found["topk"], CLAIMS["set"])
    options = Options(cases=80, failures=tmp_path)
    assert "exact-set" in Campaign([target], options).run().targets[target.name].failing()


def test_its_whole_calls_select() -> None:
    found: dict[str, torch.Tensor] = {}
    exec(WHOLE_CALLS.replace('"cuda"', '"cpu"').replace("64, 131072, 2048", "4, 640, 40"), found)
    logits, lengths, starts, ends = (found[name] for name in ("logits", "lengths", "starts", "ends"))
    selected, in_window, places = (found[name].tolist() for name in ("selected", "in_window", "places"))
    for row in range(4):
        first = oracle.first_columns(logits[row, : lengths[row]].float(), 40).tolist()
        assert first == selected[row][: len(first)]
        pages = found["pages"][row].tolist()
        assert [pages[column // 64] * 64 + column % 64 for column in first] == places[row][: len(first)]
        window = logits[row, starts[row] : ends[row]]
        first = oracle.first_columns(window.float(), 40).tolist()
        assert first == in_window[row][: len(first)]
        assert window[first].tolist() == found["values"][row, : len(first)].tolist()
    assert 0 < int((ends > starts).sum())


def test_its_call_of_the_operator_selects() -> None:
    found: dict[str, object] = {}
    exec(OPERATOR.replace('"cuda"', '"cpu"').replace("64, 131072, 2048", "3, 600, 40"), found)
    assert torch.equal(oracle.topk(found["logits"], found["lengths"], 40), found["output"])


def test_its_layer_selects_what_the_one_before_it_does_and_no_hidden_column() -> None:
    found: dict[str, object] = {}
    exec(LAYERS.replace('"cuda"', '"cpu"').replace("2048", "40"), found)
    scores = torch.randn(4, 600, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([600, 40, 333, 7], dtype=torch.int32)
    before = found["Before"]()(scores, lengths).int().sort(dim=1).values
    for layer in found["layers"]:
        after = layer(scores, lengths)
        assert torch.equal(before[:3], after[:3])
        assert [*range(7), *[-1] * 33] == after[3].tolist()


def test_its_commands_exist() -> None:
    known = CommandFiles().list_commands(None)
    assert set(re.findall(r"`persistent-topk ([a-z]+)", README)) <= set(known)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"verify", "test"} <= set(re.findall(r"(?:    |`)make ([a-z-]+)", README)) <= set(targets)
