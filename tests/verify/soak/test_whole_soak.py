"""Whole calls of the soak: a function of stage, seed and number, of every kind, judged to the bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from soak_fakes import HERE, KERNEL, TINY, FakeKernel

from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection
from persistent_topk.verify.soak import stage, whole
from persistent_topk.verify.soak.batches import make_batch
from persistent_topk.verify.soak.tally import Tally, merge

BATCHES = 160
ARGUMENTS = ("starts", "ends", "compress_ratio", "offsets", "page_table", "table_rows", "table_starts")


def call_of(number: int) -> Call:
    return whole.whole_call(make_batch(TINY, 3, number, "cpu"), random.Random(number))


def fresh() -> Tally:
    return Tally("short", 1, KERNEL, *HERE)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Selection], object]]:
    """A kernel that answers as the oracle does; a function in the list changes its answers."""
    changes: list[Callable[[Selection], object]] = []

    def launch(record: tuple[Call, Selection], logits: torch.Tensor) -> None:
        call, outputs = record
        options: dict[str, Any] = {
            name: getattr(call, name) for name in (*ARGUMENTS, "page_size", "index_dtype")
        }
        asked = {name: getattr(call, name) for name in ("return_values", "return_columns")}
        found = oracle.topk(logits, call.lengths, call.k, **options, **asked)
        found = found if isinstance(found, Selection) else Selection(found)
        for output, answer in zip(outputs, found, strict=True):
            if output is not None:
                output.copy_(answer)
        for change in changes:
            change(outputs)

    monkeypatch.setattr(whole.CallRecord, "of", lambda call, outputs: (call, outputs))
    monkeypatch.setattr(whole.calls, "launch_record", launch)
    return changes


def test_calls_are_the_same_for_the_same_number_and_of_every_kind() -> None:
    first, again = call_of(5), call_of(5)
    assert first.extras == again.extras and torch.equal(
        first.logits.view(torch.int8), again.logits.view(torch.int8)
    )
    calls = [call_of(number) for number in range(BATCHES)]
    extras = {name for call in calls for name in call.extras}
    beside = {"logits", "lengths", "page_size", "index_dtype", "return_values", "return_columns"}
    assert {*ARGUMENTS, *beside} == extras
    assert any(call.logits.storage_offset() % 4 for call in calls if call.logits.dtype != torch.float32)
    assert 3 == len({call.logits.dtype for call in calls})


def test_right_answers_agree_and_are_counted(kernel: list[Callable[[Selection], object]]) -> None:
    found = fresh()
    for number in range(40):
        whole.judge_whole(make_batch(TINY, 1, number, "cpu"), number, 1, found)
    assert 0 == found.wrong and found.whole_rows > 40 and [] == found.failures
    assert {"bfloat16 logits", "float16 logits", "starts", "page_table", "values", "int64 indices"} <= set(
        found.asked
    )
    total: Any = merge({Path("a"): found})["short"]
    assert (found.whole_rows, found.asked) == (total["whole_calls"], total["asked"])


@pytest.mark.parametrize("name", ["indices", "values", "columns"])
def test_a_changed_slot_is_told(name: str, kernel: list[Callable[[Selection], object]]) -> None:
    def change(outputs: Selection) -> None:
        output = getattr(outputs, name)
        if output is not None:
            output.view(torch.uint8)[-1, -1] ^= 1

    kernel.append(change)
    found = fresh()
    for number in range(20):
        whole.judge_whole(make_batch(TINY, 1, number, "cpu"), number, 1, found)
    assert found.whole_mismatches == found.wrong == len(found.failures) > 0
    assert "1 rows of a whole call wrong, first" in found.failures[0]


def test_what_is_not_written_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole.CallRecord, "of", lambda *_: None)
    monkeypatch.setattr(whole.calls, "launch_record", lambda *_: None)
    found = fresh()
    whole.judge_whole(make_batch(TINY, 1, 3, "cpu"), 3, 1, found)
    assert found.whole_rows == found.whole_mismatches > 0


def test_every_few_batches_are_put_as_whole_calls_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeKernel.in_place(monkeypatch)
    met: list[int] = []
    monkeypatch.setattr(stage, "judge_whole", lambda batch, number, seed, tally: met.append(number))
    done = stage.run_stage(TINY, 1, 300, 60, tmp_path / "short-1.json", device="cpu")
    assert list(range(0, done.next_batch, whole.WHOLE_EVERY)) == met
