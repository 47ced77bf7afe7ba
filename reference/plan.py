"""How a call is laid over a device: the Python mirror of cuda/kernel/plan.cuh, a pure function."""

from __future__ import annotations

from dataclasses import dataclass

from .policy import LATENCY, THROUGHPUT, WARP_SIZE, Policy


@dataclass(frozen=True)
class DeviceLimits:
    """What the plan needs to know of a device.

    sms: multiprocessors. cluster: most CTAs that the hardware keeps resident together (1: no
    clusters). shared_bytes: dynamic shared memory that one CTA may ask for.
    """

    sms: int
    cluster: int
    shared_bytes: int


H100 = DeviceLimits(sms=132, cluster=16, shared_bytes=227 * 1024)
SMALL_DEVICE = DeviceLimits(sms=8, cluster=4, shared_bytes=227 * 1024)


@dataclass(frozen=True)
class Plan:
    """policy: the compiled kernel. teams: groups of CTAs, each taking rows team, team + teams, ...
    ctas: CTAs of a team, which share a row of the large path."""

    policy: Policy
    teams: int
    ctas: int


def is_narrow(columns: int, policy: Policy) -> bool:
    """Whether every row of a call fits the registers of a CTA."""
    return columns <= policy.decode_max


def choose_policy(rows: int, columns: int, limits: DeviceLimits) -> Policy:
    """One row an SM or fewer wants the shortest path; more short rows want several CTAs an SM."""
    crowded = rows > limits.sms and is_narrow(columns, THROUGHPUT)
    return THROUGHPUT if crowded else LATENCY


def make_plan(rows: int, columns: int, k: int, limits: DeviceLimits, policy: Policy | None = None) -> Plan:
    """The launch for `rows` x `columns` logits: a pure function of its arguments.

    The CTAs of a team are the largest power of two with a CTA an SM at most and no chunk of the
    widest row under `chunk_min`.
    """
    policy = policy or choose_policy(rows, columns, limits)
    ctas = 1
    while (
        columns > policy.split_min
        and ctas * 2 <= min(policy.max_ctas, limits.cluster)
        and rows * ctas * 2 <= limits.sms
        and columns >= policy.chunk_min * ctas * 2
    ):
        ctas *= 2
    ctas_per_sm = policy.ctas_per_sm if is_narrow(columns, policy) else 1
    teams = max(1, min(rows, limits.sms * ctas_per_sm // ctas))
    return Plan(policy, teams, ctas)


def chunk_bounds(length: int, ctas: int) -> list[tuple[int, int]]:
    """Columns [begin, end) of each CTA that shares a row of `length`: equal chunks of whole 128 bytes."""
    words = -(-length // WARP_SIZE)
    chunk = -(-words // ctas) * WARP_SIZE
    return [(min(cta * chunk, length), min((cta + 1) * chunk, length)) for cta in range(ctas)]
