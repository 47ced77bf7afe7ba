"""The path of each row, and the model's entry point: cuda/kernel/persistent.cuh in PyTorch.

Source: ARCHITECTURE.md describes the paths. Each path has a module of its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from torch import Tensor

from . import decode, large, medium, trivial
from .arguments import PADDING
from .call import Call, Options, Places, Selection
from .places import answer
from .plan import H100, DeviceLimits, chunk_bounds, make_plan
from .policy import Policy
from .schedule import Assignment, schedule
from .trace import DECODE, LARGE, MEDIUM, TRACE_DTYPE, TRIVIAL, new_trace
from .windows import row_windows

if TYPE_CHECKING:
    from typing_extensions import Unpack

SELECT = {
    TRIVIAL: trivial.select,
    DECODE: decode.select,
    MEDIUM: medium.select,
    LARGE: large.select,
}


def choose_path(length: int, k: int, taken: Assignment) -> int:
    """The path (a constant of trace.py) of a row of `length` columns for this k.

    taken: the launch and the team of CTAs that take the row.
    """
    policy = taken.policy
    if length <= k:
        return TRIVIAL
    if length <= policy.decode_max and taken.begin < 0:
        return DECODE
    split = taken.begin >= 0 or (taken.ctas > 1 and length > policy.split_min)
    return LARGE if split or length > policy.medium_max else MEDIUM


@overload
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    trace: np.ndarray | None = None,
    **options: Unpack[Places],
) -> Tensor: ...
@overload
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    trace: np.ndarray | None = None,
    **options: Unpack[Options],
) -> Tensor | Selection: ...
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    trace: np.ndarray | None = None,
    **options: Unpack[Options],
) -> Tensor | Selection:
    """The contract's answer, by the kernel's stages: the model that explains and checks the kernel.

    logits: float32, bfloat16 or float16 [R, S], unit column stride. lengths: int32 [R] or [B, Q], clamped to
    0 .. S; None for all columns. k: 1 .. 4096. policy: that of the compiled kernel to model; None: the one
    that the plan picks. limits: the device to plan for, which fixes how many CTAs share a row. trace:
    TRACE_DTYPE [R, plan.records], zeroed, from new_trace; filled in place. None of the three changes the
    answer. options: the other arguments of a Call.

    Returns int32 [R, k] on the device of logits: for each row the first min(k, n) columns in the contract's
    order (see oracle.topk), ascending, then -1; int64 if index_dtype says so, or a Selection if values or
    columns are asked for. Raises TypeError or ValueError for arguments that cannot be right.
    """
    call = Call(logits, lengths, k, **options)
    return answer(call, selected_columns(call, policy, limits, trace))


def selected_columns(
    call: Call,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    trace: np.ndarray | None = None,
) -> Tensor:
    """The columns that each row selects: int32 [R, k], counted from its start, ascending, then -1.

    call: its logits, their windows, and k. policy and limits: as for topk(). trace: TRACE_DTYPE
    [R, plan.records]. Raises TypeError or ValueError as topk() does.
    """
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(f"policy is {policy!r}; expected a Policy or None")
    if not isinstance(limits, DeviceLimits):
        raise TypeError(f"limits is {limits!r}; expected DeviceLimits, such as H100 of reference/plan.py")
    plan = make_plan(call.rows, call.columns, limits, policy)
    if trace is not None:
        _check_trace(trace, (call.rows, plan.records))
    columns = torch.full((call.rows, call.k), PADDING, dtype=torch.int32, device=call.logits.device)
    starts, lengths = (each.cpu() for each in row_windows(call))
    for row, taken in enumerate(schedule(lengths, call.k, plan, limits)):
        start, length = int(starts[row]), int(lengths[row])
        records = new_trace(1, plan.records)[0] if trace is None else trace[row]
        selected = select_row(call.logits[row, start : start + length], call.k, taken, records)
        assert selected.numel() == min(call.k, length), "a path selected too many columns or too few"
        columns[row, : selected.numel()] = selected
    return columns


def select_row(row: Tensor, k: int, taken: Assignment, records: np.ndarray) -> Tensor:
    """The selected columns of one row, ascending: int64 [min(k, n)].

    row: any dtype of logits, [n]. taken: what takes it. records: TRACE_DTYPE [taken.ctas or more], filled.
    """
    length = row.numel()
    path = choose_path(length, k, taken)
    record = records[: taken.ctas if path == LARGE else 1]
    bounds = chunk_bounds(length, len(record)) if path == LARGE else [(0, length)]
    record["path"], record["ctas"], record["cta"] = path, len(record), range(len(record))
    record["begin"], record["end"] = zip(*bounds, strict=True)
    alone = path == LARGE and len(record) == 1
    return SELECT[MEDIUM if alone else path](row, k, taken.policy, record)


def _check_trace(trace: np.ndarray, shape: tuple[int, int]) -> None:
    if not isinstance(trace, np.ndarray) or trace.dtype != TRACE_DTYPE:
        raise TypeError(f"trace is {getattr(trace, 'dtype', type(trace))}; expected an array from new_trace")
    if trace.shape != shape:
        raise ValueError(f"trace has shape {list(trace.shape)}; expected {list(shape)}, [rows, plan.records]")
