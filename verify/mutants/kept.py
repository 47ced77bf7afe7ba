"""Trials that an earlier run left: those of a run that was ended early, and the control's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ... import reference
from ...cuda.build import kernel_hash
from ...cuda.cache import cache_dir, digest
from ...cuda.emulator.build import EMULATOR, KERNEL
from ...cuda.sharded.emulated import HEADERS
from .first_look import Hint
from .mutant import Mutant
from .trial import BROKEN, Trial

SOURCES = ("*.cuh", "*.hpp", "*.cpp", "*.py", "*.json")
VERIFY = Path(__file__).parents[1]
UNALTERED = Mutant("the kernel as it is", "nothing: the control, which has to survive", ())


def results_folder() -> Path:
    """Where trials of the present kernel are kept, beside what was compiled for them."""
    return cache_dir() / "mutants" / kernel_hash()


def identity(seed: int, cases: int) -> str:
    """Equal for runs whose trials would be the same: of one kernel, checker, seed and number of cases."""
    folders = (KERNEL, HEADERS, EMULATOR, Path(reference.__path__[0]), VERIFY)
    files = {path for folder in folders for kind in SOURCES for path in folder.rglob(kind)}
    return digest(sorted(files), str(seed), str(cases))


class Kept:
    """Each trial is a line of a file, added as it ends. A run that ends by itself leaves the control's alone,
    so that the next run begins anew."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._control = folder / f"control-{identity}.jsonl"
        self._others = folder / f"unfinished-{identity}.jsonl"

    def trials(self, wanted: Iterable[str]) -> list[Trial]:
        """The trials with these mutants' names that were kept."""
        names = set(wanted)
        found = {trial.name: trial for file in (self._control, self._others) for trial in _read(file)}
        return [trial for name, trial in found.items() if name in names]

    def keep(self, trial: Trial) -> None:
        """Adds a trial. A mutant that could not be run is put on trial again the next time."""
        if trial.verdict == BROKEN:
            return
        file = self._control if trial.name == UNALTERED.name else self._others
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(trial.as_json()) + "\n")

    def finish(self, ended: Iterable[str]) -> None:
        """Forgets the trials of a run that has come to its end."""
        names = set(ended)
        left = [trial for trial in _read(self._others) if trial.name not in names]
        self._others.unlink(missing_ok=True)
        for trial in left:
            self.keep(trial)


def _read(file: Path) -> list[Trial]:
    """The trials of a file's whole lines: the last one is torn where the run was killed."""
    found: list[Trial] = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        with suppress(ValueError):
            told = json.loads(line)
            hint = told["hint"] and Hint.of(told["hint"])
            found.append(Trial(**{**told, "broken": tuple(told["broken"]), "hint": hint}))
    return found
