"""A case: the exact memory that one call sees, and where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ...reference.layout import Layout
from ...reference.plan import A100, H100, SMALL_DEVICE, DeviceLimits, Plan, make_plan
from ...reference.policy import Policy, by_name
from ...reference.schedule import Assignment, schedule

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

    storage: float32 [elements], everything that the logits are a view of, with tails and gaps.
    offset, row_stride: elements; row r starts at storage[offset + r * row_stride]. lengths: int32
    [rows]. policy: a named policy, or None for the plan's own choice. limits: the device that our
    kernel is planned for; other targets do not see it. cut: how the columns lie over ranks, where they do.
    """

    storage: torch.Tensor
    offset: int
    row_stride: int
    columns: int
    lengths: torch.Tensor
    k: int
    policy: str | None = None
    limits: DeviceLimits = H100
    origin: Origin = Origin("none")
    cut: Layout | None = None

    def __post_init__(self) -> None:
        last = self.offset + (self.rows - 1) * self.row_stride + self.columns
        assert self.storage.dtype == torch.float32 and self.storage.dim() == 1
        assert self.lengths.dtype == torch.int32 and self.lengths.dim() == 1
        assert self.offset >= 0 and self.row_stride >= self.columns >= 0 and self.k >= 1, "rows overlap"
        assert self.rows == 0 or last <= self.storage.numel(), "rows lie outside of the storage"

    @property
    def rows(self) -> int:
        return self.lengths.numel()

    @property
    def logits(self) -> torch.Tensor:
        """The float32 [rows, columns] view that a target is given."""
        return torch.as_strided(self.storage, (self.rows, self.columns), (self.row_stride, 1), self.offset)

    @property
    def clamped(self) -> np.ndarray:
        """n of each row: int64 [rows], lengths clamped to 0..columns."""
        return np.clip(self.lengths.numpy().astype(np.int64), 0, self.columns)

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
        """uint32 [rows, columns]: a copy of the logits' bit patterns."""
        return self.logits.view(torch.int32).numpy().view(np.uint32).copy()

    def digest(self) -> str:
        """Hash of everything a call must not change: the whole storage and the lengths."""
        digest = hashlib.blake2b(self.storage.numpy().data, digest_size=16)
        digest.update(self.lengths.numpy().data)
        return digest.hexdigest()

    def has_same_memory(self, other: Case) -> bool:
        """Whether the storage and the lengths are those of the other, bit for bit."""
        pairs = (
            (self.storage.view(torch.int32), other.storage.view(torch.int32)),
            (self.lengths, other.lengths),
        )
        return all(torch.equal(one, another) for one, another in pairs)

    def copy(self) -> Case:
        """The same case in fresh memory, for targets that may write to their inputs."""
        return replace(self, storage=self.storage.clone(), lengths=self.lengths.clone())


def lay_out(
    rows: Sequence[np.ndarray] | np.ndarray,
    k: int,
    *,
    lengths: Sequence[int] | np.ndarray | None = None,
    columns: int | None = None,
    offset: int = 0,
    gap: int = 0,
    tail: int = OUTSIDE,
    policy: str | None = None,
    limits: DeviceLimits = H100,
    origin: Origin | None = None,
) -> Case:
    """Puts rows (bit patterns, uint32) into one storage.

    lengths: by default those of the rows. columns: by default the longest row. gap: elements between
    the end of a row and the next one's start. tail: bit pattern of the columns beyond a row's own.
    """
    if columns is None and isinstance(rows, np.ndarray):
        columns = rows.shape[1]
    elif columns is None:
        columns = max((len(row) for row in rows), default=0)
    stride = columns + gap
    memory = np.full(offset + len(rows) * stride + GUARD, OUTSIDE, np.uint32)
    for index, row in enumerate(rows):
        start = offset + index * stride
        memory[start : start + len(row)] = row
        memory[start + len(row) : start + columns] = tail
    if lengths is None:
        lengths = [len(row) for row in rows]
    return Case(
        storage=torch.from_numpy(memory.view(np.int32)).view(torch.float32),
        offset=offset,
        row_stride=stride,
        columns=columns,
        lengths=torch.from_numpy(np.asarray(lengths, np.int64).astype(np.int32)),
        k=k,
        policy=policy,
        limits=limits,
        origin=origin or Origin("none"),
    )


def rebuild(case: Case, rows: Sequence[np.ndarray] | np.ndarray, **changes: object) -> Case:
    """`case` with other rows: keeps k, policy, limits and origin, and whatever `changes` does not name."""
    keep: dict[str, object] = {
        "k": case.k,
        "policy": case.policy,
        "limits": case.limits,
        "origin": case.origin,
        "offset": case.offset,
        "gap": case.row_stride - case.columns,
    }
    keep.update(changes)
    return lay_out(rows, **keep)  # type: ignore[arg-type]


def device_name(limits: DeviceLimits) -> str | None:
    """The name under which DEVICES holds these limits, if it does."""
    return next((name for name, known in DEVICES.items() if known == limits), None)
