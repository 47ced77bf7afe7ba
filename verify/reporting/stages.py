"""One row's way through its path, stage by stage, read from the record that the model leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...reference import topk
from ...reference.order import GREATEST_KEY, bin_floor_key, key_to_float
from ...reference.plan import H100, Plan, make_plan
from ...reference.policy import Policy
from ...reference.stream import rank_in_samples
from ...reference.trace import ALL_TAKEN, DECODE, LARGE, MEDIUM, PATHS, TRIVIAL, new_trace

NEIGHBOURS = 3  # occupied counters shown on each side of the one that holds the k-th key


@dataclass(frozen=True)
class Counter:
    """One counter of a histogram: its number, its count, the values it stands for, and whether it holds
    the k-th key."""

    number: int
    count: int
    values: str
    chosen: bool


@dataclass(frozen=True)
class Stage:
    """title; what happens, in sentences; and the counters, or the CTAs' counts, that show it."""

    title: str
    sentences: tuple[str, ...]
    counters: tuple[Counter, ...] = ()
    headings: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Walk:
    """row: float32 [n]. records: the model's [ctas]. selected: columns, int64 [min(k, n)]."""

    row: Tensor
    k: int
    plan: Plan
    records: np.ndarray
    selected: Tensor

    @property
    def record(self) -> np.void:
        return self.records[0]

    @property
    def path(self) -> int:
        return int(self.record["path"])


def walk(logits: Tensor, length: int, k: int, policy: Policy | None = None) -> Walk:
    """Runs the model over one row: float32 [S], of which `length` columns take part.

    The row is planned for as the only one of a call on an H100, with `policy` or the plan's choice.
    """
    plan = make_plan(1, logits.numel(), H100, policy)
    trace = new_trace(1, plan.ctas)
    lengths = torch.tensor([length], dtype=torch.int32, device=logits.device)
    indices = topk(logits[None, :], lengths, k, policy=policy, limits=H100, trace=trace)[0]
    row = logits[: min(max(length, 0), logits.numel())]
    return Walk(row, k, plan, trace[0], indices[indices >= 0].to(torch.int64))


def value_of(key: int) -> str:
    """The float whose key is `key`, in a few digits, or the next one where the key does not occur."""
    if key == GREATEST_KEY:
        return "NaN"
    keys = torch.tensor([key], dtype=torch.int64, device="cpu")
    return f"{float(key_to_float(keys)[0]):.7g}"


def stages(walked: Walk) -> Iterator[Stage]:
    """What the row goes through, in order."""
    yield _dispatch(walked)
    if walked.path != TRIVIAL:
        if _sharing(walked)["survivors"].any():
            yield _stream(walked)
        yield _coarse(walked)
        yield from _passes(walked, over_row=True)
        yield _gather(walked)
        yield from _passes(walked, over_row=False)
        if walked.record["ranked"]:
            yield _rank(walked)
        yield _cut(walked)
        if len(_sharing(walked)) > 1:
            yield _places(walked)
    yield _output(walked)


def _dispatch(walked: Walk) -> Stage:
    n, k, plan = walked.row.numel(), walked.k, walked.plan
    policy = plan.policy
    split = f"n > split_min = {policy.split_min} and the plan gives the row {plan.ctas} CTAs"
    alone = f"n > medium_max = {policy.medium_max}, and one CTA takes it alone"
    holds = n <= policy.held
    kept = f"n {'<=' if holds else '>'} held = {policy.held}: {'in registers' if holds else 'streamed'}"
    why = {
        TRIVIAL: f"n <= k = {k}: all columns are selected, no logit is read",
        DECODE: f"k < n <= decode_max = {policy.decode_max}: the row fits the registers of one CTA",
        MEDIUM: f"n > decode_max = {policy.decode_max}, and one CTA takes it alone; {kept}",
        LARGE: split if plan.ctas > 1 else alone,
    }[walked.path]
    return Stage(
        f"dispatch: {PATHS[walked.path]}",
        (f"n = {n}, k = {k}, policy {policy.name} with {policy.threads} threads a CTA.", f"{why}."),
    )


def _stream(walked: Walk) -> Stage:
    policy, records = walked.plan.policy, _sharing(walked)
    columns = int(records[0]["end"])
    rank = rank_in_samples(walked.k, columns, policy)
    samples = "all CTAs' samples together" if len(records) > 1 else "the sample"
    told = [
        f"{policy.sample} columns of a chunk, spread evenly over it, are its sample: they are counted.",
        f"About {walked.k * policy.sample // columns} of what is selected are in a sample. The bin of number "
        f"{rank} of {samples} is a guess of a bound: what lies under it is dropped, the rest is listed."
        if rank <= policy.sample
        else "It has too few columns for a bound: all are listed.",
        f"The list holds {policy.survivors}. Where more tiles could overflow it, what is new on it is "
        "counted, the bound is raised, and what lies under it leaves the list.",
    ]
    if records["restarted"].any():
        told.append("Fewer than k columns lay at or above the bound: the row was streamed again without one.")
    given_up = int((records["listed"] == 0).sum())
    if given_up:
        told.append(f"It overflowed in {given_up} of {len(records)} chunks, which are counted again in full.")
    names = ("cta", "survivors", "updates", "listed")
    table = tuple(tuple(str(record[name]) for name in names) for record in records)
    return Stage(
        "stream", tuple(told), headings=("CTA", "survivors", "times raised", "complete"), table=table
    )


def _coarse(walked: Walk) -> Stage:
    record, k = walked.record, walked.k
    bins, bin = int(record["bins"]), int(record["bin"])
    bits = bins.bit_length() - 1

    def values(number: int) -> str:
        low = bin_floor_key(number, bits)
        high = GREATEST_KEY if number == bins - 1 else bin_floor_key(number + 1, bits) - 1
        return f"{value_of(low)} .. {value_of(high)}"

    wanted = k - int(record["above"])
    return Stage(
        f"coarse histogram: {bins} bins",
        (
            f"Every logit is rounded to binary16; the top {bits} bits of its ordered code are its bin.",
            f"From the top, {record['above']} columns lie above bin {bin} and {record['count']} in it: "
            f"the k-th is there, and {wanted} of them are wanted.",
        ),
        _around(record["histogram"][:bins], bin, values),
    )


def _around(histogram: np.ndarray, chosen: int, values: Callable[[int], str]) -> tuple[Counter, ...]:
    """The chosen counter and the nearest occupied ones, from the top."""
    occupied = np.flatnonzero(histogram)
    higher = occupied[occupied > chosen][:NEIGHBOURS]
    lower = occupied[occupied < chosen][-NEIGHBOURS:]
    shown = sorted({*higher.tolist(), chosen, *lower.tolist()}, reverse=True)
    return tuple(Counter(n, int(histogram[n]), values(n), n == chosen) for n in shown)


def _passes(walked: Walk, over_row: bool) -> Iterator[Stage]:
    for number in range(int(walked.record["passes"])):
        step = walked.record["pass"][number]
        if bool(step["over_row"]) == over_row:
            yield _pass(walked, number, step)


def _pass(walked: Walk, number: int, step: np.void) -> Stage:
    low, shift, digit = int(step["low"]), int(step["shift"]), int(step["digit"])
    where = "over the row (spill)" if step["over_row"] else "over the candidates"

    def values(counter: int) -> str:
        first = low + (counter << shift)
        return f"{value_of(first)} .. {value_of(first + (1 << shift) - 1)}"

    told = [
        f"digit = (key - 0x{low:08X}) >> {shift}; the k-th key has digit {digit}.",
        f"{step['above']} columns lie above it now, {step['count']} in it.",
    ]
    if step["over_row"]:
        told.insert(0, "More keys are left than the buffer holds; none is dropped, all are counted by digit.")
    return Stage(f"pass {number + 1} {where}", tuple(told), _around(step["histogram"], digit, values))


def _gather(walked: Walk) -> Stage:
    gathered, policy = int(walked.record["gathered"]), walked.plan.policy
    if not gathered:
        return Stage("candidates", ("None: the keys that are left are all wanted, or all equal.",))
    told = [f"{gathered} keys fit the buffer of {policy.candidates}."]
    if gathered > policy.rank_max:
        told.append(f"Digits tell them apart until rank_max = {policy.rank_max} are left, or none in doubt.")
    return Stage("candidates", tuple(told))


def _rank(walked: Walk) -> Stage:
    passes, wanted_above = int(walked.record["passes"]), int(walked.record["above"])
    left = int(walked.record["gathered"])
    if passes:
        step = walked.record["pass"][passes - 1]
        left, wanted_above = int(step["count"]), int(step["above"])
    told = (
        f"{left} keys are left, few enough to compare each with all: number {walked.k - wanted_above} is it."
    )
    return Stage("rank", (told,))


def _cut(walked: Walk) -> Stage:
    threshold, ties = int(walked.record["threshold"]), int(walked.record["ties"])
    told = [f"Threshold: key 0x{threshold:08X}, {value_of(threshold)}."]
    if ties == ALL_TAKEN:
        told.append("Every column at or above it is selected.")
    else:
        told.append(f"Columns above it are selected, and of those equal to it the {ties} lowest.")
    return Stage("cut", tuple(told))


def _sharing(walked: Walk) -> np.ndarray:
    return walked.records[: max(1, int(walked.record["ctas"]))]


def _places(walked: Walk) -> Stage:
    names = ("cta", "begin", "end", "chunk_above", "chunk_count", "offset", "tie_offset")
    return Stage(
        "places in the output",
        (
            "Each CTA's place follows from the counts of those before it: `offset` slots for columns above "
            "the threshold (or at it, if all are taken), `tie_offset` columns equal to it.",
        ),
        headings=("CTA", "begin", "end", "above", "inside", "offset", "tie_offset"),
        table=tuple(tuple(str(record[name]) for name in names) for record in _sharing(walked)),
    )


def _output(walked: Walk) -> Stage:
    selected, padding = walked.selected, walked.k - walked.selected.numel()
    told = [
        f"{selected.numel()} columns in ascending order" + (f", then {padding} x -1." if padding else ".")
    ]
    if selected.numel():
        shown = [f"{column} ({walked.row[column]:.7g})" for column in selected[:NEIGHBOURS].tolist()]
        told.append(f"The first: {', '.join(shown)}; the last: {selected[-1]}.")
    return Stage("output", tuple(told))
