"""How a call is laid over a device: the Python mirror of cuda/kernel/plan.cuh, a pure function.

Source: measured on an H100, as docs/performance.md tells; each number of a Policy has its reason beside it in
cuda/kernel/constants.cuh.
"""

from __future__ import annotations

from dataclasses import dataclass

from .policy import COMPACT, DENSE, LATENCY, MAX_CTAS, SHORT, WARP_SIZE, Policy


@dataclass(frozen=True)
class DeviceLimits:
    """What the plan needs to know of a device.

    sms: multiprocessors. cluster: most CTAs that a cluster may have (1: no clusters, so that a team's CTAs
    are those of a cooperative launch). shared_bytes: dynamic shared memory that one CTA may ask for.
    resident: at [c - 1] the teams of c CTAs, c = 1 to MAX_CTAS, that the device holds at a time; left out,
    as many as its SMs allow.
    """

    sms: int
    cluster: int
    shared_bytes: int
    resident: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        most = self.cluster if self.has_clusters else MAX_CTAS
        by_sms = (self.sms // ctas if ctas <= most else 0 for ctas in range(1, MAX_CTAS + 1))
        object.__setattr__(self, "resident", tuple(self.resident) or tuple(by_sms))

    @property
    def has_clusters(self) -> bool:
        """Whether a team is a cluster; else its CTAs exchange through global memory."""
        return self.cluster > 1

    def without_clusters(self) -> DeviceLimits:
        """The same device as if it had none: a cooperative launch may use every SM."""
        return DeviceLimits(self.sms, 1, self.shared_bytes)


# Asked of an H100 SXM: its groups of 16 or 18 SMs, each of which holds whole clusters.
H100 = DeviceLimits(132, 16, 227 * 1024, (132, 66, 39, 30, 22, 17, 15, 15, 9, 7, 7, 7, 7, 7, 7, 7))
A100 = DeviceLimits(sms=108, cluster=1, shared_bytes=163 * 1024)
SMALL_DEVICE = DeviceLimits(sms=8, cluster=4, shared_bytes=227 * 1024, resident=(8, 4, 2, 1) + (0,) * 12)


@dataclass(frozen=True)
class Plan:
    """policy: the compiled kernel. ctas: CTAs of a row's team, which share it on the large path."""

    policy: Policy
    ctas: int


def is_narrow(columns: int, policy: Policy) -> bool:
    """Whether every row of a call with so many columns is short enough for the policy's decode path."""
    return columns <= policy.decode_max


def choose_policy(rows: int, columns: int, limits: DeviceLimits) -> Policy:
    """The policy for `rows` x `columns` logits on a device of these limits.

    Short rows take few threads, the longest of them only where more than half of the SMs have one: while
    there are fewer, twice the threads are done a little sooner. Else one row an SM or fewer wants the
    shortest path, by the policy whose rows of any length fit the device's shared memory; more rows, longer
    than its decode path takes, want several CTAs an SM.
    """
    if columns <= SHORT.tile or (is_narrow(columns, SHORT) and rows > limits.sms // 2):
        return SHORT
    if limits.shared_bytes < LATENCY.shared_bytes:
        return COMPACT
    crowded = rows > limits.sms and not is_narrow(columns, LATENCY)
    return DENSE if crowded else LATENCY


def make_plan(rows: int, columns: int, limits: DeviceLimits, policy: Policy | None = None) -> Plan:
    """The launch for `rows` x `columns` logits on a device of these limits: a pure function.

    policy: the compiled kernel, None for the choice of choose_policy.
    The CTAs of a team are as many as let every row have a team that is resident, with no chunk of the
    widest row under `chunk_min`.
    """
    policy = policy or choose_policy(rows, columns, limits)
    ctas = 1
    if columns > policy.split_min:
        for more in range(2, policy.max_ctas + 1):
            if rows <= limits.resident[more - 1] and columns >= policy.chunk_min * more:
                ctas = more
    return Plan(policy, ctas)


def chunk_bounds(length: int, ctas: int) -> list[tuple[int, int]]:
    """Columns [begin, end) of each of `ctas` CTAs that share a row of `length` columns.

    Equal chunks of whole 128 bytes; the last ones may be shorter, or empty.
    """
    words = -(-length // WARP_SIZE)
    chunk = -(-words // ctas) * WARP_SIZE
    return [(min(cta * chunk, length), min((cta + 1) * chunk, length)) for cta in range(ctas)]
