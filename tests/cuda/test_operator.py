"""The operator as torch sees it: schema, fake tensors, compile, and errors before anything is launched."""

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

from persistent_topk import ops
from persistent_topk.cuda import gpu


def test_a_workspace_that_is_too_small_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, lengths, output, workspace, k = arguments("cpu")
    monkeypatch.setattr(gpu, "workspace_size", lambda *_: workspace.numel() + 1)
    with pytest.raises(
        ValueError, match=r"workspace has 256 bytes; expected at least workspace_size\(...\) = 257"
    ):
        torch.ops.persistent_topk.topk_out(logits, lengths, output, workspace, k)
    assert bool((output == -777).all()), "the output was written"


@pytest.mark.parametrize(("elsewhere", "name"), [(2, "output"), (3, "workspace")])
def test_a_tensor_on_another_device_is_named(elsewhere: int, name: str) -> None:
    given = list(arguments("cpu"))
    given[elsewhere] = given[elsewhere].to("meta")
    with pytest.raises(ValueError, match=f"{name} is on meta; expected cpu, where logits is"):
        ops.topk_out(*given)


def test_the_kernel_refuses_cpu_tensors() -> None:
    logits, lengths, _, _, k = arguments("cpu")
    with pytest.raises(ValueError, match="CUDA"):
        gpu.topk(logits, lengths, k)
