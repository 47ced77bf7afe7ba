"""The checks that every entry point makes of its arguments before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .dtypes import LOGITS_DTYPES
from .policy import MAX_K

if TYPE_CHECKING:
    from .call import Call, Selection

PADDING = -1  # output slots behind the last selected column
MAX_EXTENT = 2**31 - 1  # rows and columns are counted in int32
MAX_PAGE_SIZE = 2**30  # the greatest power of two in int32
DEVICES = ("cpu", "cuda")
PLACE_DTYPES = (torch.int32, torch.int64)


def check_arguments(logits: Tensor, lengths: Tensor, k: int) -> None:
    """Raise TypeError or ValueError, naming argument, value and expectation, unless a plain call's are right.

    logits: float32 [R, S], columns next to each other (any row stride), on a CPU or a CUDA device.
    lengths: int32 [R], contiguous, on the same device; any values. k: int, 1 .. MAX_K.
    R and S may be 0.
    """
    _check_logits(logits, (torch.float32,))
    _check_of_rows("lengths", lengths, logits)
    check_k(k)


def check_k(k: int) -> None:
    """Raise TypeError unless k is an int, ValueError unless it is 1 .. MAX_K."""
    _check_int("k", k, MAX_K)


def check_call(call: Call) -> None:
    """Raise TypeError or ValueError, naming argument, value and expectation, unless all arguments are right.

    call: what they are, and which of them go together. R, S, T and P may be 0.
    """
    _check_logits(call.logits, LOGITS_DTYPES)
    check_k(call.k)
    _check_int("queries", call.queries, MAX_EXTENT)
    _check_int("compress_ratio", call.compress_ratio, MAX_EXTENT)
    _check_window(call)
    _check_places(call)
    for name in ("return_values", "return_columns"):
        asked = getattr(call, name)
        if not isinstance(asked, bool):
            raise TypeError(f"{name} is {asked!r} of type {type(asked).__name__}; expected True or False")


def check_output_dtype(output: Tensor) -> None:
    """Raise TypeError or ValueError unless `output` is int32 or int64 [R, k]."""
    _check_tensor("output", output, PLACE_DTYPES, (2,), "[rows, k]")


def check_outputs(call: Call, outputs: Selection) -> None:
    """Raise TypeError or ValueError, naming argument, value and expectation, unless a call may write these.

    call: a checked one. outputs: places int32 or int64, values of the logits' dtype or None, columns int32 or
    None, each [R, k], beside the logits, of any row stride without overlaps.
    """
    _check_output("output", outputs.indices, PLACE_DTYPES, call)
    if outputs.columns is not None:
        _check_output("columns_out", outputs.columns, (torch.int32,), call)
    if outputs.values is not None:
        _check_output("values_out", outputs.values, (call.logits.dtype,), call)


def _check_output(name: str, tensor: Tensor, dtypes: Sequence[torch.dtype], call: Call) -> None:
    _check_tensor(name, tensor, dtypes, (2,), "[rows, k]")
    if tuple(tensor.shape) != (call.rows, call.k):
        raise ValueError(
            f"{name} has shape {list(tensor.shape)}; expected [{call.rows}, {call.k}], that is [rows, k]"
        )
    _check_beside_logits(name, tensor, call.logits, contiguous=False)
    _check_extent(name, tensor)
    if call.rows > 1 and tensor.stride(0) < call.k:
        raise ValueError(
            f"{name} has row stride {tensor.stride(0)}; expected {call.k} or more: its rows overlap"
        )


def check_workspace(workspace: Tensor, device: torch.device, needed: int) -> None:
    """Raise ValueError unless a call may use it.

    workspace: any dtype and any shape, contiguous, of `needed` bytes or more. device: of the logits.
    """
    if workspace.device != device:
        raise ValueError(f"workspace is on {workspace.device}; expected {device}, where logits is")
    if not workspace.is_contiguous():
        raise ValueError(f"workspace has strides {workspace.stride()}; expected a contiguous tensor")
    size = workspace.numel() * workspace.element_size()
    if size < needed:
        raise ValueError(f"workspace has {size} bytes; expected at least workspace_size(...) = {needed}")


def _check_window(call: Call) -> None:
    """lengths or ends, queries, compress_ratio, starts."""
    if call.starts is not None:
        _check_of_rows("starts", call.starts, call.logits)
    if call.ends is not None:
        _check_of_rows("ends", call.ends, call.logits)
        if call.lengths is not None:
            raise ValueError("ends is given with lengths; expected one of them: pass None for lengths")
    if call.lengths is not None:
        _check_lengths(call.lengths, call.logits, call.queries)
        return
    for name in ("queries", "compress_ratio"):
        if (value := getattr(call, name)) != 1:
            raise ValueError(f"{name} is {value} and lengths None; expected lengths, in tokens, or no {name}")


def _check_lengths(lengths: Tensor, logits: Tensor, queries: int) -> None:
    _check_tensor("lengths", lengths, (torch.int32,), (1, 2), "[rows] or [batch, queries]")
    if lengths.dim() == 2 and queries != 1:
        raise ValueError(
            f"queries is {queries} and lengths has shape {list(lengths.shape)}; expected lengths [batch] "
            "with queries, or lengths [batch, queries] without"
        )
    entries, rows = lengths.numel(), logits.shape[0]
    if entries * queries != rows and queries == 1:
        raise ValueError(f"lengths has {entries} entries; expected {rows}, one a row of logits")
    if entries * queries != rows:
        raise ValueError(
            f"lengths has {entries} entries and queries is {queries}; expected {entries * queries} rows of "
            f"logits, not {rows}"
        )
    _check_beside_logits("lengths", lengths, logits)


def _check_places(call: Call) -> None:
    """offsets or a page table, index_dtype."""
    if call.index_dtype not in PLACE_DTYPES:
        raise TypeError(f"index_dtype is {call.index_dtype!r}; expected {_either(PLACE_DTYPES)}")
    if call.offsets is not None:
        _check_of_rows("offsets", call.offsets, call.logits, PLACE_DTYPES)
        if call.page_table is not None:
            raise ValueError(
                "offsets is given with page_table; expected one of them: a page table says where columns "
                "lie, and table_starts says from which page on"
            )
    if call.page_table is not None:
        _check_table(call, call.page_table)
        return
    for name in ("table_rows", "table_starts", "page_size"):
        if getattr(call, name) is not None:
            raise ValueError(f"{name} is given without page_table; expected page_table, or no {name}")


def _check_table(call: Call, table: Tensor) -> None:
    _check_tensor("page_table", table, (torch.int32,), (2,), "[table rows, pages]")
    _check_beside_logits("page_table", table, call.logits, contiguous=False)
    _check_extent("page_table", table)
    if call.page_size is None:
        raise ValueError("page_size is None and page_table given; expected page_size, a power of two")
    _check_int("page_size", call.page_size, MAX_PAGE_SIZE)
    if call.page_size & (call.page_size - 1):
        raise ValueError(f"page_size is {call.page_size}; expected a power of two")
    for name in ("table_rows", "table_starts"):
        if (tensor := getattr(call, name)) is not None:
            _check_of_rows(name, tensor, call.logits)
    if call.table_rows is None and table.shape[0] < call.rows:
        raise ValueError(
            f"page_table has {table.shape[0]} rows and logits {call.rows}; expected a row of the table for "
            "each of logits, or table_rows to say which row is whose"
        )


def _check_logits(logits: Tensor, dtypes: Sequence[torch.dtype]) -> None:
    _check_tensor("logits", logits, dtypes, (2,), "[rows, columns]")
    if logits.device.type not in DEVICES:
        raise ValueError(f"logits is on device {logits.device}; expected one of {', '.join(DEVICES)}")
    _check_extent("logits", logits)


def _check_of_rows(
    name: str, tensor: Tensor, logits: Tensor, dtypes: Sequence[torch.dtype] = (torch.int32,)
) -> None:
    """A tensor [R]."""
    _check_tensor(name, tensor, dtypes, (1,), "[rows]")
    if tensor.shape[0] != logits.shape[0]:
        raise ValueError(
            f"{name} has {tensor.shape[0]} entries; expected {logits.shape[0]}, one a row of logits"
        )
    _check_beside_logits(name, tensor, logits)


def _check_int(name: str, value: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r} of type {type(value).__name__}; expected an int")
    if not 1 <= value <= most:
        raise ValueError(f"{name} is {value}; expected 1 to {most}")


def _check_tensor(
    name: str, tensor: Tensor, dtypes: Sequence[torch.dtype], dims: Sequence[int], shape: str
) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is of type {type(tensor).__name__}; expected a torch.Tensor")
    if tensor.dtype not in dtypes:
        raise TypeError(f"{name} has dtype {tensor.dtype}; expected {_either(dtypes)}")
    if tensor.is_nested:
        raise TypeError(f"{name} is a nested tensor; expected a dense one, {shape}")
    if tensor.layout != torch.strided:
        raise TypeError(f"{name} has layout {tensor.layout}; expected {torch.strided}")
    if tensor.dim() not in dims:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)}; expected {_either(dims)} dimensions, {shape}"
        )
    if tensor.is_neg():
        raise ValueError(
            f"{name} is a lazily negated view; expected plain memory, such as {name}.resolve_neg()"
        )


def _check_extent(name: str, tensor: Tensor) -> None:
    """A tensor [rows, columns] whose rows may have any stride."""
    if max(tensor.shape) > MAX_EXTENT:
        raise ValueError(f"{name} has shape {list(tensor.shape)}; expected at most {MAX_EXTENT} each way")
    if tensor.shape[0] and tensor.shape[1] > 1 and tensor.stride(1) != 1:  # without rows none uses it
        raise ValueError(f"{name} has column stride {tensor.stride(1)}; expected 1 (contiguous columns)")


def _check_beside_logits(name: str, tensor: Tensor, logits: Tensor, contiguous: bool = True) -> None:
    if tensor.device != logits.device:
        raise ValueError(f"{name} is on device {tensor.device}; expected {logits.device}, that of logits")
    if contiguous and not tensor.is_contiguous():
        found = f"stride {tensor.stride(0)}" if tensor.dim() == 1 else f"strides {tensor.stride()}"
        expected = 1 if tensor.dim() == 1 else (tensor.shape[1], 1)
        raise ValueError(f"{name} has {found}; expected {expected} (contiguous)")


def _either(allowed: Sequence[object]) -> str:
    *others, last = map(str, allowed)
    return f"{', '.join(others)} or {last}" if others else last
