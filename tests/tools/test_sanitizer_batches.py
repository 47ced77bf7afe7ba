"""What the sanitizers run: the workload's own rows, through the model, reach every entry, path and stage."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from places import ROOT, SHARED

from persistent_topk.cuda.emulator.build import build_kernel
from persistent_topk.cuda.library import POLICY_INDEX, Limits
from persistent_topk.reference.dispatch import topk
from persistent_topk.reference.plan import ENTRIES, H100, LEAST_GROWTH, make_plan
from persistent_topk.reference.policy import MAX_CTAS, QUAD, Policy, by_name
from persistent_topk.reference.schedule import schedule
from persistent_topk.reference.trace import LARGE, PATHS, new_trace
from persistent_topk.tools.sanitizer.__main__ import POLICIES
from persistent_topk.verify.campaign.coverage import RESTART, SPILL, STAGES, stages_taken

HEADER = ROOT / "tools" / "sanitizer" / "batches.cuh"
RAISED, SPILL_AFTER = "bound raised", "spill after a restart"
IN_TILE, IN_REGISTERS = "chunk in a tile", "chunk in registers"
STREAMED = {*STAGES, RAISED, SPILL_AFTER}

Reached = tuple[str, str, str]  # entry, path, and a stage or how the row is aligned


class Workload(ctypes.Structure):
    """Workload of sanitizer_batches.cpp."""

    _fields_ = (("limits", Limits), ("policy", ctypes.c_int), ("cooperative", ctypes.c_int))


class Call(ctypes.Structure):
    """Call of sanitizer_batches.cpp."""

    _fields_ = tuple(
        (name, ctypes.c_int) for name in ("rows", "columns", "k", "stride", "first_column", "ctas", "entry")
    )


@functools.cache
def library() -> ctypes.CDLL:
    return ctypes.CDLL(str(build_kernel(SHARED / "sanitizer_batches.cpp", headers=[HEADER])))


def stages_of(records: np.ndarray, policy: Policy) -> Iterator[str]:
    """The stages of one row, from the model's records of it [ctas]."""
    stages = stages_taken(records)
    yield from stages
    if records["updates"].any():
        yield RAISED
    if {SPILL, RESTART} <= set(stages):
        yield SPILL_AFTER
    if records["path"][0] == LARGE and records["ctas"][0] > 1:
        chunk = int(records["end"][0])
        if chunk <= policy.register_columns:
            yield IN_TILE if chunk <= policy.tile else IN_REGISTERS


def run_batch(workload: Workload, number: int, policy: Policy, cooperative: bool) -> Iterator[Reached]:
    call = Call()
    library().batch_call(ctypes.byref(workload), number, ctypes.byref(call))
    flat = torch.empty(call.rows * call.stride + call.first_column)
    lengths = torch.empty(call.rows, dtype=torch.int32)
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (flat, lengths))
    library().batch_rows(ctypes.byref(workload), number, *pointers)
    logits = flat.as_strided((call.rows, call.columns), (call.stride, 1), call.first_column)
    limits = H100.without_clusters() if cooperative else H100
    plan = make_plan(call.rows, call.columns, limits, policy)
    assert call.ctas == plan.ctas
    trace = new_trace(call.rows, plan.records)
    topk(logits, lengths, call.k, policy=policy, limits=limits, trace=trace)
    assignments = schedule(lengths.clamp(0, call.columns), call.k, plan, limits)
    for row, (records, taken) in enumerate(zip(trace, assignments, strict=True)):
        # The rest of an uneven call runs the code of an even one.
        entry = "teams" if taken.begin >= 0 else ENTRIES[call.entry].removesuffix("-rest")
        path = PATHS[int(records["path"][0])]
        aligned = (call.first_column + row * call.stride) % QUAD == 0
        yield entry, path, "aligned" if aligned else "not aligned"
        for stage in stages_of(records, policy):
            yield entry, path, stage


def reached(policy: Policy) -> set[Reached]:
    found: set[Reached] = set()
    for cooperative in (False, True):
        limits = H100.without_clusters() if cooperative else H100
        resident = (ctypes.c_int * MAX_CTAS)(*limits.resident)
        device = Limits(limits.sms, limits.shared_bytes, limits.has_clusters, resident)
        workload = Workload(device, POLICY_INDEX[policy.name], cooperative)
        for number in range(library().batch_count(ctypes.byref(workload))):
            found.update(run_batch(workload, number, policy, cooperative))
    return found


def there_are(policy: Policy) -> set[Reached]:
    """Every stage of every path of every entry that a policy has."""
    widths = {IN_TILE} | ({IN_REGISTERS} if policy.register_columns > policy.tile else set())
    short = {"trivial": set(), "decode": {SPILL}}
    shared = {**short, "medium": {SPILL}, "large": STREAMED | widths}
    paths = {"wide": {**short, "medium": STREAMED, "large": STREAMED}, "narrowest": short}
    if policy.max_ctas >= LEAST_GROWTH:  # larger teams take the rows that one CTA would stream
        paths |= {"wide": {**short, "medium": {SPILL}}, "teams": {"large": {SPILL} | widths}}
    paths |= {"shared": shared, "cooperative": shared}
    if policy.decode_max > policy.tile:
        paths["narrow"] = short
    return {
        (entry, path, stage)
        for entry, of_entry in paths.items()
        for path, stages in of_entry.items()
        for stage in {*stages, "aligned", "not aligned"}
    }


@pytest.mark.parametrize("name", POLICIES)
def test_the_sanitizers_see_every_stage_of_every_path_of_every_entry(name: str) -> None:
    policy = by_name(name)
    assert there_are(policy) == reached(policy)
