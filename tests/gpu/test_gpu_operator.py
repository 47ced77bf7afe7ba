"""The operator on a GPU: as torch sees it, and what it must not do."""

from __future__ import annotations

import pytest
import torch
from operator_on_a_device import (  # noqa: F401  tests of any device
    arguments,
    test_a_fully_compiled_function_calls_the_operator,
    test_a_workspace_in_pieces_is_refused,
    test_the_operator_passes_opcheck,
    test_wrong_arguments_are_named_before_a_launch,
)


@pytest.mark.parametrize(("elsewhere", "name"), [(1, "lengths"), (2, "output"), (3, "workspace")])
def test_a_tensor_that_is_not_on_the_gpu_is_named(elsewhere: int, name: str) -> None:
    given = list(arguments("cuda"))
    given[elsewhere] = given[elsewhere].cpu()
    with pytest.raises(ValueError, match=f"{name} is on .*cpu; expected cuda:0"):
        torch.ops.persistent_topk.topk_out(*given)


def test_the_operator_allocates_nothing() -> None:
    given = arguments("cuda")
    torch.ops.persistent_topk.topk_out(*given)
    torch.cuda.synchronize()
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    torch.ops.persistent_topk.topk_out(*given)
    assert before == torch.cuda.memory_stats()["allocation.all.allocated"]
