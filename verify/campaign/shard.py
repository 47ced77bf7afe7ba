"""One campaign over several processes: each rank has its own seeds, rank 0 writes what all found.

Under torchrun the ranks meet twice, to learn that all are there and to hand over what they found. There
is nothing in between, so a slow rank holds nobody up.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta

from .coverage import Coverage
from .outcome import Outcome, PropertyOutcome, TargetOutcome

SEED_STEP = 1_000_000_007  # between the seeds of two ranks; more than any campaign's cases
MEETING_SECONDS = 600.0  # for the slowest rank to come to an end


def rank_and_size() -> tuple[int, int]:
    """This process's place among those that torchrun started; (0, 1) where it did not."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def one_gpu_a_rank() -> None:
    """Leaves this process, and those that it starts, the GPU of its rank alone."""
    if "LOCAL_RANK" in os.environ and rank_and_size()[1] > 1:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", os.environ["LOCAL_RANK"])


def seed_of(seed: int, rank: int) -> int:
    """The seed of a rank: rank 0 runs what it would run alone."""
    return seed + rank * SEED_STEP


def gathered(outcome: Outcome) -> list[Outcome]:
    """Every rank's outcome, on rank 0; nothing on the others. The processes are our own, so pickle may
    carry them."""
    import torch.distributed as distributed

    rank, size = rank_and_size()
    distributed.init_process_group("gloo", timeout=timedelta(seconds=MEETING_SECONDS))
    found: list[Outcome | None] | None = [None] * size if rank == 0 else None
    distributed.gather_object(outcome, found)
    distributed.destroy_process_group()
    return [item for item in found or [] if item is not None]


def merged(outcomes: list[Outcome]) -> Outcome:
    """The sum of all: counts added, the smallest of the failures kept, the longest time."""
    first = outcomes[0]
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.targets)
    return replace(
        first,
        targets={name: _target([o.targets[name] for o in outcomes if name in o.targets]) for name in names},
        coverage=_coverage([outcome.coverage for outcome in outcomes]),
        seconds=max(outcome.seconds for outcome in outcomes),
        interrupted=any(outcome.interrupted for outcome in outcomes),
        gaps=tuple(dict.fromkeys(gap for outcome in outcomes for gap in outcome.gaps)),
        unavailable={name: told for outcome in outcomes for name, told in outcome.unavailable.items()},
    )


def _coverage(parts: list[Coverage]) -> Coverage:
    total = Coverage()
    for item in fields(Coverage):
        values = [getattr(part, item.name) for part in parts]
        setattr(total, item.name, sum(values, Counter() if isinstance(values[0], Counter) else 0))
    return total


def _target(parts: list[TargetOutcome]) -> TargetOutcome:
    return replace(
        parts[0],
        properties={
            name: _property([part.properties[name] for part in parts]) for name in parts[0].properties
        },
        refused=sum(part.refused for part in parts),
        refusal=next((part.refusal for part in parts if part.refusal), ""),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _property(parts: list[PropertyOutcome]) -> PropertyOutcome:
    failing = [part for part in parts if part.failures]
    told = min(failing, key=lambda part: len(part.story), default=parts[0])
    return replace(
        told,
        cases=sum(part.cases for part in parts),
        rows=sum(part.rows for part in parts),
        failures=sum(part.failures for part in parts),
    )
