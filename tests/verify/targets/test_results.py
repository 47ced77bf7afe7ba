"""What a function may return for a top-k: indices, or a pair with them, of torch or numpy."""

from __future__ import annotations

from collections.abc import Callable

import limited_topk
import numpy as np
import pytest
import torch

from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import TargetFailure
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.results import indices_in
from persistent_topk.verify.targets.target import POISONS

CPU = torch.device("cpu")
CASE = lay_out([bits_of(np.array([1.0, 3.0, 2.0])), bits_of(np.array([5.0]))], 2)


@pytest.mark.parametrize(
    "function",
    [
        limited_topk.right,
        limited_topk.values_and_indices,
        limited_topk.indices_and_values,
        limited_topk.an_array,
        limited_topk.an_array_of_64_bits,
    ],
    ids=lambda function: function.__name__,
)
def test_the_indices_are_found(function: Callable[..., torch.Tensor]) -> None:
    target = FunctionTarget("mine", function)
    answer = target.call(CASE, POISONS[0], "").indices
    assert np.int64 == answer.dtype
    assert [[1, 2], [0, -1]] == answer.tolist()


def test_torchs_own_pair_is_one() -> None:
    found = torch.topk(torch.tensor([[1.0, 3.0, 2.0]]), 2)
    assert [[1, 2]] == indices_in(found, 1, 2, CPU).tolist()


VALUES, INDICES = torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.int32)
WRONG: dict[str, tuple[object, str]] = {
    "two of indices": ((INDICES, INDICES), "wrong type: returned (torch.int32, torch.int32); expected"),
    "three": ((INDICES, VALUES, VALUES), "wrong type: returned (torch.int32, torch.float32, torch.float32)"),
    "no indices": ((VALUES, VALUES), "expected indices, (values, indices) or (indices, values)"),
    "a list of numbers": ([[1, 2]], "wrong type: returned (list)"),
    "an array of floats": (np.zeros((1, 2)), "wrong dtype: returned torch.float64"),
    "an array of words": (np.array([["a", "b"]]), "wrong dtype: returned <U1; expected int32 or int64"),
    "another shape in a pair": ((VALUES, INDICES[:, :1]), "wrong shape: returned shape [1, 1]"),
    "elsewhere in a pair": ((VALUES, INDICES.to("meta")), "wrong device: returned a tensor on meta"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_is_told(name: str) -> None:
    found, words = WRONG[name]
    with pytest.raises(TargetFailure) as failure:
        indices_in(found, 1, 2, CPU)
    assert words in str(failure.value)
