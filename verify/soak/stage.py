"""Runs a stage for a while, keeps count in a file, resumes from it, and merges such files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from ...cuda import gpu, library
from ...cuda.build import kernel_hash
from ...reference import dispatch
from ...reference.trace import PATHS, new_trace
from ..trace_difference import first_difference
from . import oracle
from .batches import Batch, Stage, make_batch
from .second import SecondOracle

POISON = -777_777
SAMPLE_ROWS = 2  # of a sampled batch, put to the structural model
SAMPLE_EVERY = {"short": 40, "long": 20}  # batches
SAVE_EVERY_S = 20
MOST_FAILURES = 20  # kept in words


@dataclass
class Tally:
    """What a stage has verified so far. rows: judged by the oracle; traced: of these, records compared
    with the model's; second_rows: judged by a second oracle too; next_batch: where to go on."""

    stage: str
    seed: int
    kernel: str
    gpu: str
    next_batch: int = 0
    rows: int = 0
    traced: int = 0
    mismatches: int = 0
    trace_mismatches: int = 0
    second_rows: int = 0
    second_mismatches: int = 0
    seconds: float = 0.0
    paths: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Rows a second, everything included."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def wrong(self) -> int:
        """Everything that any judge found."""
        return self.mismatches + self.trace_mismatches + self.second_mismatches

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1) + "\n")
        part.replace(path)


def load(path: Path, stage: Stage, seed: int) -> Tally:
    """The tally at `path` if it is of this stage, seed, kernel and GPU; else a fresh one."""
    fresh = Tally(stage.name, seed, kernel_hash(), torch.cuda.get_device_name())
    found = read(path) if path.is_file() else None
    if found is None:
        return fresh
    same = (found.stage, found.seed, found.kernel, found.gpu) == (stage.name, seed, fresh.kernel, fresh.gpu)
    return found if same else fresh


def read(path: Path) -> Tally | None:
    """The tally in a file; None where there is none, such as a file of another version."""
    try:
        return Tally(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def merge(tallies: Iterable[Tally]) -> dict[str, object]:
    """Sums over tallies of distinct (stage, seed) with the same kernel; ValueError if they mix kernels."""
    tallies = list(tallies)
    if len({tally.kernel for tally in tallies}) > 1:
        raise ValueError("tallies of different kernels do not add up; expected one kernel hash")
    if len({(tally.stage, tally.seed) for tally in tallies}) < len(tallies):
        raise ValueError("a stage and seed occur twice; expected distinct ones")
    total: dict[str, object] = {"kernel": tallies[0].kernel if tallies else None}
    for stage in sorted({tally.stage for tally in tallies}):
        part = [tally for tally in tallies if tally.stage == stage]
        seconds = sum(tally.seconds for tally in part)
        rows = sum(tally.rows for tally in part)
        total[stage] = {
            "rows": rows,
            "traced": sum(tally.traced for tally in part),
            "second_oracle": sum(tally.second_rows for tally in part),
            "mismatches": sum(tally.wrong for tally in part),
            "seconds": round(seconds, 1),
            "rows_per_second": round(rows / seconds) if seconds else 0,
            "failures": [words for tally in part for words in tally.failures],
        }
    return total


def note(tally: Tally, words: str) -> None:
    if len(tally.failures) < MOST_FAILURES:
        tally.failures.append(words)


def judge_batch(batch: Batch, number: int, tally: Tally, second: SecondOracle | None = None) -> None:
    """One poisoned call against the oracle, and against a second one."""
    rows = batch.logits.shape[0]
    output = torch.full((rows, batch.k), POISON, dtype=torch.int32, device=batch.logits.device)
    library.launch(batch.logits, batch.lengths, output, None, batch.k)
    wrong = (
        (output != oracle.topk(batch.logits, batch.lengths, batch.k)).any(dim=1).nonzero().flatten().tolist()
    )
    tally.rows += rows
    tally.mismatches += len(wrong)
    for kind in batch.kinds:
        tally.kinds[kind] = tally.kinds.get(kind, 0) + 1
    where = f"{tally.stage} batch {number} ({rows} x {batch.logits.shape[1]}, k {batch.k})"
    if wrong:
        note(tally, f"{where}: {len(wrong)} rows wrong, first {wrong[0]}")
    if second is None:
        return
    opinion = second.opinion(batch.logits, batch.lengths, batch.k, output)
    other = opinion.differs.nonzero().flatten().tolist()
    tally.second_rows += int(opinion.judged.sum())
    tally.second_mismatches += len(other)
    if other:
        note(tally, f"{where}: {len(other)} rows unlike the second oracle's, first {other[0]}")


def trace_sample(batch: Batch, number: int, tally: Tally) -> None:
    """The first rows of a batch, as a batch of their own, stage by stage against the model."""
    device = batch.logits.get_device()
    logits, lengths = batch.logits[:SAMPLE_ROWS], batch.lengths[:SAMPLE_ROWS]
    rows, columns = logits.shape
    ctas = gpu.plan_for(rows, columns, batch.k, device).ctas
    found, expected = new_trace(rows, ctas), new_trace(rows, ctas)
    gpu.topk(logits, lengths, batch.k, trace=found)
    limits = library.device_limits(device)
    dispatch.topk(logits.cpu(), lengths.cpu(), batch.k, limits=limits, trace=expected)
    difference = first_difference(found, expected)
    tally.traced += rows
    for path in expected["path"][:, 0].tolist():
        name = PATHS.get(path, "none")
        tally.paths[name] = tally.paths.get(name, 0) + 1
    if difference is not None:
        tally.trace_mismatches += 1
        note(tally, f"{tally.stage} batch {number}: {difference.told('gpu')}")


def run_stage(
    stage: Stage,
    seed: int,
    rows: int,
    seconds: float,
    path: Path,
    second: SecondOracle | None = None,
    device: str = "cuda",
) -> Tally:
    """Goes on until `rows` are verified in all or `seconds` have passed; the tally is at `path`."""
    tally = load(path, stage, seed)
    began = saved = time.monotonic()
    before = tally.seconds
    while tally.rows < rows and time.monotonic() - began < seconds:
        number = tally.next_batch
        batch = make_batch(stage, seed, number, device)
        judge_batch(batch, number, tally, second)
        if number % SAMPLE_EVERY[stage.name] == 0:
            trace_sample(batch, number, tally)
        tally.next_batch += 1
        now = time.monotonic()
        tally.seconds = before + now - began
        if now - saved > SAVE_EVERY_S:
            tally.save(path)
            saved = now
    tally.save(path)
    return tally
