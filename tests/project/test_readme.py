"""What README.md and the tutorial for engines show is run, and prints what they show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from clocks import HANG_SECONDS
from places import ROOT

from persistent_topk.commands.cli import CommandFiles
from persistent_topk.exit_code import ExitCode
from persistent_topk.reference import oracle
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

README = (ROOT / "README.md").read_text(encoding="utf-8")
TUTORIALS = ROOT / "docs" / "tutorials"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
OWN_KERNEL, CALL, ORACLE = PYTHON.findall(README)
WHOLE_CALLS, OPERATOR, LAYERS = PYTHON.findall((TUTORIALS / "call-it-from-an-engine.md").read_text())
PICTURE = ROOT / "docs" / "pictures" / "beside-others.png"
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


def test_the_tutorial_has_the_same_kernel() -> None:
    first = PYTHON.findall((TUTORIALS / "check-your-kernel.md").read_text())[0]
    assert OWN_KERNEL.removeprefix("# my_kernel.py\n") == first


def test_its_command_tells_the_story_that_it_shows(tmp_path: Path) -> None:
    (tmp_path / "my_kernel.py").write_text(OWN_KERNEL)
    (story,) = re.findall(r"```\n(my_kernel:topk breaks .*?)```", README, re.DOTALL)
    (words,) = re.findall(r"^    persistent-topk (verify .*)$", README, re.MULTILINE)
    command = [sys.executable, "-m", "persistent_topk.commands.entry", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert ExitCode.MISMATCH == done.returncode, done.stderr
    assert story in done.stdout


def test_its_call_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    exec(CALL, {})
    assert capsys.readouterr().out in README


def test_its_walk_begins_as_it_shows(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```\n(1\. dispatch.*?) +\.\.\.\n```", README, re.DOTALL)
    (words,) = re.findall(r"^    persistent-topk (explain .*) --plot row.png$", README, re.MULTILINE)
    command = [sys.executable, "-m", "persistent_topk.commands.entry", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert shown.split() == done.stdout.split()[: len(shown.split())]


def test_its_picture_is_of_todays_table() -> None:
    pytest.importorskip("matplotlib")
    from persistent_topk.docs.pictures import draw

    assert draw.digest().encode() in PICTURE.read_bytes(), (
        "draw it again: python -m persistent_topk.docs.pictures.draw"
    )
    calls = draw.read_calls()
    ahead = {kind: [call.ours < call.other for call in calls if call.kind == kind] for kind in draw.TITLES}
    equal, engine = ahead["equal"], ahead["engine"]
    most = max(call.ours / call.other for call in calls)
    words = (
        f"Ahead in {sum(equal)} of {len(equal)} calls of equal rows and in {sum(engine)} of {len(engine)} "
        f"calls of uneven ones; behind in {len(calls) - sum(equal) - sum(engine)}, by up to {most:.2f}"
    )
    assert words in re.sub(r"\s+", " ", README)


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
