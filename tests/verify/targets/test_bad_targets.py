"""Targets that are no top-k: each is told in one clear line, and the campaign goes on with the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign import budget
from persistent_topk.verify.targets import isolated

LITTLE_MEMORY = 450 << 20  # bytes; torch alone takes half of it

# What breaks exact-set, and how that is told.
BROKEN = {
    "wrong_shape": "wrong shape: returned shape [1, 7]; expected [1, 8]",
    "wrong_dtype": "wrong dtype: returned torch.float32; expected torch.int32 or torch.int64",
    "wrong_device": "wrong device: returned a tensor on meta; expected cpu",
    "returns_nothing": "wrong type: returned NoneType; expected a torch.Tensor",
    "raises": "raised: RuntimeError: no kernel for this shape",
    "exits": "exit: called exit(0)",
    "leaves": "crash: exited with status 0",
    "takes_all_memory": "raised: RuntimeError: ",
}
FAULT = "layout-independent cost its process 3 times and was measured no more"
FINE = ("chatters", "forks", "leaks")


def run(names: tuple[str, ...], cases: str, folder: Path) -> Result:
    targets = [word for name in names for word in ("--target", f"bad_topk:{name}")]
    budget = ["--cases", cases, "--family", "contents", "--k", "8", "--claim", "set"]
    return CliRunner().invoke(
        group, ["verify", *targets, *budget, "--failures", str(folder)], standalone_mode=False
    )


pytestmark = pytest.mark.usefixtures("tests_are_importable")


@pytest.mark.slow
def test_each_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SHRINK_SECONDS", 0.1)
    found = run(tuple(BROKEN), "1", tmp_path)
    assert found.return_value == ExitCode.MISMATCH, found.output
    assert "Traceback" not in found.output and "advice" not in found.output
    for name, words in BROKEN.items():
        story = found.output.split(f"bad_topk:{name} breaks exact-set\n")[1].split("\n  case:")[0]
        assert words.split("[1")[0] in " ".join(story.split()), story
        assert len(story) < 300


@pytest.mark.starts_workers  # what a process is counted to hold depends on how it is started
def test_noise_forks_and_leaks_are_no_mismatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MOST_RESIDENT_BYTES", LITTLE_MEMORY)
    of_the_checker = torch.ones(LITTLE_MEMORY, dtype=torch.uint8)
    found = run(FINE, "2", tmp_path)
    # Two cases of one family judge too little to agree; nothing is broken, and nothing was printed through.
    assert found.return_value == ExitCode.INCOMPLETE, found.output
    assert "breaks" not in found.output and "xxxx" not in found.output
    assert "bad_topk:leaks: its process grew to " in found.output
    assert "a leak?" in found.output and 1 == found.output.count("its process grew to")
    assert len(of_the_checker) == LITTLE_MEMORY


def test_a_fault_of_one_layout_is_held_against_the_layout_and_soon_left_out(tmp_path: Path) -> None:
    target, found = "wrong_topk:faults_on_odd_addresses", tmp_path / "found.json"
    cases = ["--family", "layouts", "--cases", "12", "--k", "8"]
    files = ["--failures", str(tmp_path), "--json", str(found)]
    told = CliRunner().invoke(group, ["verify", "--target", target, *cases, *files], standalone_mode=False)
    assert told.return_value == ExitCode.MISMATCH, told.output
    result = json.loads(found.read_text())["targets"][target]
    verdicts = {name: item["verdict"] for name, item in result["properties"].items()}
    assert [name for name, verdict in verdicts.items() if verdict == "fails"] == ["layout-independent"]
    assert verdicts["exact-set"] == "holds" and result["notes"] == [FAULT]
    assert result["properties"]["exact-set"]["cases"] > 5
