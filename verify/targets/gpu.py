"""The kernel on a GPU as a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...reference.trace import TRACE_DTYPE, new_trace
from ..cases.case import Case
from ..properties import OWN_CLAIM
from .graph import at_once, decoy_of, replayed
from .guarded import GuardedOutput
from .target import POISONS, Answer, Schedule, Target, TargetFailure, TargetUnavailable

# How a call is made: on the current stream, or beside the same call on another. The number after the
# colon is what its workspace holds at the start.
ALONE, STREAMS = "alone", "streams"
KINDS = (ALONE, STREAMS)
BYTES = 256  # values of a byte
LEAST_DIRTY_BYTES = 4096  # of a workspace that would need none: whoever wrote there is found by the judge


def on_device(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """The case's logits and lengths in GPU memory, laid out as in the case."""
    storage = case.storage.cuda()
    logits = torch.as_strided(storage, (case.rows, case.columns), (case.row_stride, 1), case.offset)
    return logits, case.lengths.cuda()


class Call:
    """One call's own memory: an output between canaries over poison, and a workspace of old bytes."""

    def __init__(
        self, case: Case, logits: torch.Tensor, lengths: torch.Tensor, poison: int, dirt: int
    ) -> None:
        from ...cuda import gpu

        self.logits, self.lengths, self.k = logits, lengths, case.k
        self.guarded = GuardedOutput(case.rows, case.k, poison, "cuda")
        needed = gpu.workspace_size(case.rows, case.columns, case.k, policy=case.chosen_policy)
        size = max(LEAST_DIRTY_BYTES, needed)
        self.workspace = torch.full((size,), dirt, dtype=torch.uint8, device="cuda")
        self._policy = case.chosen_policy

    def launch(self, records: torch.Tensor | None = None) -> torch.Tensor:
        """Launches on the current stream: no allocation, no wait."""
        from ...cuda import calls

        output = self.guarded.output
        calls.launch(self.logits, self.lengths, output, self.workspace, self.k, self._policy, records)
        return output


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

            lengths = torch.ones(1, dtype=torch.int32, device="cuda")
            gpu.topk(torch.zeros(1, 2, device="cuda"), lengths, 1)
        except Exception as error:
            raise TargetUnavailable(f"the kernel does not run on this GPU: {error}") from error

    def fingerprint(self) -> str:
        from ...cuda.build import kernel_hash

        return f"kernel {kernel_hash()} on {torch.cuda.get_device_name()}"

    def adapt(self, case: Case) -> Case:
        """The case as this device plans it."""
        from ...cuda.calls import device_limits

        return replace(case, limits=device_limits(torch.cuda.current_device()))

    def schedule(self, seed: int) -> Schedule:
        """Alone and beside another call in turn, each over a workspace of other bytes."""
        return f"{KINDS[seed % len(KINDS)]}:{seed // len(KINDS) % BYTES}"

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        logits, lengths = on_device(case)
        try:
            kind, dirt = parsed(schedule)
            first = Call(case, logits, lengths, poison, dirt)
            if tracing:
                trace = _traced(case, first)
            elif kind == STREAMS:
                trace = None
                _beside(first, Call(case, logits, lengths, POISONS[0], BYTES - 1 - dirt))
            else:
                trace = None
                first.launch()
            torch.cuda.synchronize()
        except TargetFailure:
            raise
        except Exception as error:
            raise TargetFailure("raised", f"{type(error).__name__}: {error}") from error
        damage = first.guarded.damage()
        if not torch.equal(logits.view(torch.int32).cpu(), case.logits.view(torch.int32)):
            damage = "the logits in GPU memory were changed"
        if not torch.equal(lengths.cpu(), case.lengths):
            damage = "the lengths in GPU memory were changed"
        return Answer(first.guarded.output.cpu().numpy().astype(np.int64), trace, damage)

    def replay_graph(self, case: Case) -> Answer:
        """Captured with other lengths and a clean workspace, replayed with the case's and a dirty one."""
        logits, lengths = on_device(case)
        wanted, decoy = lengths.clone(), decoy_of(lengths)
        call = Call(case, logits, lengths, POISONS[0], 0)

        def with_the_case() -> None:
            lengths.copy_(wanted)
            call.workspace.random_(0, BYTES)

        found = replayed(call.launch, lambda: lengths.copy_(decoy), with_the_case)
        return Answer(found.cpu().numpy().astype(np.int64), None, call.guarded.damage())


def parsed(schedule: Schedule) -> tuple[str, int]:
    """(kind, byte of the workspace) of a schedule; alone and clean for an empty one. Raises ValueError."""
    kind, _, dirt = (schedule or f"{ALONE}:0").partition(":")
    if kind not in KINDS or not dirt.isdigit() or int(dirt) >= BYTES:
        raise ValueError(f"schedule is {schedule!r}; expected one of {', '.join(KINDS)}, a colon and a byte")
    return kind, int(dirt)


def _traced(case: Case, call: Call) -> np.ndarray:
    """The records that the kernel left of the call: [rows, ctas]."""
    from ...cuda import gpu

    plan = gpu.plan_for(case.rows, case.columns, case.k, call.logits.get_device(), case.chosen_policy)
    trace = new_trace(case.rows, plan.records)
    records = torch.from_numpy(trace.view(np.uint8).reshape(-1)).to(call.logits.device)
    call.launch(records)
    return records.cpu().numpy().view(TRACE_DTYPE).reshape(trace.shape)


def _beside(first: Call, second: Call) -> None:
    """Both calls at once, on two streams; TargetFailure where they answer differently."""
    ours, theirs = at_once([first.launch, second.launch])
    rows = (ours != theirs).any(dim=1).nonzero()
    if len(rows):
        message = f"row {int(rows[0])} has other bytes in the same call on another stream"
        raise TargetFailure("streams", message, "repeatable-bytes")
