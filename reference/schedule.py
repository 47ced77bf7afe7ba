"""Which rows of a call are shared by larger teams than by the plan: cuda/kernel/schedule.cuh in PyTorch.

Source: teams of power-of-two sizes, largest first, each at a multiple of its size, as buddy allocation has
blocks (Knowlton, "A fast storage allocator", CACM 1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .plan import DeviceLimits, Plan, policy_of_teams
from .policy import SHORT, Policy

CLASSES = 22  # size classes of long rows, and class 0 of all others
LONG_ROW = 4  # chunks: two CTAs would not make up for a launch of their own
LEVELS = 32


@dataclass(frozen=True)
class Assignment:
    """What takes a row. policy: that of its launch. ctas: of its team. begin: the first CTA of a larger team
    in the grid of these; -1: the row has the team that the plan gives it."""

    policy: Policy
    ctas: int
    begin: int = -1


def classes_of(lengths: Tensor, k: int, policy: Policy) -> Tensor:
    """The size class of each row, int64 [R]: 0 for rows that are not long, else two classes an octave.

    lengths: int64 [R], clamped to 0 .. S. k: 1 .. 4096. policy: that of the larger teams.
    """
    chunks = (lengths // policy.chunk_min).clamp(min=1)
    octave = torch.frexp(chunks.double()).exponent.long() - 1
    upper = lengths // (policy.chunk_min // 2) >= 3 << octave
    is_long = (lengths > k) & (lengths >= LONG_ROW * policy.chunk_min)
    return torch.where(is_long, (2 * octave - 3 + upper.long()).clamp(max=CLASSES - 1), 0)


def team_ctas(classes: Tensor, level: int, plan_ctas: int, policy: Policy) -> Tensor:
    """CTAs of the larger team of a row of each class at this level, int64 [R]; 0: it has none.

    classes: int64 [R] of classes_of(). level: 0 .. LEVELS - 1; a level more, and chunks are half an octave
    longer. plan_ctas: what the plan gives every row. policy: that of the larger teams.
    """
    ctas = (1 << ((classes - level + 3).clamp(min=0) // 2)).clamp(max=policy.max_ctas)
    return torch.where((classes > 0) & (classes + 1 >= level) & (ctas > plan_ctas), ctas, 0)


def find_level(classes: Tensor, plan: Plan, sms: int) -> int:
    """The lowest level at which larger teams are resident together with the long rows that have none.

    classes: int64 [R]. plan: that of the call. sms: SMs of the device. Where the long rows would not even be
    resident with what the plan gives them, larger teams alone must be.
    """
    by_plan = int((classes > 0).sum()) * plan.ctas
    for level in range(LEVELS - 1):
        teams = team_ctas(classes, level, plan.ctas, policy_of_teams(plan.policy))
        others = int(((classes > 0) & (teams == 0)).sum()) * plan.ctas
        needed = int(teams.sum())
        if needed <= plan.grid_ctas and (needed + others <= sms or by_plan > sms):
            return level
    return LEVELS - 1  # where no row has a larger team


def schedule(lengths: Tensor, k: int, plan: Plan, limits: DeviceLimits) -> list[Assignment]:
    """What takes each row of a call: a pure function of lengths, plan and device.

    lengths: int32 or int64 [R], clamped to 0 .. S, on the CPU. k: 1 .. 4096. plan: that of the call.
    limits: the device.
    """
    if not plan.grid_ctas and not plan.short_max:
        return [Assignment(plan.policy, plan.ctas)] * len(lengths)
    lengths = lengths.long()
    teams = begins = torch.zeros_like(lengths)
    if plan.grid_ctas:
        of_teams = policy_of_teams(plan.policy)
        classes = classes_of(lengths, k, of_teams)
        teams = team_ctas(classes, find_level(classes, plan, limits.sms), plan.ctas, of_teams)
        order = torch.sort(classes, descending=True, stable=True).indices
        begins = torch.empty_like(teams)
        begins[order] = teams[order].cumsum(0) - teams[order]
    rows = zip(lengths.tolist(), teams.tolist(), begins.tolist(), strict=True)
    return [_assign(plan, length, ctas, begin) for length, ctas, begin in rows]


def _assign(plan: Plan, length: int, ctas: int, begin: int) -> Assignment:
    if ctas:
        return Assignment(policy_of_teams(plan.policy), ctas, begin)
    if plan.short_max and length <= plan.short_max:
        return Assignment(SHORT, 1)
    return Assignment(plan.policy, plan.ctas)
