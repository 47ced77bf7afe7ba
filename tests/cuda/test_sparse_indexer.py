"""The engine's layer around the operator: mixed batches, shared workspace, compile."""

from __future__ import annotations

import pytest
import torch
from indexer_on_a_device import (  # noqa: F401  tests of any device
    CONTEXT,
    CONTEXTS,
    QUERY_START,
    ROWS,
    K,
    expected,
    model,
    step,
    test_a_compiled_layer_selects_the_same,
    test_a_first_call_that_is_compiled_allocates_nothing_and_is_compiled_once,
    test_layers_share_a_workspace_and_are_right,
    test_vllms_argument_order_takes_the_longest_length_as_a_hint_only,
    test_without_sequences_no_row_sees_a_column,
)

from persistent_topk.cuda import gpu
from persistent_topk.cuda.sparse_indexer import (
    SparseIndexer,
    WorkspaceManager,
    causal_lengths,
    persistent_topk,
)


def test_each_row_sees_the_columns_up_to_its_own_position() -> None:
    _, lengths = step("cpu", 0)
    assert [1500, 40, 700, 896, 897, 898, 899, 900, 0, 0] == lengths.tolist()


def test_starts_of_another_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="query_start has 5 entries; expected 4, one more"):
        causal_lengths(torch.tensor(QUERY_START), torch.tensor(CONTEXTS[1:]), ROWS)


def test_lengths_that_are_not_one_behind_the_other_are_refused() -> None:
    output = torch.empty(6, K, dtype=torch.int32)
    lengths = torch.zeros(3, 2, dtype=torch.int32).T
    with pytest.raises(ValueError, match=r"lengths has shape \[2, 3\] and strides \(1, 2\)"):
        persistent_topk(torch.zeros(6, 100), lengths, output, torch.empty(1), K, 100)


def test_a_workspace_grows_with_the_layers_until_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = WorkspaceManager("cpu")
    with pytest.raises(RuntimeError, match="no workspace on cpu"):
        manager.workspace()
    monkeypatch.setattr(gpu, "workspace_size", lambda rows, *_: rows)
    for rows in (4, 9, 2):
        manager.reserve(rows, 100, 8)
    assert 9 == manager.workspace().numel()
    manager.reserve(9, 100, 8)
    with pytest.raises(RuntimeError, match="of 9 bytes is in use and 10 are asked for"):
        manager.reserve(10, 100, 8)


def test_cuda_is_the_device_that_is_current_at_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert torch.device("cuda", 3) == WorkspaceManager("cuda").device
    assert torch.device("cuda", 1) == WorkspaceManager("cuda:1").device


@pytest.mark.parametrize(("rows", "columns", "word"), [(ROWS + 1, 9, "rows"), (1, CONTEXT + 1, "columns")])
def test_larger_steps_than_planned_are_refused(rows: int, columns: int, word: str) -> None:
    with pytest.raises(ValueError, match=f"{word}; expected at most max_{word} = "):
        model("cpu", 1)[0](torch.zeros(rows, columns), torch.zeros(rows, dtype=torch.int32))


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (5000, ValueError), (2.0, TypeError)])
def test_a_layer_is_not_built_for_a_k_that_no_call_can_have(k: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"k is {k}"):
        SparseIndexer(k, ROWS, CONTEXT, WorkspaceManager("cpu"))
