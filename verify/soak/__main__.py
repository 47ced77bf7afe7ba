"""`python -m persistent_topk.verify.soak`: stages of rows at a GPU's rate, resumable; then the sum."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ...cuda.build import kernel_hash
from .batches import STAGES
from .stage import Tally, merge, run_stage

EXIT_AGREE, EXIT_MISMATCH, EXIT_CANNOT_RUN, EXIT_NOTHING = 0, 1, 3, 4
GOAL_ROWS = {"short": 1_000_000, "long": 10_000}
STAGE_SECONDS = 450.0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m persistent_topk.verify.soak", description=__doc__)
    parser.add_argument("--stage", action="append", choices=sorted(STAGES), help="default: all")
    parser.add_argument("--rows", type=int, help="default: 1,000,000 short ones, 10,000 long ones")
    parser.add_argument("--seconds", type=float, default=STAGE_SECONDS, help="of each stage in this run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/soak"), help="where tallies are kept")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs or resumes the stages and prints the merged tallies as JSON; the exit code says the verdict."""
    options = parse(arguments)
    if not torch.cuda.is_available():
        print("soak needs a CUDA device; torch sees none", file=sys.stderr)
        return EXIT_CANNOT_RUN
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.stage or sorted(STAGES):
        path = options.folder / f"{name}-{options.seed}.json"
        tally = run_stage(STAGES[name], options.seed, options.rows or GOAL_ROWS[name], options.seconds, path)
        print(
            f"{name}: {tally.rows} rows, {tally.traced} traced, {tally.mismatches} wrong, "
            f"{tally.trace_mismatches} traces differ, {tally.rate:.0f} rows/s"
        )
    found = [Tally(**json.loads(path.read_text())) for path in sorted(options.folder.glob("*.json"))]
    total = merge(tally for tally in found if tally.kernel == kernel_hash())
    print(json.dumps(total, indent=1))
    stages = [part for part in total.values() if isinstance(part, dict)]
    if not any(part["rows"] for part in stages):
        return EXIT_NOTHING
    return EXIT_MISMATCH if any(part["mismatches"] for part in stages) else EXIT_AGREE


if __name__ == "__main__":
    sys.exit(main())
