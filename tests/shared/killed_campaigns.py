"""Campaigns that are killed: python killed_campaigns.py FOLDER KILLS SEED.

Forks a campaign over the state in FOLDER, kills it after a random while, reads what it kept, and so on,
until KILLS of them have kept something; prints a JSON line for each. Imported once, so that the children
spend their time in the campaign.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import wrong_topk

from persistent_topk.verify.campaign import state as state_module
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome, new_outcome
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.targets.function import FunctionTarget

LONGEST_LIFE = 1.0  # seconds, of a child
KEEP_SECONDS = 0.005  # so that many kills fall into a write


def target() -> FunctionTarget:
    return FunctionTarget("last_column_ties", wrong_topk.last_column_ties, CLAIMS["contract"])


def opened(folder: Path) -> state_module.State:
    return state_module.State(folder, state_module.identity_of([target()]))


def campaign(folder: Path) -> None:
    state_module.KEEP_SECONDS = KEEP_SECONDS
    state = opened(folder)
    options = Options(seed=state.seed(0), seconds=60.0, failures=state.failures, state=state)
    Campaign([target()], options).run()


def kept(folder: Path) -> dict[str, object]:
    """What the folder holds, read as the next run does, without taking a run's number."""
    body = json.loads((folder / "state.json").read_bytes())["body"]
    outcome = Outcome(
        0, {"last_column_ties": new_outcome("last_column_ties", CLAIMS["contract"], False, False)}
    )
    state = opened(folder)
    found = state_module.Counterexamples(state.failures)
    state.resume(outcome, found, [target()])
    state.close()
    return {
        "runs": body["runs"],
        "cases": outcome.coverage.cases,
        "rows": outcome.coverage.rows,
        "failing": outcome.targets["last_column_ties"].failing(),
        "replays": [str(item.outcome.replay) for item in found.found.values()],
    }


def main() -> None:
    folder, kills, draw = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    while kills:
        child = os.fork()
        if child == 0:
            campaign(folder)
            os._exit(0)
        time.sleep(draw.uniform(0.0, LONGEST_LIFE))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
        if (folder / "state.json").exists():
            print(json.dumps(kept(folder)), flush=True)
            kills -= 1


if __name__ == "__main__":
    main()
