"""The emulator by its public name: the kernel's source on a CPU, as `persistent_topk.cuda.emulated.topk`."""

from .cache import BuildError
from .emulator.library import EmulationError, Schedule, Statistics
from .emulator.topk import load, run, topk

__all__ = ["BuildError", "EmulationError", "Schedule", "Statistics", "load", "run", "topk"]
