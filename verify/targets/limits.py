"""What calls a target takes, as its author states it: by options, or by attributes of the function."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from ...reference.policy import MAX_K
from ..cases.asking import ARGUMENTS, KEYWORDS, VALUES, WORDS
from ..cases.case import Case, rebuild
from ..cases.dtypes import DTYPES

GIVEN = 3  # the first parameters of a function: logits, lengths, k
SEQUENCES = (tuple, list, set, frozenset, range)


@dataclass(frozen=True)
class TargetLimits:
    """Each is None where nothing is stated.

    max_rows, max_columns, max_k: of one call. ks: the values of k. stride_multiple: row strides, and where
    the first row starts, are multiples of it, in elements. contiguous: rows lie end to end. dtype: of the
    logits, names in DTYPES with commas between; what is no call of 16-bit logits has the first. padding: what
    stands behind the min(k, n)-th slot. takes: what it takes of a whole call, names of cases/asking.py.
    """

    max_rows: int | None = None
    max_columns: int | None = None
    max_k: int | None = None
    ks: tuple[int, ...] | None = None
    stride_multiple: int | None = None
    contiguous: bool | None = None
    dtype: str | None = None
    padding: int | None = None
    takes: tuple[str, ...] | None = None

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple((self.dtype or "float32").split(","))

    @property
    def whole(self) -> frozenset[str]:
        """What of a whole call the target takes: names of arguments, and of dtypes but float32."""
        return frozenset((*self.dtypes, *(self.takes or ()))) - {"float32", VALUES}

    @property
    def torch_dtype(self) -> torch.dtype:
        """Of the logits of a plain call."""
        return DTYPES[self.dtypes[0]]

    def dtype_for(self, case: Case) -> torch.dtype:
        """Of the logits that the target is given for a case that it takes."""
        return self.torch_dtype if case.storage.dtype == torch.float32 else case.storage.dtype

    def over(self, other: TargetLimits) -> TargetLimits:
        """These limits, and the other's where these state nothing; both take what either does."""
        both = replace(other, **{name: value for name, value in asdict(self).items() if value is not None})
        return replace(both, takes=tuple(dict.fromkeys((*(other.takes or ()), *(self.takes or ())))) or None)

    def beyond(self, k: int, rows: int, columns: int, step: int) -> str | None:
        """The limit that a call of so many rows and columns with this k is beyond, in words, or None. step:
        what the row stride and the start are multiples of, in elements; the row stride itself where rows have
        to lie end to end."""
        if self.ks is not None and k not in self.ks:
            return f"k is one of {', '.join(map(str, self.ks))}"
        for name, number, noun in (
            ("max_k", k, "k is at most {}"),
            ("max_rows", rows, "at most {} rows"),
            ("max_columns", columns, "at most {} columns"),
        ):
            most = getattr(self, name)
            if most is not None and number > most:
                return noun.format(most)
        if step % (self.stride_multiple or 1):
            return f"row strides are multiples of {self.stride_multiple}"
        if self.contiguous and rows > 1 and step != columns:
            return "rows lie end to end"
        return None

    def refuses(self, case: Case) -> str | None:
        """The limit that a case is beyond, in words, or None."""
        unknown = [name for name in case.asks if name not in (*self.dtypes, *(self.takes or ()))]
        if unknown:
            return f"it takes no {', '.join(WORDS.get(name, name) for name in unknown)}"
        # Both are multiples of what their greatest common divisor is a multiple of.
        step = case.row_stride if self.contiguous else math.gcd(case.row_stride, case.offset)
        beyond = self.beyond(case.k, case.rows, case.columns, step)
        if beyond is None and not _is_representable(case.storage, self._rounded(case.storage)):
            return f"logits are {self.dtypes[0]}"
        return beyond

    def fit(self, case: Case) -> Case:
        """The case with its values rounded and its rows laid out as the target takes them. Its sizes and k
        stay: it may be refused all the same."""
        rounded = self._rounded(case.storage)
        fitted = case if _is_representable(case.storage, rounded) else replace(case, storage=rounded)
        multiple = self.stride_multiple or 1
        apart = bool(self.contiguous) and case.rows > 1 and case.row_stride != case.columns
        if apart or math.gcd(case.row_stride, case.offset) % multiple:
            gap = 0 if self.contiguous else -case.columns % multiple
            fitted = rebuild(fitted, fitted.bits(), lengths=case.row_lengths.numpy(), offset=0, gap=gap)
        return fitted

    def _rounded(self, storage: torch.Tensor) -> torch.Tensor:
        if self.torch_dtype == torch.float32 or storage.dtype != torch.float32:
            return storage
        return storage.to(self.torch_dtype).float()


NAMES = tuple(field.name for field in fields(TargetLimits))
WHOLE_CALL = TargetLimits(dtype=",".join(DTYPES), takes=ARGUMENTS)  # of our own


def _is_representable(storage: torch.Tensor, rounded: torch.Tensor) -> bool:
    """Whether rounding changes no value. Of NaN it may change the bits: conversions differ in them."""
    if storage is rounded:
        return True
    same = storage.view(torch.int32) == rounded.view(torch.int32)
    return bool((same | (storage.isnan() & rounded.isnan())).all())


def limits_of(stated: Mapping[str, Any], whose: str = "") -> TargetLimits:
    """The limits in a mapping of their names; None states nothing. whose: what error messages put before a
    name. Raises TypeError for a name that is no limit's, ValueError for a value that cannot be one."""
    for name in stated:
        if name not in NAMES:
            raise TypeError(f"{whose}{name} is no limit; expected some of {', '.join(NAMES)}")
    return _stated(stated, whose)


def stated_by(function: object, whose: str = "") -> TargetLimits:
    """The limits that attributes of a function state, and what it takes by the names of its parameters.
    Raises ValueError as `limits_of` does."""
    stated = _stated({name: getattr(function, name, None) for name in NAMES}, whose)
    takes = tuple(dict.fromkeys((*(stated.takes or ()), *_parameters(function))))
    return replace(stated, takes=takes or None)


def _parameters(function: object) -> list[str]:
    """The arguments of a whole call that a function has parameters for."""
    try:
        names = list(inspect.signature(function).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a builtin that does not tell its signature
        return []
    return [name for name in names[GIVEN:] if name in KEYWORDS]


def _stated(stated: Mapping[str, Any], whose: str) -> TargetLimits:
    given = {name: value for name, value in stated.items() if value is not None}
    return TargetLimits(**{name: _checked(f"{whose}{name}", name, value) for name, value in given.items()})


def _checked(named: str, name: str, value: Any) -> Any:
    if name == "ks":
        ks = tuple(value) if isinstance(value, SEQUENCES) else (value,)
        if not ks or not all(_is_count(k) and k <= MAX_K for k in ks):
            raise ValueError(f"{named} is {value!r}; expected values of k, each 1 to {MAX_K}")
        return ks
    if name == "dtype":
        return ",".join(_known(named, value, tuple(DTYPES)))
    if name == "takes":
        return _known(named, value, (*ARGUMENTS, VALUES))
    if name == "contiguous":
        if not isinstance(value, bool):
            raise ValueError(f"{named} is {value!r}; expected True or False")
        return value
    if name == "padding":
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{named} is {value!r}; expected a whole number")
        return value
    if not _is_count(value):
        raise ValueError(f"{named} is {value!r}; expected a whole number above 0")
    return value


def _known(named: str, value: Any, expected: tuple[str, ...]) -> tuple[str, ...]:
    """The names in a sequence, or with commas between."""
    words = tuple(value) if isinstance(value, SEQUENCES) else str(value).split(",")
    names = tuple(str(word).strip().removeprefix("torch.") for word in words)
    if not names or not set(names) <= set(expected):
        raise ValueError(f"{named} is {value!r}; expected one of {', '.join(expected)}")
    return names


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
