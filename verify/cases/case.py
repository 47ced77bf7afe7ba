"""A case: the exact memory that one call sees, what it asks for, and where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...reference.layout import Layout
from ...reference.plan import A100, H100, SMALL_DEVICE, DeviceLimits, Plan, make_plan
from ...reference.policy import Policy, by_name
from ...reference.schedule import Assignment, schedule
from .asking import Asked, asked_for, numbers_of, of_rows, tensors_of
from .dtypes import memory_of, narrowed, widened
from .windows import row_lengths, said_alike, window_starts

Scalar = str | int | float | bool | None

# Devices that cases are planned for. The two below the real ones have so few SMs that CTAs take
# several rows each, or that no cluster can be formed; the last shares rows without clusters.
DEVICES: dict[str, DeviceLimits] = {
    "h100": H100,
    "small": SMALL_DEVICE,
    "pair": DeviceLimits(sms=2, cluster=2, shared_bytes=SMALL_DEVICE.shared_bytes),
    "single": DeviceLimits(sms=1, cluster=1, shared_bytes=SMALL_DEVICE.shared_bytes),
    "unclustered": DeviceLimits(sms=32, cluster=1, shared_bytes=A100.shared_bytes),
}

# Tails and gaps: columns beyond n, and memory outside of the rows. All would win if they were read.
FILLS: dict[str, int] = {
    "nan": 0x7FC00000,
    "inf": 0x7F800000,
    "1e30": 0x7149F2CA,
    "-nan": 0xFFC00000,
    "-inf": 0xFF800000,
    "zero": 0x00000000,
}
OUTSIDE = FILLS["nan"]
GUARD = 64  # elements of OUTSIDE behind the last row
AS_LENGTHS = -1  # rows: as many as there are lengths


@dataclass(frozen=True)
class Origin:
    """What rebuilds a case: the family's name, its parameters and the seed of its random numbers."""

    family: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    seed: int = 0

    def __str__(self) -> str:
        words = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.family} {words} seed={self.seed}".replace("  ", " ")


@dataclass(frozen=True)
class Case:
    """One call's inputs as they lie in memory.

    storage: any dtype of logits [elements], everything that the logits are a view of, with tails and gaps.
    offset, row_stride: elements; row r starts at storage[offset + r * row_stride]. lengths: as the call has
    them, int32 [rows] mostly. policy: a named policy, or None for the plan's own choice. limits: the device
    that our kernel is planned for; other targets do not see it. cut: how the columns lie over ranks, where
    they do. options: the call's other arguments, of reference.call.Call; none of them has the value that it
    would have if it were left out. rows: by default what lengths [rows] say.
    """

    storage: torch.Tensor
    offset: int
    row_stride: int
    columns: int
    lengths: torch.Tensor | None
    k: int
    policy: str | None = None
    limits: DeviceLimits = H100
    origin: Origin = Origin("none")
    cut: Layout | None = None
    options: Asked = field(default_factory=dict)
    rows: int = AS_LENGTHS

    def __post_init__(self) -> None:
        if self.rows == AS_LENGTHS:
            assert self.lengths is not None, "a case without lengths has to say how many rows it has"
            object.__setattr__(self, "rows", self.lengths.numel() * self.options.get("queries", 1))
        last = self.offset + (self.rows - 1) * self.row_stride + self.columns
        assert self.storage.is_floating_point() and self.storage.dim() == 1
        assert self.lengths is None or self.lengths.dtype == torch.int32
        assert self.offset >= 0 and self.row_stride >= self.columns >= 0 and self.k >= 1, "rows overlap"
        assert self.rows == 0 or last <= self.storage.numel(), "rows lie outside of the storage"

    @property
    def logits(self) -> torch.Tensor:
        """The [rows, columns] view that a target is given."""
        return self.logits_in(self.storage)

    def logits_in(self, storage: torch.Tensor) -> torch.Tensor:
        """The view [rows, columns] of another copy of the storage."""
        return torch.as_strided(storage, (self.rows, self.columns), (self.row_stride, 1), self.offset)

    @property
    def asks(self) -> tuple[str, ...]:
        """What the call has beside float32 logits, lengths [R] and k, by the names of asking.py."""
        return tuple(asked_for(self.storage, self.lengths, self.options))

    @property
    def row_lengths(self) -> torch.Tensor:
        """The columns of each row, not clamped: int32 [rows], the lengths of a plain call of such rows."""
        return row_lengths(self.lengths, self.options, self.rows, self.columns)

    @property
    def starts(self) -> np.ndarray:
        """Where each row's window begins: int64 [rows], 0..columns."""
        return window_starts(self.options, self.rows, self.columns)

    @property
    def room(self) -> np.ndarray:
        """The columns from each row's start on: int64 [rows], the most that its window may have."""
        return self.columns - self.starts

    @property
    def clamped(self) -> np.ndarray:
        """n of each row: int64 [rows], its length clamped to 0..room."""
        return np.clip(self.row_lengths.numpy().astype(np.int64), 0, self.room)

    @property
    def chosen_policy(self) -> Policy | None:
        return None if self.policy is None else by_name(self.policy)

    @property
    def assignments(self) -> list[Assignment]:
        """What of our kernel takes each row."""
        return schedule(torch.from_numpy(self.clamped), self.k, self.plan, self.limits)

    @property
    def plan(self) -> Plan:
        """The plan of our kernel for this call on the case's device."""
        return make_plan(self.rows, self.columns, self.limits, self.chosen_policy)

    def bits(self) -> np.ndarray:
        """uint32 [rows, columns]: the rows from their starts on, as float32 patterns; OUTSIDE behind them."""
        whole = widened(self.logits)
        starts = self.starts
        if not starts.any():
            return whole.copy()
        at = starts[:, None] + np.arange(self.columns)
        moved = np.take_along_axis(whole, np.minimum(at, self.columns - 1), axis=1)
        return np.where(at < self.columns, moved, np.uint32(OUTSIDE))

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """All memory that a call reads and must not change."""
        given = {"storage": self.storage} | ({} if self.lengths is None else {"lengths": self.lengths})
        return given | tensors_of(self.options)

    def digest(self) -> str:
        """Hash of everything a call must not change, and of what else it asks for."""
        digest = hashlib.blake2b(memory_of(self.storage).data, digest_size=16)
        for name, tensor in self.tensors.items():
            if name != "storage":
                digest.update(memory_of(tensor).data)
        if self.asks:
            digest.update(repr((*self.asks, *numbers_of(self.options).items())).encode())
        return digest.hexdigest()

    def has_same_memory(self, other: Case) -> bool:
        """Whether all tensors are those of the other, bit for bit."""
        ours, theirs = self.tensors, other.tensors
        return ours.keys() == theirs.keys() and all(
            np.array_equal(memory_of(ours[name]), memory_of(theirs[name])) for name in ours
        )

    def copy(self) -> Case:
        """The same case in fresh memory, for targets that may write to their inputs."""
        lengths = None if self.lengths is None else self.lengths.clone()
        cloned = {name: tensor.clone() for name, tensor in tensors_of(self.options).items()}
        return replace(
            self, storage=self.storage.clone(), lengths=lengths, options={**self.options, **cloned}
        )


def lay_out(
    rows: Sequence[np.ndarray] | np.ndarray,
    k: int,
    *,
    lengths: Sequence[int] | np.ndarray | None = None,
    columns: int | None = None,
    offset: int = 0,
    gap: int = 0,
    tail: int = OUTSIDE,
    head: int = OUTSIDE,
    dtype: torch.dtype = torch.float32,
    options: Asked | None = None,
    policy: str | None = None,
    limits: DeviceLimits = H100,
    origin: Origin | None = None,
) -> Case:
    """Puts rows (float32 bit patterns, uint32) into one storage of `dtype`.

    lengths: by default those of the rows. columns: by default as many as the rows need. gap: elements
    between the end of a row and the next one's start. tail, head: bit patterns of the columns behind a row's
    own, and before its start. options: the call's other arguments; a row begins at its start. An array of
    rows is as wide as the logits, whatever their starts.
    """
    options = options or {}
    starts = options.get("starts")
    firsts = np.zeros(len(rows), np.int64) if starts is None else np.maximum(starts.numpy(), 0)
    if columns is None and isinstance(rows, np.ndarray):
        columns = rows.shape[1]
    elif columns is None:
        columns = max((len(row) + int(first) for row, first in zip(rows, firsts, strict=True)), default=0)
    stride, firsts = columns + gap, window_starts(options, len(rows), columns)
    memory = np.full(offset + len(rows) * stride + GUARD, OUTSIDE, np.uint32)
    for index, (row, first) in enumerate(zip(rows, firsts.tolist(), strict=True)):
        begin = offset + index * stride
        own = row[: columns - first]
        memory[begin : begin + first] = head
        memory[begin + first : begin + first + len(own)] = own
        memory[begin + first + len(own) : begin + columns] = tail
    if lengths is None:
        lengths = [len(row) for row in rows]
    return Case(
        storage=narrowed(memory, dtype),
        offset=offset,
        row_stride=stride,
        columns=columns,
        lengths=torch.from_numpy(np.asarray(lengths, np.int64).astype(np.int32)),
        k=k,
        policy=policy,
        limits=limits,
        origin=origin or Origin("none"),
        options=options,
        rows=len(rows),
    )


def rebuild(
    case: Case,
    rows: Sequence[np.ndarray] | np.ndarray,
    *,
    lengths: Sequence[int] | np.ndarray | None = None,
    source: Sequence[int] | None = None,
    **changes: Any,
) -> Case:
    """`case` with other rows: keeps k, policy, limits, origin, dtype and what the call asks for, and whatever
    `changes`, of lay_out, does not name.

    lengths: in columns; the call says them as it did, where it can. source: for each row, the one of `case`
    that it stands for; by default the row in the same place.
    """
    source = range(len(rows)) if source is None else source
    keep: dict[str, Any] = {
        "k": case.k,
        "policy": case.policy,
        "limits": case.limits,
        "origin": case.origin,
        "offset": case.offset,
        "gap": case.row_stride - case.columns,
        "dtype": case.storage.dtype,
        "head": _head_of(case),
        "options": of_rows(case.options, source, case.rows),
    }
    laid = lay_out(rows, lengths=lengths, **{**keep, **changes})
    assert laid.lengths is not None
    return said_as(case, laid, laid.lengths.numpy()) if case.asks else laid


def said_as(like: Case, case: Case, lengths: np.ndarray) -> Case:
    """The case with rows of these lengths, in columns, said by the arguments that `like` says its own by."""
    given, options = said_alike(lengths, like.lengths, case.options, case.columns)
    return replace(case, lengths=given, options=options)


def _head_of(case: Case) -> int:
    """The pattern before the first window that does not begin at once."""
    begun = np.flatnonzero(case.starts)
    return int(widened(case.logits[int(begun[0]), :1])[0]) if len(begun) else OUTSIDE


def device_name(limits: DeviceLimits) -> str | None:
    """The name under which DEVICES holds these limits, if it does."""
    return next((name for name, known in DEVICES.items() if known == limits), None)
