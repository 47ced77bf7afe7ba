"""The engines' calls on a CPU: the model answers, then the emulated kernel."""

from __future__ import annotations

import pytest
import torch
from engine_oracle import Draws
from flashinfer_calls import *  # noqa: F403  tests of any device
from sglang_calls import *  # noqa: F403  tests of any device
from trtllm_calls import *  # noqa: F403  tests of any device
from vllm_calls import *  # noqa: F403  tests of any device

from persistent_topk import ops
from persistent_topk.cuda import emulated
from persistent_topk.cuda.engines import flashinfer, vllm
from persistent_topk.reference.call import Call, Selection


def emulated_selection(call: Call) -> Selection:
    found = emulated.topk(**vars(call))
    return found if isinstance(found, Selection) else Selection(found)


@pytest.fixture
def draws() -> Draws:
    return Draws.on("cpu")


@pytest.fixture(params=["model", "emulator"], autouse=True)
def answers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "emulator":
        monkeypatch.setattr(ops, "selected_on_cpu", emulated_selection)


def test_order_by_value_is_not_here() -> None:
    with pytest.raises(NotImplementedError, match="top_k: sorted is True; expected False"):
        flashinfer.top_k(torch.zeros(1, 4), 2, sorted=True)


@pytest.mark.parametrize("call", ["top_k", "top_k_page_table_transform", "top_k_ragged_transform"])
def test_ties_to_the_highest_column_are_not_here(call: str) -> None:
    scores, lengths = torch.zeros(1, 4), torch.tensor([4], dtype=torch.int32)
    between = {"top_k": (), "top_k_page_table_transform": (lengths[None], lengths)}
    given = (scores, *between.get(call, (lengths, lengths)), 2)
    with pytest.raises(NotImplementedError, match=f"{call}: tie_break is .*expected NONE or SMALL"):
        getattr(flashinfer, call)(*given, tie_break=flashinfer.TopKTieBreak.LARGE)


def test_columns_apart_are_not_here() -> None:
    logits, lengths = torch.zeros(4, 3).t(), torch.tensor([4] * 3, dtype=torch.int32)
    with pytest.raises(NotImplementedError, match="stride1 is 3; expected 1"):
        vllm.top_k_per_row_decode(logits, 1, lengths, torch.zeros(3, 2, dtype=torch.int32), 3, 1, 3, 2)


def test_a_stride_of_another_tensor_is_named() -> None:
    logits, lengths = torch.zeros(3, 4), torch.tensor([4] * 3, dtype=torch.int32)
    with pytest.raises(ValueError, match="stride0 is 8; expected 4"):
        vllm.top_k_per_row_prefill(logits, lengths, lengths, torch.zeros(3, 2, dtype=torch.int32), 3, 8, 1, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"row_starts": 1, "next_n": 1}, "next_n is given with row_starts"),
        ({"row_starts": 1, "compress_ratio": 4}, "compress_ratio is given with row_starts"),
        ({"row_starts": 1, "pre_idx": 1}, "pre_idx is given with row_starts"),
        ({"row_starts": 1, "page_table": 1}, "page_table is given with row_starts"),
        ({"page_size": 1}, "page_size is 1 without page_table"),
        ({"absolute_indices": True}, "absolute_indices is True without row_starts"),
        ({"max_window_len": 9}, "max_window_len is 9 without row_starts"),
        ({"backend": "cub"}, "backend is 'cub'; expected one of radix"),
    ],
)
def test_flashinfers_modes_do_not_mix(given: dict, words: str) -> None:
    one = torch.tensor([1], dtype=torch.int32)
    tensors = {"row_starts", "pre_idx", "page_table"}
    options = {name: one if name in tensors else value for name, value in given.items()}
    with pytest.raises(ValueError, match=words):
        flashinfer.top_k_varlen(torch.zeros(1, 4), one, 2, **options)


def test_pages_of_several_columns_need_a_start_in_pages() -> None:
    one = torch.tensor([1], dtype=torch.int32)
    with pytest.raises(
        ValueError, match="page_size is 2 and row_starts given; expected page_table_row_starts"
    ):
        flashinfer.top_k_page_table_transform(
            torch.zeros(1, 4), one[None], one, 2, row_starts=one, page_size=2
        )
