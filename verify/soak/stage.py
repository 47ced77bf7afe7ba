"""Runs a stage for a while: batch after batch is judged, a sample of them stage by stage, and counted."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...cuda import calls, gpu
from ...reference import dispatch, oracle
from ...reference.plan import Plan
from ...reference.schedule import schedule
from ...reference.trace import PATHS, new_trace
from ..judging.trace_difference import first_difference
from .batches import Batch, Stage, make_batch
from .second import SecondOracle
from .tally import Tally, load
from .whole import WHOLE_EVERY, judge_whole

POISON = -777_777
SAMPLE_ROWS = 4  # of a sampled batch, put to the structural model: one of each kind that it has
# Batches. The model takes 5 ms for a row of the short stage and up to 70 ms for one of the long: for both
# goals under a fiftieth of the time that the stages are given.
SAMPLE_EVERY = {"short": 10, "long": 5}
SAVE_EVERY_S = 20


def judge_batch(batch: Batch, number: int, tally: Tally, second: SecondOracle | None = None) -> None:
    """Judges one call with a poisoned output by the oracle, and by a second one."""
    rows = batch.logits.shape[0]
    output = torch.full((rows, batch.k), POISON, dtype=torch.int32, device=batch.logits.device)
    calls.launch(batch.logits, batch.lengths, output, None, batch.k)
    wrong = (
        (output != oracle.topk(batch.logits, batch.lengths, batch.k)).any(dim=1).nonzero().flatten().tolist()
    )
    tally.rows += rows
    tally.mismatches += len(wrong)
    for kind in batch.kinds:
        tally.kinds[kind] = tally.kinds.get(kind, 0) + 1
    where = f"{tally.stage} batch {number} ({rows} x {batch.logits.shape[1]}, k {batch.k})"
    if wrong:
        tally.note(f"{where}: {len(wrong)} rows wrong, first {wrong[0]}")
    if second is None:
        return
    opinion = second.opinion(batch.logits, batch.lengths, batch.k, output)
    other = opinion.differs.nonzero().flatten().tolist()
    tally.second_rows += int(opinion.judged.sum())
    tally.second_mismatches += len(other)
    if other:
        tally.note(f"{where}: {len(other)} rows unlike the second oracle's, first {other[0]}")


@dataclass(frozen=True)
class Excerpt:
    """Every `step`-th row of a batch: as few rows as have teams of the same size as the whole batch.

    plan: of a call of these rows, under the policy of the whole batch.
    """

    logits: Tensor
    lengths: Tensor
    plan: Plan
    step: int


def excerpt(batch: Batch) -> Excerpt:
    """What of a batch is run with tracing. The kernel that the batch took, under its policy and with as many
    CTAs a row; records of all its rows would be many."""
    rows, columns = batch.logits.shape
    device = batch.logits.get_device()
    of_batch = gpu.plan_for(rows, columns, batch.k, device)

    def plan_of(rows: int) -> Plan:
        return gpu.plan_for(rows, columns, batch.k, device, of_batch.policy)

    few = min(SAMPLE_ROWS, rows)
    while plan_of(few).ctas != of_batch.ctas:  # as fewer rows have more CTAs
        few += 1
    plan, step = plan_of(few), rows // few
    return Excerpt(batch.logits[::step][:few], batch.lengths[::step][:few].contiguous(), plan, step)


def trace_sample(batch: Batch, number: int, tally: Tally) -> None:
    """An excerpt of a batch under the plan of the whole, some rows of it stage by stage against the model."""
    part = excerpt(batch)
    rows, columns = part.logits.shape
    traced = new_trace(rows, part.plan.records)
    gpu.topk(part.logits, part.lengths, batch.k, policy=part.plan.policy, trace=traced)
    count = min(SAMPLE_ROWS, rows)
    chosen = [rows * i // count for i in range(count)]
    expected = new_trace(count, part.plan.records)
    lengths = part.lengths.clamp(0, columns).cpu()
    limits = calls.device_limits(part.logits.get_device())
    assignments = schedule(lengths, batch.k, part.plan, limits)
    for record, row in zip(expected, chosen, strict=True):
        logits = part.logits[row, : int(lengths[row])].cpu()
        dispatch.select_row(logits, batch.k, assignments[row], record)
    tally.traced += count
    name = part.plan.policy.name
    tally.policies[name] = tally.policies.get(name, 0) + count
    for path in expected["path"][:, 0].tolist():
        name = PATHS.get(path, "none")
        tally.paths[name] = tally.paths.get(name, 0) + 1
    difference = first_difference(traced[chosen], expected)
    if difference is not None:
        tally.trace_mismatches += 1
        message = replace(difference, row=chosen[difference.row] * part.step).told("gpu")
        tally.note(f"{tally.stage} batch {number}, policy {part.plan.policy.name}: {message}")


def run_stage(
    stage: Stage,
    seed: int,
    rows: int,
    seconds: float,
    path: Path,
    second: SecondOracle | None = None,
    device: str = "cuda",
) -> Tally:
    """Verifies batches until the tally has `rows` or `seconds` have passed.

    The tally is kept at `path`. After an error it holds what was found before.
    """
    tally = load(path, stage.name, seed, second.name if second else "")
    began = saved = time.monotonic()
    before = tally.seconds
    try:
        while tally.rows < rows and time.monotonic() - began < seconds:
            number = tally.next_batch
            batch = make_batch(stage, seed, number, device)
            judge_batch(batch, number, tally, second)
            if number % WHOLE_EVERY == 0:
                judge_whole(batch, number, seed, tally)
            if number % SAMPLE_EVERY[stage.name] == 0:
                trace_sample(batch, number, tally)
            tally.next_batch += 1
            now = time.monotonic()
            tally.seconds = before + now - began
            if now - saved > SAVE_EVERY_S:
                tally.save(path)
                saved = now
    finally:
        tally.save(path)
    return tally
