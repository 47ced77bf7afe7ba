"""docs/contract.md: every answer in it is what the oracle, the model and the page's own code compute."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable

import pytest
import torch
from places import ROOT

import persistent_topk
from persistent_topk.reference import oracle
from persistent_topk.reference.arguments import PADDING, check_arguments
from persistent_topk.reference.order import ordered_key
from persistent_topk.reference.policy import MAX_K

PAGE = (ROOT / "docs" / "contract.md").read_text()
SENTENCE = (
    "the min(k, n) columns that come first when columns 0 .. n-1 are ordered by value, greatest first, "
    "NaN above everything, equal values (NaN with NaN, +0 with -0) by lowest column first; written in "
    "ascending column order, then -1."
)


def table(comment: str) -> list[list[str]]:
    """The cells of the table below `<!-- comment -->`, without the two lines of its head."""
    block = PAGE.split(f"<!-- {comment} -->\n")[1].split("\n\n")[0]
    lines = block.split("\n")[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def code_of_page() -> Callable[[torch.Tensor, int, int], torch.Tensor]:
    names: dict[str, object] = {"torch": torch}
    match = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert match
    exec(match[1], names)
    return names["contract"]  # type: ignore[return-value]


def test_page_and_docstrings_state_the_same_sentence() -> None:
    assert SENTENCE in PAGE
    for function in (persistent_topk.topk, oracle.topk):
        assert SENTENCE in re.sub(r"\s+", " ", str(function.__doc__))


@pytest.mark.parametrize("cells", table("corners"), ids=lambda cells: cells[0])
def test_corner(cells: list[str]) -> None:
    _, row, length, k, answer = cells
    expected = [int(column) for column in numbers(answer)]
    logits, lengths = torch.tensor([numbers(row)]), torch.tensor([int(length)], dtype=torch.int32)
    assert [expected] == oracle.topk(logits, lengths, int(k)).tolist()
    assert [expected] == persistent_topk.topk(logits, lengths, int(k)).tolist()
    assert expected == code_of_page()(logits[0], int(length), int(k)).tolist()


def arguments_of(text: str) -> dict[str, object]:
    """The arguments of a call as the page writes them: lists of int32, numbers, None."""
    call = ast.parse(f"topk({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return {
        str(name): torch.tensor(value, dtype=torch.int32) if isinstance(value, list) else value
        for name, value in values.items()
    }


@pytest.mark.parametrize("cells", table("windows and places"), ids=lambda cells: cells[0])
def test_window_and_place(cells: list[str]) -> None:
    _, arguments, answer = cells
    row, k = re.search(r"one row of logits `([\d, ]+)`, with k = (\d+)", PAGE).groups()  # type: ignore[union-attr]
    call = {"logits": torch.tensor([numbers(row)]), "k": int(k), **arguments_of(arguments)}
    expected = [[int(place) for place in numbers(answer)]]
    assert expected == oracle.topk(**call).tolist()
    assert expected == persistent_topk.topk(**call).tolist()


def test_every_argument_of_a_call_is_on_the_page() -> None:
    names = inspect.signature(persistent_topk.topk).parameters
    tables = " ".join(re.findall(r"^\|(.*?)\|", PAGE, flags=re.MULTILINE))
    assert [] == [name for name in names if f"`{name}`" not in tables]


def test_worked_example() -> None:
    rows = table("worked example: k = 5")
    values = torch.tensor([float(value) for _, value, *_ in rows])
    keys = ordered_key(values)
    order = torch.sort(keys, descending=True, stable=True).indices
    place = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order)))
    expected = [
        [str(column), rows[column][1], f"0x{int(keys[column]):08X}", str(at), "yes" if at < 5 else ""]
        for column, at in enumerate(place.tolist())
    ]
    assert expected == rows
    selected = [column for column, at in enumerate(place.tolist()) if at < 5]
    assert f"The answer is `{selected}`" in PAGE
    lengths = torch.tensor([len(rows)], dtype=torch.int32)
    assert [selected] == persistent_topk.topk(values[None], lengths, 5).tolist()


def test_signs_that_must_not_matter_are_in_the_worked_example() -> None:
    values = [float(value) for _, value, *_ in table("worked example: k = 5")]
    bits = torch.tensor(values).view(torch.int32)
    nan = torch.tensor(values).isnan()
    assert set((bits[nan] < 0).tolist()) == {False, True}
    zero = torch.tensor(values) == 0
    assert set((bits[zero] < 0).tolist()) == {False, True}


def test_limits_that_the_page_names() -> None:
    assert f"1 .. {MAX_K}" in PAGE and f"then {PADDING}" in PAGE
    check_arguments(torch.zeros(0, 0), torch.zeros(0, dtype=torch.int32), MAX_K)
    with pytest.raises(ValueError, match=f"k is {MAX_K + 1}; expected 1 to {MAX_K}"):
        check_arguments(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int32), MAX_K + 1)
