"""Trials side by side, each in a process of its own: a mutant may crash, or never end."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from ...cuda.cache import CACHE_VARIABLE
from ..campaign.campaign import Options
from .kept import results_folder
from .mutant import Mutant
from .trial import KILLED, Trial, put_on_trial

BUILDS_KEPT_SECONDS = 86400.0  # another run may be using them
HANG_SECONDS = 1800.0  # a trial that takes longer never ends; all cases take minutes on a busy machine


@dataclass(frozen=True)
class _Running:
    mutant: Mutant
    process: BaseProcess
    began: float


def run_trials(mutants: Sequence[Mutant], seed: int, cases: int, workers: int = 0) -> Iterator[Trial]:
    """Trials in the order in which they end. cases: the most that the campaign puts to each mutant.
    workers: processes at a time; 0: one a core."""
    workers = workers or os.cpu_count() or 1
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.trial"])
    folder = build_folder()
    queue = list(reversed(mutants))
    running: dict[Connection, _Running] = {}
    try:
        while queue or running:
            while queue and len(running) < workers:
                mutant = queue.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(sender, mutant, seed, cases, str(folder)))
                process.start()
                sender.close()
                running[receiver] = _Running(mutant, process, time.monotonic())
            yield from _finished(running)
    finally:
        for left in running.values():
            left.process.kill()


def build_folder() -> Path:
    """Where mutants of the present kernel are compiled; yesterday's of other kernels are removed."""
    folder = results_folder()
    parent = folder.parent
    for other in parent.iterdir() if parent.is_dir() else ():
        if other != folder and time.time() - other.stat().st_mtime > BUILDS_KEPT_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _work(sender: Connection, mutant: Mutant, seed: int, cases: int, folder: str) -> None:
    import torch

    os.environ[CACHE_VARIABLE] = folder
    torch.set_num_threads(1)
    sender.send(put_on_trial(mutant, Options(seed=seed, seconds=None, cases=cases)))


def _finished(running: dict[Connection, _Running]) -> Iterator[Trial]:
    """Waits until a trial has ended or has taken too long, and removes it."""
    soonest = min(item.began for item in running.values()) + HANG_SECONDS
    ready = wait(list(running), timeout=max(0.0, soonest - time.monotonic()))
    for receiver in list(running):
        item = running[receiver]
        spent = round(time.monotonic() - item.began, 2)
        if receiver in ready:
            trial = _received(receiver, item, spent)
        elif spent > HANG_SECONDS:
            item.process.kill()
            trial = Trial(item.mutant.name, KILLED, "hang", f"no end in {spent:.0f} s", seconds=spent)
        else:
            continue
        item.process.join()
        del running[receiver]
        yield trial


def _received(receiver: Connection, item: _Running, spent: float) -> Trial:
    try:
        trial: Trial = receiver.recv()
        return trial
    except EOFError:  # it ended without an answer
        item.process.join()
        ending = f"the process ended with code {item.process.exitcode}"
        return Trial(item.mutant.name, KILLED, "crash", ending, seconds=spent)
