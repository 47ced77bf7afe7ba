"""Where the logits lie must not matter: alignment, strides, views, rows beyond 2^32 elements."""

from __future__ import annotations

import pytest
import torch
from gpu_calls import guarded_topk

from persistent_topk.cuda import gpu
from persistent_topk.reference import oracle

WIDTHS = [1000, 8191, 33333, 140001]
GIB = 1 << 30


def scores(rows: int, columns: int) -> torch.Tensor:
    generator = torch.Generator(device="cuda").manual_seed(columns)
    return torch.randn(rows, columns, generator=generator, device="cuda").mul_(100).round_()


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("offset", [1, 2, 3, 5, 31])
def test_misaligned_bases_and_odd_strides_change_nothing(columns: int, offset: int) -> None:
    rows, k = 5, 600
    logits = scores(rows, columns)
    lengths = torch.tensor([columns, 1, columns - 1, 700, columns // 2], dtype=torch.int32, device="cuda")
    stride = columns + offset
    storage = torch.full((offset + rows * stride + 64,), torch.nan, device="cuda")
    view = torch.as_strided(storage, (rows, columns), (stride, 1), offset)
    view.copy_(logits)
    assert torch.equal(oracle.topk(logits, lengths, k), guarded_topk(view, lengths, k))


@pytest.mark.parametrize("columns", WIDTHS)
def test_column_views_of_a_wider_tensor_change_nothing(columns: int) -> None:
    wide = scores(6, columns + 50)
    view = wide[:, 17 : 17 + columns]
    lengths = torch.full((6,), columns + 33, dtype=torch.int32, device="cuda")
    found = guarded_topk(view, lengths, 512)
    assert torch.equal(oracle.topk(view.contiguous(), lengths, 512), found)


def test_rows_that_share_memory_are_read_alike() -> None:
    row = scores(1, 50000)
    view = row.expand(40, -1)
    lengths = torch.full((40,), 50000, dtype=torch.int32, device="cuda")
    found = guarded_topk(view, lengths, 2048)
    assert torch.equal(oracle.topk(row, lengths[:1], 2048).expand(40, -1), found)


@pytest.mark.parametrize("columns", WIDTHS)
def test_what_lies_beyond_a_row_is_never_selected(columns: int) -> None:
    logits = scores(4, columns)
    lengths = torch.tensor([columns // 3, 513, columns - 1, 0], dtype=torch.int32, device="cuda")
    expected = oracle.topk(logits, lengths, 512)
    for fill in (torch.nan, torch.inf, 1e30, -torch.inf):
        for row, length in enumerate(lengths.tolist()):
            logits[row, length:] = fill
        assert torch.equal(expected, guarded_topk(logits, lengths, 512))


def test_inputs_are_left_as_they_were() -> None:
    logits = scores(9, 100000)
    lengths = torch.randint(-5, 100020, (9,), dtype=torch.int32, device="cuda")
    before = logits.clone(), lengths.clone()
    gpu.topk(logits, lengths, 2048)
    assert torch.equal(before[0], logits) and torch.equal(before[1], lengths)


def test_a_row_does_not_depend_on_its_batch() -> None:
    logits = scores(300, 40000)
    lengths = torch.full((300,), 40000, dtype=torch.int32, device="cuda")
    together = gpu.topk(logits, lengths, 2048)
    for row in (0, 1, 131, 299):
        alone = gpu.topk(logits[row : row + 1], lengths[row : row + 1], 2048)
        assert torch.equal(together[row : row + 1], alone)


@pytest.mark.parametrize(("rows", "stride", "columns"), [(32769, 131072, 512), (5, GIB + 3, 70000)])
def test_rows_beyond_two_to_the_32_elements_are_found(rows: int, stride: int, columns: int) -> None:
    elements = (rows - 1) * stride + columns
    assert elements > 1 << 32
    if torch.cuda.mem_get_info()[0] < 4 * elements + 2 * GIB:
        pytest.skip(f"needs {4 * elements / GIB:.0f} GiB of free GPU memory")
    storage = torch.empty(elements, device="cuda")
    view = torch.as_strided(storage, (rows, columns), (stride, 1))
    for first in range(0, rows, 1024):
        part = view[first : first + 1024]
        part.copy_(scores(part.shape[0], columns) + first % 7)
    lengths = torch.full((rows,), columns, dtype=torch.int32, device="cuda")
    found = guarded_topk(view, lengths, 64)
    for first in range(0, rows, 1024):
        part = slice(first, first + 1024)
        assert torch.equal(oracle.topk(view[part].contiguous(), lengths[part], 64), found[part])
