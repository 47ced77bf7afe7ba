"""What a mutant is put on trial as: a target that tells the mutant's doing from the machine's."""

from __future__ import annotations

from pathlib import Path

from ...cuda.build import BuildError
from ...cuda.emulator.build import KERNEL
from ...cuda.emulator.library import EmulationError
from ...cuda.sharded.emulated import HEADERS
from ...reference.sharded import PAIRS
from ..cases.case import Case
from ..targets.emulator import EmulatorTarget
from ..targets.function import FunctionTarget
from ..targets.sharded import function_of, function_of_altered, function_of_stages
from ..targets.target import Answer, Schedule, TargetFailure
from .mutant import Mutant


class MutantTarget(EmulatorTarget):
    """The emulated kernel of altered headers. A policy is compiled when a case first asks for it: most
    mutants are dead before all are needed."""

    def __init__(self, kernel: Path) -> None:
        super().__init__(kernel)
        self.failure: TargetFailure | None = None
        self._traced = False

    def prepare(self) -> None:
        """Nothing: see the class."""

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        try:
            return super().call(case, poison, schedule, tracing or self._traced)
        except TargetFailure as failure:
            if not isinstance(failure.__cause__, EmulationError):  # no doing of the kernel's
                raise NoTrial(f"{failure}") from failure.__cause__
            self.failure = self.failure or failure
            raise


class NoTrial(Exception):
    """The mutant could not be run: it does not compile, or this machine failed."""


class RanksTarget(FunctionTarget):
    """Ranks in one process, of an altered model or with an altered merge. What it raises is its own doing,
    unless it did not compile."""

    failure: TargetFailure | None = None

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        try:
            return super().call(case, poison, schedule, tracing)
        except TargetFailure as failure:
            if isinstance(failure.__cause__, BuildError):
                raise NoTrial(f"{failure}") from failure.__cause__
            self.failure = self.failure or failure
            raise


def target_of(mutant: Mutant, folder: Path) -> MutantTarget | RanksTarget:
    """What the altered files in `folder` are put on trial as."""
    if mutant.of == KERNEL:
        return MutantTarget(folder)
    if mutant.of == HEADERS:
        in_merge = {edit.file for edit in mutant.edits} == {"merge.cuh"}
        by_source = function_of(PAIRS, folder, emulate=True) if in_merge else function_of_stages(folder)
        return RanksTarget(mutant.name, by_source)
    return RanksTarget(mutant.name, function_of_altered(folder))
