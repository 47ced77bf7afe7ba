"""What the kernel does not take is refused by its name, on every way to it, and never ignored."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from persistent_topk.cuda import emulated, gpu
from persistent_topk.cuda.plain import require_plain
from persistent_topk.reference.call import Call

LOGITS, ENTRIES = torch.zeros(2, 8), torch.full((2,), 8, dtype=torch.int32)
TABLE = torch.zeros(2, 4, dtype=torch.int32)
MORE: list[tuple[dict[str, Any], str]] = [
    ({"logits": LOGITS.bfloat16()}, r"logits is torch.bfloat16 \[2, 8\]"),
    ({"logits": LOGITS.half()}, r"logits is torch.float16 \[2, 8\]"),
    ({"lengths": None}, "lengths is None"),
    ({"lengths": ENTRIES[None]}, r"lengths is torch.int32 \[1, 2\]"),
    ({"starts": ENTRIES}, r"starts is torch.int32 \[2\]"),
    ({"lengths": None, "ends": ENTRIES}, "lengths is None"),
    ({"lengths": ENTRIES[:1], "queries": 2}, "queries is 2"),
    ({"compress_ratio": 4}, "compress_ratio is 4"),
    ({"offsets": ENTRIES}, r"offsets is torch.int32 \[2\]"),
    ({"page_table": TABLE, "page_size": 2}, r"page_table is torch.int32 \[2, 4\]"),
    ({"return_values": True}, "return_values is True"),
    ({"return_columns": True}, "return_columns is True"),
    ({"index_dtype": torch.int64}, "index_dtype is torch.int64"),
]
WAYS = {
    "emulated.topk": emulated.topk,
    "emulated.run": emulated.run,
    "gpu.topk": gpu.topk,
    "require_plain": lambda **arguments: require_plain(Call(**arguments)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("change", "words"), MORE, ids=[words for _, words in MORE])
def test_more_than_a_plain_call_is_refused(way: str, change: dict[str, Any], words: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{words}, which the kernel does not take; expected"):
        WAYS[way](**{"logits": LOGITS, "lengths": ENTRIES, "k": 3, **change})


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_right_is_refused_before(way: str) -> None:
    with pytest.raises(ValueError, match="ends is given with lengths"):
        WAYS[way](logits=LOGITS, lengths=ENTRIES, k=3, ends=ENTRIES)


def test_a_plain_call_is_taken() -> None:
    require_plain(Call(LOGITS, ENTRIES, 3))
