"""The C structs of a call as ctypes sees them, for the kernel's library and for the emulator's."""

from __future__ import annotations

import ctypes

from ..reference.plan import DeviceLimits, Plan
from ..reference.policy import MAX_CTAS, POLICIES


class Limits(ctypes.Structure):
    """DeviceLimits of plan.cuh."""

    _fields_ = [
        ("sms", ctypes.c_int),
        ("shared_bytes", ctypes.c_int),
        ("clusters", ctypes.c_int),
        ("resident", ctypes.c_int * MAX_CTAS),
    ]

    @classmethod
    def of(cls, limits: DeviceLimits) -> Limits:
        """The struct of a device as the plan's mirror describes it."""
        resident = (ctypes.c_int * MAX_CTAS)(*limits.resident)
        return cls(limits.sms, limits.shared_bytes, limits.has_clusters, resident)


class PlanRecord(ctypes.Structure):
    """Plan of plan.cuh."""

    _fields_ = [
        ("policy", ctypes.c_int),
        ("ctas", ctypes.c_int),
        ("grid_ctas", ctypes.c_int),
        ("short_max", ctypes.c_int),
    ]

    @classmethod
    def of(cls, plan: Plan) -> PlanRecord:
        """The struct of a plan."""
        return cls(list(POLICIES).index(plan.policy.name), plan.ctas, plan.grid_ctas, plan.short_max)


class TopkCall(ctypes.Structure):
    """TopkCall of launch.cuh, and of the emulator's topk.cpp."""

    _fields_ = [
        ("logits", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("lengths", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("trace", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("stream", ctypes.c_void_p),
        ("rows", ctypes.c_int32),
        ("columns", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("policy", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("cooperative", ctypes.c_int32),
    ]


class EmulatedCall(ctypes.Structure):
    """EmulatedCall of the emulator's topk.cpp: one launch of a call, and the device that is emulated."""

    _fields_ = [
        ("call", TopkCall),
        ("limits", Limits),
        ("plan", PlanRecord),
        ("launch", ctypes.c_int32),
    ]
