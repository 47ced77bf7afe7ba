"""Under what circumstances a campaign ran: what a report needs so that a reader can run it again."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ... import __version__
from ...cuda.build import kernel_hash
from ..targets.limits import TargetLimits
from ..targets.target import Place, Target


@dataclass(frozen=True)
class RunFacts:
    """command: as typed, ready for a shell. places: file and line of each target whose source is known.
    limits: of the calls that each target takes."""

    command: str
    date: str
    machine: str
    versions: str
    places: Mapping[str, Place] = field(default_factory=dict)
    limits: Mapping[str, TargetLimits] = field(default_factory=dict)

    def rows(self, seed: int) -> list[tuple[str, str]]:
        """(heading, text) of each fact, with the campaign's seed."""
        lines = [f"{name} ({place.file}:{place.line})" for name, place in self.places.items()]
        facts = [
            ("source", ", ".join(lines)),
            ("versions", self.versions),
            ("machine", self.machine),
            ("date", self.date),
            ("seed", str(seed)),
        ]
        return [fact for fact in facts if fact[1]]


def facts_of(targets: Iterable[Target] = (), command: str = "") -> RunFacts:
    """The facts of this process, and of targets that are prepared. command: as typed."""
    targets = tuple(targets)
    places = {target.name: target.place() for target in targets}
    return RunFacts(
        command=command,
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        machine=f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores{_gpu()}",
        versions=f"version {__version__}, kernel {kernel_hash()}, torch {torch.__version__}, "
        f"Python {platform.python_version()}",
        places={name: place for name, place in places.items() if place is not None},
        limits={target.name: target.limits for target in targets},
    )


def _gpu() -> str:
    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def below(folder: Path, file: str) -> str:
    """The file as a path from `folder`, if it lies below it; else as it is."""
    path, whole = Path(file).resolve(), folder.resolve()
    return path.relative_to(whole).as_posix() if path.is_relative_to(whole) else str(path)
