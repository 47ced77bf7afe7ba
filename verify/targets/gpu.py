"""The kernel on a GPU as a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...reference import call as reference
from ...reference.trace import TRACE_DTYPE, new_trace
from ..cases.case import Case
from ..properties import OWN_CLAIM
from .given import Given, given_of
from .graph import at_once, decoy_of, replayed
from .guarded import GuardedOutput
from .limits import WHOLE_CALL
from .results import answer_of
from .target import POISONS, Answer, Schedule, Target, TargetFailure, TargetUnavailable

# How a call is made: on the current stream, or beside the same call on another. The number after the
# colon is what its workspace holds at the start.
ALONE, STREAMS = "alone", "streams"
KINDS = (ALONE, STREAMS)
WORD_BYTES = 4
BYTES = 256  # values of a byte
LEAST_DIRTY_BYTES = 4096  # of a workspace that would need none: whoever wrote there is found by the judge


def on_device(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """The case's logits in GPU memory, laid out as in the case, and the lengths of its rows."""
    return given_of(case, "cuda", case.storage.dtype).logits, case.row_lengths.cuda()


class Call:
    """One call's own memory: outputs between canaries over poison, and a workspace of old bytes."""

    def __init__(self, case: Case, given: Given, poison: int, dirt: int) -> None:
        from ...cuda import gpu
        from ...cuda.structs import CallRecord

        call = reference.Call(given.logits, given.lengths, case.k, **given.options)
        values = torch.int32 if case.storage.element_size() == WORD_BYTES else torch.int16
        asked = {"indices": call.index_dtype}
        if call.return_values:
            asked["values"] = values
        if call.return_columns:
            asked["columns"] = torch.int32
        self.guarded = {
            name: GuardedOutput(case.rows, case.k, poison, "cuda", dtype) for name, dtype in asked.items()
        }
        outputs = {name: guarded.output for name, guarded in self.guarded.items()}
        if call.return_values:
            outputs["values"] = outputs["values"].view(case.storage.dtype)
        self.selection = reference.Selection(**outputs)
        self._call, self._record = call, CallRecord.of(call, self.selection)
        needed = gpu.workspace_size(case.rows, case.columns, case.k, policy=case.chosen_policy)
        size = max(LEAST_DIRTY_BYTES, needed)
        self.workspace = torch.full((size,), dirt, dtype=torch.uint8, device="cuda")
        self._policy = case.chosen_policy

    def launch(self, records: torch.Tensor | None = None) -> torch.Tensor:
        """Launches on the current stream: no allocation, no wait."""
        from ...cuda import calls

        call, output, rest = self._call, self.selection.indices, (self._policy, records)
        if call.is_plain and call.lengths is not None:
            calls.launch(call.logits, call.lengths, output, self.workspace, call.k, *rest)
        else:
            calls.launch_record(self._record, call.logits, self.workspace, *rest)
        return output

    def damage(self) -> str | None:
        """What was written beside the outputs, in words, or None."""
        return next(filter(None, (guarded.damage() for guarded in self.guarded.values())), None)


class GpuTarget(Target):
    """Plans for the GPU that is there, so the case's limits are replaced by the device's."""

    name = "gpu"
    claims = OWN_CLAIM
    limits = WHOLE_CALL
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
        given = given_of(case, "cuda", case.storage.dtype)
        try:
            kind, dirt = parsed(schedule)
            first = Call(case, given, poison, dirt)
            if tracing:
                trace = _traced(case, first)
            elif kind == STREAMS:
                trace = None
                _beside(first, Call(case, given, POISONS[0], BYTES - 1 - dirt))
            else:
                trace = None
                first.launch()
            torch.cuda.synchronize()
        except TargetFailure:
            raise
        except Exception as error:
            raise TargetFailure("raised", f"{type(error).__name__}: {error}") from error
        return answer_of(first.selection, trace, given.changed() or first.damage())

    def replay_graph(self, case: Case) -> Answer:
        """Captured with other lengths and a clean workspace, replayed with the case's and a dirty one."""
        given = given_of(case, "cuda", case.storage.dtype)
        counted = given.counted
        wanted = None if counted is None else counted.clone()
        call = Call(case, given, POISONS[0], 0)

        def with_a_decoy() -> None:
            if counted is not None and wanted is not None:
                counted.copy_(decoy_of(wanted))

        def with_the_case() -> None:
            if counted is not None and wanted is not None:
                counted.copy_(wanted)
            call.workspace.random_(0, BYTES)

        replayed(call.launch, with_a_decoy, with_the_case)
        return answer_of(call.selection, None, call.damage())


def parsed(schedule: Schedule) -> tuple[str, int]:
    """(kind, byte of the workspace) of a schedule; alone and clean for an empty one. Raises ValueError."""
    kind, _, dirt = (schedule or f"{ALONE}:0").partition(":")
    if kind not in KINDS or not dirt.isdigit() or int(dirt) >= BYTES:
        raise ValueError(f"schedule is {schedule!r}; expected one of {', '.join(KINDS)}, a colon and a byte")
    return kind, int(dirt)


def _traced(case: Case, call: Call) -> np.ndarray:
    """The records that the kernel left of the call: [rows, ctas]."""
    from ...cuda import gpu

    plan = gpu.plan_for(case.rows, case.columns, case.k, torch.cuda.current_device(), case.chosen_policy)
    trace = new_trace(case.rows, plan.records)
    records = torch.from_numpy(trace.view(np.uint8).reshape(-1)).cuda()
    call.launch(records)
    return records.cpu().numpy().view(TRACE_DTYPE).reshape(trace.shape)


def _beside(first: Call, second: Call) -> None:
    """Both calls at once, on two streams; TargetFailure where they answer differently."""
    ours, theirs = at_once([first.launch, second.launch])
    rows = (ours != theirs).any(dim=1).nonzero()
    if len(rows):
        message = f"row {int(rows[0])} has other bytes in the same call on another stream"
        raise TargetFailure("streams", message, "repeatable-bytes")
