"""Tallies of the soak: what each stage has verified so far. Files keep them, so that runs resume and add
up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from ...cuda.build import kernel_hash
from ...cuda.environment import driver_version
from ...whole_file import write_json

MOST_FAILURES = 20  # kept in words


class CountedTwice(ValueError):
    """Files of one stage and seed, so that their sum would count the same rows twice; the message names
    them."""


@dataclass
class Tally:
    """What a stage has verified so far, and of what: oracle is the second one's name, "" without one.

    rows: judged by the oracle; traced: of these, records compared with the model's, and policies, paths: how
    many under each; second_rows: judged by a second oracle too; whole_rows: of whole calls over the same
    scores, judged by the oracle, and asked: how many calls asked for what; next_batch: where to go on."""

    stage: str
    seed: int
    kernel: str
    gpu: str
    driver: str
    torch: str
    oracle: str
    next_batch: int = 0
    rows: int = 0
    traced: int = 0
    mismatches: int = 0
    trace_mismatches: int = 0
    second_rows: int = 0
    second_mismatches: int = 0
    whole_rows: int = 0
    whole_mismatches: int = 0
    seconds: float = 0.0
    policies: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def identity(self) -> tuple[str | int, ...]:
        """What must be equal for a run to resume from this tally."""
        return (self.stage, self.seed, self.kernel, self.gpu, self.driver, self.torch, self.oracle)

    @property
    def rate(self) -> float:
        """Rows a second over the whole time of the stage."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def wrong(self) -> int:
        """The number of rows that any judge found wrong."""
        return self.mismatches + self.trace_mismatches + self.second_mismatches + self.whole_mismatches

    def note(self, words: str) -> None:
        """Keeps the description of a failure, unless enough are kept already."""
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(words)

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))


def load(path: Path, stage: str, seed: int, oracle: str) -> Tally:
    """The tally at `path` if it is of this stage and seed, of what is here, and of this second oracle; else
    a fresh one."""
    gpu = torch.cuda.get_device_name()
    fresh = Tally(stage, seed, kernel_hash(), gpu, driver_version(), str(torch.__version__), oracle)
    found = read(path)
    return found if found is not None and found.identity == fresh.identity else fresh


def read(path: Path) -> Tally | None:
    """The tally in a file; None where there is none, such as a file of another version."""
    try:
        return Tally(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def read_all(folder: Path) -> dict[Path, Tally]:
    """The tallies of the present kernel in the folder, by file."""
    kernel = kernel_hash()
    found = {path: read(path) for path in sorted(folder.glob("*.json"))}
    return {path: tally for path, tally in found.items() if tally is not None and tally.kernel == kernel}


def check_counted_once(runs: Mapping[Path, tuple[str, int]]) -> None:
    """Raises CountedTwice unless the files' (stage, seed) are distinct: equal ones are of the same rows."""
    files: dict[tuple[str, int], list[Path]] = {}
    for path, run in runs.items():
        files.setdefault(run, []).append(path)
    for (stage, seed), paths in files.items():
        if len(paths) > 1:
            raise CountedTwice(
                f"{' and '.join(map(str, paths))} count the same rows, of stage {stage} and seed {seed}; "
                "expected one file of each: move others away, and give runs that add up seeds of their own"
            )


def merge(tallies: Mapping[Path, Tally]) -> dict[str, object]:
    """Sums over the files' tallies, stage by stage. Raises CountedTwice; ValueError if they mix kernels."""
    check_counted_once({path: (tally.stage, tally.seed) for path, tally in tallies.items()})
    kernels = sorted({tally.kernel for tally in tallies.values()})
    if len(kernels) > 1:
        raise ValueError(f"tallies are of kernels {', '.join(kernels)}; expected one kernel's")
    total: dict[str, object] = {"kernel": kernels[0] if kernels else None}
    for stage in sorted({tally.stage for tally in tallies.values()}):
        total[stage] = summed([tally for tally in tallies.values() if tally.stage == stage])
    return total


def summed(part: list[Tally]) -> dict[str, object]:
    """The sums of one stage's tallies, as the soak's JSON has them."""
    seconds = sum(tally.seconds for tally in part)
    rows = sum(tally.rows for tally in part)
    policies = sum((Counter(tally.policies) for tally in part), Counter())
    return {
        "rows": rows,
        "traced": sum(tally.traced for tally in part),
        "traced_policies": dict(policies),
        "second_oracle": sum(tally.second_rows for tally in part),
        "whole_calls": sum(tally.whole_rows for tally in part),
        "asked": dict(sum((Counter(tally.asked) for tally in part), Counter())),
        "mismatches": sum(tally.wrong for tally in part),
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds) if seconds else 0,
        "failures": [words for tally in part for words in tally.failures],
    }
