"""The operator as torch sees it, on the device of the fixture `device`."""

from __future__ import annotations

import pytest
import torch

from persistent_topk import ops  # noqa: F401  registers the operators
from persistent_topk.reference import oracle


def arguments(device: str, rows: int = 3, columns: int = 300, k: int = 16) -> tuple:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(rows, columns, generator=generator).to(device)
    lengths = torch.tensor([columns, 5, 200], dtype=torch.int32, device=device)
    output = torch.full((rows, k), -777, dtype=torch.int32, device=device)
    workspace = torch.empty(256, dtype=torch.uint8, device=device)
    return logits, lengths, output, workspace, k


def test_the_operator_passes_opcheck(device: str) -> None:
    torch.library.opcheck(torch.ops.persistent_topk.topk_out, arguments(device))


def test_a_fully_compiled_function_calls_the_operator(device: str) -> None:
    logits, lengths, output, workspace, k = arguments(device)

    def select(scores: torch.Tensor) -> torch.Tensor:
        torch.ops.persistent_topk.topk_out(scores * 2, lengths, output, workspace, k)
        return output + 1

    backend = "inductor" if device == "cuda" else "aot_eager"  # inductor would need a C++ compile here
    found = torch.compile(select, fullgraph=True, backend=backend)(logits)
    assert torch.equal(oracle.topk((logits * 2).cpu(), lengths.cpu(), k) + 1, found.cpu())


@pytest.mark.parametrize(
    ("changed", "value", "words"),
    [
        (0, lambda a: a[0].double(), "logits"),
        (0, lambda a: a[0].t(), "logits"),
        (1, lambda a: a[1].long(), "lengths"),
        (1, lambda a: a[1][:2], "lengths"),
        (2, lambda a: a[2].long(), "output"),
        (2, lambda a: a[2][:, :3], "output"),
        (2, lambda a: a[2].t().contiguous().t(), "output"),
        (4, lambda a: 0, "k is 0"),
        (4, lambda a: 5000, "k is 5000"),
    ],
)
def test_wrong_arguments_are_named_before_a_launch(device: str, changed: int, value, words: str) -> None:
    given = list(arguments(device))
    given[changed] = value(given)
    with pytest.raises((TypeError, ValueError), match=words):
        torch.ops.persistent_topk.topk_out(*given)
    assert bool((given[2] == -777).all()), "the output was written"


def test_a_workspace_in_pieces_is_refused(device: str) -> None:
    logits, lengths, output, workspace, k = arguments(device)
    with pytest.raises(ValueError, match=r"workspace has strides \(2,\); expected a contiguous tensor"):
        torch.ops.persistent_topk.topk_out(logits, lengths, output, workspace[::2], k)
    assert bool((output == -777).all()), "the output was written"
