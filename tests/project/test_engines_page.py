"""What docs/engines.md shows is run, and the calls that it lists are there."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
import torch
from places import ROOT

from persistent_topk import ops
from persistent_topk.reference import oracle

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
DECODE, PREFILL, INVARIANCE = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
ENGINES = ("vllm", "sglang", "flashinfer", "trtllm")
SMALL = (("64, 131072, 2048", "64, 640, 24"), ("20000", "300"), ("2048", "24"), ('"cuda"', '"cpu"'))


def engine(name: str) -> object:
    return importlib.import_module(f"persistent_topk.cuda.engines.{name}")


def run(code: str) -> dict[str, torch.Tensor]:
    for large, small in SMALL:
        code = code.replace(large, small)
    found: dict[str, torch.Tensor] = {}
    exec(code, found)
    return found


def test_its_decode_step_selects() -> None:
    found = run(DECODE)
    assert torch.equal(oracle.topk(found["logits"], found["lengths"], 24), found["indices"])


def test_its_prefill_selects_within_windows() -> None:
    found = run(PREFILL)
    wanted = oracle.topk(found["logits"], None, 24, starts=found["starts"], ends=found["ends"])
    assert torch.equal(wanted, found["indices"])


def test_its_tests_pass() -> None:
    run(INVARIANCE)


def test_its_calls_are_there_and_no_others() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", PAGE, flags=re.MULTILINE)
    told = {(module, call) for module, calls in rows for call in re.findall(r"`(\w+)`", calls)}
    there = {
        (name, call)
        for name in ENGINES
        for call, found in inspect.getmembers(engine(name), inspect.isfunction)
        if found.__module__ == engine(name).__name__ and not call.startswith("_") and call != "topk"
    }
    assert there == told


def test_what_it_says_is_not_read_is_an_argument() -> None:
    arguments = {
        argument
        for name in ENGINES
        for _, found in inspect.getmembers(engine(name), inspect.isfunction)
        for argument in inspect.signature(found).parameters
    }
    section = PAGE.partition("Accepted and not read")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", section)) - {"top_k_varlen"}
    assert len(named) > 10 and named <= arguments


@pytest.mark.parametrize("operator", ops.SCHEMAS)
def test_its_operators_have_the_arguments_of_their_schemas(operator: str) -> None:
    (shown,) = re.findall(rf"`{operator}\((.*?)\)` \|", PAGE)
    schema = re.findall(r"(\w+)(?:=\w+)?(?:,|\))", ops.SCHEMAS[operator].partition(" ->")[0])
    dots = re.findall(r"(\w+)(?:=\w+)?(?:,|$)", ops.WHERE)
    given = [name for word in shown.split(", ") for name in (dots if word == "..." else [word])]
    assert schema == given
