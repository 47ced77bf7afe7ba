"""A case and what is known of it, whoever is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...reference import oracle
from ...reference.arguments import PADDING
from ..cases.case import Case
from ..cases.variants import with_legal_lengths
from ..targets.model import model_trace
from ..targets.results import answer_of
from .batch import rows_that_break, with_oracle
from .judge import JUDGES, Expected
from .reading import slots_of


@dataclass
class Subject:
    """A case and what is known of it, computed once and shared by all targets."""

    case: Case
    _expected: Expected | None = None
    _model: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def expected(self) -> Expected:
        if self._expected is None:
            self._expected = self._judged_oracle()
        return self._expected

    def _judged_oracle(self) -> Expected:
        """What the judge expects, after it has judged the oracle's answer. Raises AssertionError as
        with_oracle() does."""
        case = self.case
        if not case.asks and case.lengths is not None:
            return with_oracle(case.logits, case.lengths, case.k)
        expected = Expected.of(case)
        answer = answer_of(oracle.topk(case.logits, case.lengths, case.k, **case.options))
        promises = frozenset(JUDGES)
        slots = slots_of(case, expected, answer, PADDING, promises)
        broken = rows_that_break(slots, promises).nonzero().flatten().tolist()
        if broken:
            raise AssertionError(f"the judge finds rows {broken} of the oracle's answer wrong; expected none")
        return expected

    @property
    def model(self) -> tuple[np.ndarray, np.ndarray]:
        if self._model is None:
            self._model = model_trace(self.case)
        return self._model

    def with_legal_lengths(self) -> Subject:
        """The same question with lengths of 1 to the columns."""
        legal = with_legal_lengths(self.case)
        return self if legal is self.case else Subject(legal)
