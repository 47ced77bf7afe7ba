"""A case and what is known of it, whoever is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cases.case import Case
from ..cases.variants import with_legal_lengths
from ..targets.model import model_trace
from .batch import with_oracle
from .judge import Expected


@dataclass
class Subject:
    """A case and what is known of it, computed once and shared by all targets."""

    case: Case
    _expected: Expected | None = None
    _model: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def expected(self) -> Expected:
        if self._expected is None:
            self._expected = with_oracle(self.case.logits, self.case.lengths, self.case.k)
        return self._expected

    @property
    def model(self) -> tuple[np.ndarray, np.ndarray]:
        if self._model is None:
            self._model = model_trace(self.case)
        return self._model

    def with_legal_lengths(self) -> Subject:
        """The same question with lengths of 1 to the columns."""
        legal = with_legal_lengths(self.case)
        return self if legal is self.case else Subject(legal)
