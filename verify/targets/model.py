"""Our structural PyTorch model as a target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ... import reference
from ...cuda.cache import digest
from ...reference import topk
from ...reference.trace import new_trace
from ..cases.case import Case
from ..properties import OWN_CLAIM
from .limits import WHOLE_CALL
from .results import answer_of
from .target import Answer, Schedule, Target, TargetFailure


def model_answer(case: Case) -> Answer:
    """The model's answer to the case, with its records (TRACE_DTYPE [rows, ctas]).

    Raises TypeError or ValueError for a case whose arguments cannot be right.
    """
    trace = new_trace(case.rows, case.plan.records)
    selection = topk(
        case.logits,
        case.lengths,
        case.k,
        policy=case.chosen_policy,
        limits=case.limits,
        trace=trace,
        **case.options,
    )
    return answer_of(selection, trace)


def model_trace(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The model's indices for the case (int64 [rows, k]) and its records, as model_answer() has them."""
    answer = model_answer(case)
    assert answer.trace is not None
    return answer.indices, answer.trace


class ModelTarget(Target):
    name = "model"
    claims = OWN_CLAIM - {"trace-agreement", "graph-replay"}
    limits = WHOLE_CALL
    own = True

    def fingerprint(self) -> str:
        return f"model {digest(sorted(Path(reference.__path__[0]).glob('*.py')))}"

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        try:
            answer = model_answer(case)
        except Exception as error:
            raise TargetFailure("raised", f"{type(error).__name__}: {error}") from error
        return answer if tracing else replace(answer, trace=None)
