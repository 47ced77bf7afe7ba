"""The kernel on a GPU as a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...reference.trace import new_trace
from ..cases import Case
from ..properties import OWN_CLAIM
from .graph import replayed
from .target import Answer, Schedule, Target, TargetFailure, TargetUnavailable


def on_device(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """The case's logits and lengths in GPU memory, laid out as in the case."""
    storage = case.storage.cuda()
    logits = torch.as_strided(storage, (case.rows, case.columns), (case.row_stride, 1), case.offset)
    return logits, case.lengths.cuda()


class GpuTarget(Target):
    """Plans for the GPU that is there, so the case's limits are replaced by the device's."""

    name = "gpu"
    claims = OWN_CLAIM
    own = True
    on_gpu = True

    def prepare(self) -> None:
        if not torch.cuda.is_available():
            raise TargetUnavailable("no CUDA device that torch can use")
        try:
            from ...cuda import gpu

            gpu.topk(torch.zeros(1, 2).cuda(), torch.ones(1, dtype=torch.int32).cuda(), 1)
        except Exception as error:
            raise TargetUnavailable(f"the kernel does not run on this GPU: {error}") from error

    def fingerprint(self) -> str:
        from ...cuda.build import kernel_hash

        return f"kernel {kernel_hash()} on {torch.cuda.get_device_name()}"

    def adapt(self, case: Case) -> Case:
        """The case as this device plans it."""
        from ...cuda.library import device_limits

        return replace(case, limits=device_limits(torch.cuda.current_device()))

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        from ...cuda import gpu

        logits, lengths = on_device(case)
        trace = None
        if tracing:
            plan = gpu.plan_for(case.rows, case.columns, case.k, logits.get_device(), case.chosen_policy)
            trace = new_trace(case.rows, plan.ctas)
        try:
            indices = gpu.topk(logits, lengths, case.k, policy=case.chosen_policy, trace=trace)
            torch.cuda.synchronize()
        except Exception as error:
            raise TargetFailure("raised", f"{type(error).__name__}: {error}") from error
        damage = None
        if not torch.equal(logits.view(torch.int32).cpu(), case.logits.view(torch.int32)):
            damage = "the logits in GPU memory were changed"
        return Answer(indices.cpu().numpy().astype(np.int64), trace, damage)

    def replay_graph(self, case: Case) -> Answer:
        from ...cuda import gpu

        logits, lengths = on_device(case)
        found = replayed(lambda: gpu.topk(logits, lengths, case.k, policy=case.chosen_policy))
        return Answer(found.cpu().numpy().astype(np.int64))
