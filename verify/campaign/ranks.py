"""One campaign over several processes: each rank has its own seeds, rank 0 writes what all found.

Under torchrun the ranks meet, to learn that all are there, and at their ends hand over what they found.
There is nothing in between, so a slow rank holds nobody up, and one that is lost costs its own part alone.
"""

from __future__ import annotations

import os
import pickle
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from .outcome import Missing, Outcome

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

SEED_STEP = 1_000_000_007  # between the seeds of two ranks; more than any campaign's cases
MEETING_SECONDS = 120.0  # for the last rank to come, before the campaign
HAND_OVER_SECONDS = 600.0  # for the slowest rank to come to an end, after rank 0
LOOK_SECONDS = 0.1  # between looks for what a rank hands over


def rank_and_size() -> tuple[int, int]:
    """This process's place among those that torchrun started; (0, 1) where it did not."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def one_gpu_a_rank() -> None:
    """Leaves this process, and those that it starts, the GPU of its rank alone: of those that the launcher
    shows, if it names any."""
    rank, shown = os.environ.get("LOCAL_RANK"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if rank is None or rank_and_size()[1] == 1 or shown == "":
        return
    names = shown.split(",") if shown else []
    # A launcher may have left each rank its own GPU already, or have more ranks than GPUs.
    os.environ["CUDA_VISIBLE_DEVICES"] = names[int(rank) % len(names)] if names else rank


def seed_of(seed: int, rank: int) -> int:
    """The seed of a rank: rank 0 runs what it would run alone."""
    return seed + rank * SEED_STEP


class RanksApart(Exception):
    """The processes of a launch did not meet; the message says what was expected."""


def meet() -> Store | None:
    """What the ranks of a launch hand their outcomes over in, once all are there; None for one alone.

    Raises RanksApart where they do not come within MEETING_SECONDS.
    """
    rank, size = rank_and_size()
    if size == 1:
        return None
    from torch.distributed.rendezvous import rendezvous

    try:
        store: Store = next(rendezvous("env://", rank, size, timeout=timedelta(seconds=MEETING_SECONDS)))[0]
        store.set(_place("here", rank), "")
        store.wait([_place("here", other) for other in range(size)], timedelta(seconds=MEETING_SECONDS))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RanksApart(
            f"RANK is {rank} of WORLD_SIZE {size}, and not all processes met within {MEETING_SECONDS:g} s "
            f"({reason}); expected {size} with one MASTER_ADDR and MASTER_PORT, as torchrun starts them: "
            "start them all, or unset WORLD_SIZE for one alone"
        ) from error
    return store


def hand_over(outcome: Outcome, store: Store) -> None:
    """Gives rank 0 what this rank found. The processes are our own, so pickle may carry it."""
    store.set(_place("outcome", rank_and_size()[0]), pickle.dumps(outcome).hex())


def gathered(outcome: Outcome, store: Store) -> list[Outcome]:
    """Rank 0's outcome and those that the others hand over. Ranks that do not within HAND_OVER_SECONDS, or
    before an interrupt, are what is missing of the first."""
    size = rank_and_size()[1]
    deadline = time.monotonic() + HAND_OVER_SECONDS
    found = [outcome]
    for rank in range(1, size):
        place = _place("outcome", rank)
        try:
            came = _comes(store, place, deadline)
        except KeyboardInterrupt:
            outcome.interrupted, came, deadline = True, False, 0.0
        if came:
            found.append(pickle.loads(bytes.fromhex(store.get(place).decode())))
        else:
            what = f"the part of rank {rank} of {size}"
            waited = "before the interrupt" if outcome.interrupted else f"within {HAND_OVER_SECONDS:g} s"
            outcome.gaps += (Missing(what, f"it was not handed over {waited}"),)
    return found


def _comes(store: Store, place: str, deadline: float) -> bool:
    """Whether something is put there before the deadline. Waiting in the store would hear no interrupt."""
    while not store.check([place]):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _place(what: str, rank: int) -> str:
    """A name in the store, which a launcher may share with others."""
    return f"persistent-topk/{what}/{rank}"
