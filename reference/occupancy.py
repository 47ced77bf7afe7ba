"""How a call is laid over a device: what takes each row, what the busiest CTA reads, in how many waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .dispatch import choose_path
from .plan import BY_PLAN, LARGER_TEAMS, LAUNCHES, SHORT_ROWS, DeviceLimits, Plan, chunk_bounds, make_plan
from .policy import Policy
from .schedule import Assignment, schedule
from .trace import LARGE, PATHS


@dataclass(frozen=True)
class RowLayout:
    """length: columns of the row. path: its name. ctas: those that read it. columns_a_cta: of the longest
    chunk. launch: one of LAUNCHES."""

    length: int
    path: str
    ctas: int
    columns_a_cta: int
    launch: str


@dataclass(frozen=True)
class CallLayout:
    """plan: that of the call. grids: CTAs of each launch, by its name. rows: as they stand in the call.
    waves: how often the device is filled by the CTAs that have a row to read."""

    plan: Plan
    grids: dict[str, int]
    rows: tuple[RowLayout, ...]
    waves: int

    @property
    def busiest_cta_columns(self) -> int:
        """Columns of the CTA that reads the most."""
        return max((row.columns_a_cta for row in self.rows), default=0)


def lay_out_call(
    lengths: Sequence[int], columns: int, k: int, limits: DeviceLimits, policy: Policy | None = None
) -> CallLayout:
    """Lays a call of these lengths, clamped to 0 .. columns, over a device.

    columns: those of the buffer, 1 or more. k: 1 .. 4096. limits: the device. policy: None for the plan's
    choice.
    """
    plan = make_plan(len(lengths), columns, limits, policy)
    clamped = torch.tensor(lengths, dtype=torch.int64, device="cpu").clamp(0, columns)
    taken = schedule(clamped, k, plan, limits)
    rows = tuple(_row(n, k, plan, one) for n, one in zip(clamped.tolist(), taken, strict=True))
    ctas = (plan.grid_ctas, len(lengths) * plan.ctas, len(lengths))
    grids = {LAUNCHES[number]: ctas[number] for number in plan.launches}
    return CallLayout(plan, grids, rows, _waves(rows, taken, columns, limits))


def _row(length: int, k: int, plan: Plan, taken: Assignment) -> RowLayout:
    path = choose_path(length, k, taken)
    ctas = taken.ctas if path == LARGE else 1
    begin, end = chunk_bounds(length, ctas)[0]
    by_plan = BY_PLAN if taken.policy is plan.policy else SHORT_ROWS
    launch = LARGER_TEAMS if taken.begin >= 0 else by_plan
    return RowLayout(length, PATHS[path], ctas, end - begin, launch)


def _waves(rows: tuple[RowLayout, ...], taken: list[Assignment], columns: int, limits: DeviceLimits) -> int:
    """SMs that the working CTAs fill, over those of the device."""
    sms = 0.0
    for row, one in zip(rows, taken, strict=True):
        narrow = row.launch == SHORT_ROWS or columns <= one.policy.decode_max
        sms += row.ctas / (one.policy.ctas_per_sm if narrow else one.policy.wide_ctas_per_sm)
    return -int(-sms // limits.sms)
