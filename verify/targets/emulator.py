"""The kernel's own source, run on the CPU by the emulator, as a target."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from ...reference.policy import POLICIES, SMALL, TINY
from ...reference.trace import new_trace
from ..cases.case import Case
from ..properties import OWN_CLAIM
from .guarded import GuardedOutput
from .limits import WHOLE_CALL
from .results import answer_of
from .target import Answer, Schedule, Target, TargetFailure, TargetUnavailable

# Failures of the emulator's judge that name a property by themselves.
BROKEN_BY_KIND = {"unwritten-output": "fully-written"}
# What a campaign runs: 16-bit logits under the small policies, which reach every path.
KERNELS = [(policy, torch.float32) for policy in POLICIES.values()]
KERNELS += [(policy, dtype) for policy in (SMALL, TINY) for dtype in (torch.bfloat16, torch.float16)]
RESIDENT = (0, 1, 2, 3)  # clusters on the device at once; 0 leaves it to the schedule's kind


class EmulatorTarget(Target):
    name = "emulator"
    claims = OWN_CLAIM - {"graph-replay"}
    limits = WHOLE_CALL
    own = True

    def __init__(self, kernel: Path | None = None) -> None:
        """kernel: the folder of the kernel's headers, for altered copies of it."""
        self._altered: dict[str, Any] = {} if kernel is None else {"kernel": kernel}

    def prepare(self) -> None:
        """Compiles what is not cached, on every core: one library a policy, and of the small ones one of each
        dtype. Raises TargetUnavailable."""
        try:
            from ...cuda.emulator import topk as emulated

            with ThreadPoolExecutor(os.cpu_count()) as builders:
                list(
                    builders.map(
                        lambda kernel: emulated.load(kernel[0], dtype=kernel[1], **self._altered), KERNELS
                    )
                )
        except Exception as error:
            raise TargetUnavailable(f"the emulated kernel does not run here: {error}") from error

    def fingerprint(self) -> str:
        from ...cuda.build import kernel_hash

        return f"kernel {kernel_hash()}"

    def schedule(self, seed: int) -> Schedule:
        """By the seed: every kind in turn, each with other seeds and another number of resident clusters."""
        from ...cuda.emulator.library import KINDS
        from ...cuda.emulator.library import Schedule as Emulated

        kinds = len(KINDS)
        return str(Emulated(KINDS[seed % kinds], seed, resident=RESIDENT[seed // kinds % len(RESIDENT)]))

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        from ...cuda.emulator import topk as emulated

        # The emulator itself guards and poisons outputs of 64 bits.
        wide = "index_dtype" in case.options
        guarded = None if wide else GuardedOutput(case.rows, case.k, poison)
        trace = new_trace(case.rows, case.plan.records) if tracing else None
        try:
            found = emulated.topk(
                case.logits,
                case.lengths,
                case.k,
                policy=case.chosen_policy,
                limits=case.limits,
                schedule=emulated.Schedule.parse(schedule) if schedule else None,
                trace=trace,
                output=guarded.output if guarded else None,
                **self._altered,
                **case.options,
            )
        except emulated.EmulationError as error:
            kind = getattr(error, "kind", type(error).__name__)
            raise TargetFailure(kind, str(error), BROKEN_BY_KIND.get(kind)) from error
        except Exception as error:
            raise TargetFailure("raised", f"{type(error).__name__}: {error}") from error
        return answer_of(found, trace, guarded.damage() if guarded else None)
