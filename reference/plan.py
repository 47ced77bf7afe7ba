"""The plan of a launch, a pure function of rows, columns and device: the mirror of cuda/kernel/plan.cuh.

Source: measurements on an H100, in docs/performance-diary.md. Each number of a Policy has its reason in
cuda/kernel/constants.cuh.
"""

from __future__ import annotations

from dataclasses import dataclass

from .policy import COMPACT, DENSE, LATENCY, MAX_CTAS, SHORT, WARP_SIZE, Policy


@dataclass(frozen=True)
class DeviceLimits:
    """The facts of a device that the plan depends on.

    sms: number of multiprocessors. cluster: most CTAs of a cluster; 1: the device has no clusters, and a team
    is CTAs of a cooperative launch. shared_bytes: most dynamic shared memory of a CTA. resident: at [c - 1]
    the number of teams of c CTAs, c = 1 to MAX_CTAS, that the device runs at once; by default as many as its
    SMs allow.
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
        """Whether a team is a cluster. If not, its CTAs exchange through global memory."""
        return self.cluster > 1

    def without_clusters(self) -> DeviceLimits:
        """The same device without clusters: a cooperative launch may use every SM."""
        return DeviceLimits(self.sms, 1, self.shared_bytes)


# Asked of an H100 SXM: its groups of 16 or 18 SMs, each of which holds whole clusters.
H100 = DeviceLimits(132, 16, 227 * 1024, (132, 66, 39, 30, 22, 17, 15, 15, 9, 7, 7, 7, 7, 7, 7, 7))
H200 = H100  # the same processor, with faster memory: asked of an H200
A100 = DeviceLimits(sms=108, cluster=1, shared_bytes=163 * 1024)
DEVICES_BY_NAME = {"h200": H200, "h100": H100, "a100": A100}
SMALL_DEVICE = DeviceLimits(sms=8, cluster=4, shared_bytes=227 * 1024, resident=(8, 4, 2, 1) + (0,) * 12)


LAUNCHES = (LARGER_TEAMS, BY_PLAN, SHORT_ROWS) = ("larger teams", "by the plan", "short rows")
# The kernels of a policy, as Entry in launches.cuh has them, in its order.
ENTRIES = (
    "wide",
    "shared",
    "narrow",
    "narrowest",
    "cooperative",
    "teams",
    "short-rows",
    "wide-rest",
    "shared-rest",
)
LEAST_GROWTH = 4  # larger teams are worth a launch where they may be so many times as large as by the plan


@dataclass(frozen=True)
class Plan:
    """The launches of a call.

    One launch gives every row a team of the same size. Where the longest row may take far longer than the
    others, a launch before it gives the longest rows larger teams (schedule.py). Where there are more rows
    than SMs, a launch behind it takes the short rows.

    policy: selects the compiled kernel. ctas: CTAs in the team of each row. grid_ctas: CTAs of the launch of
    larger teams; 0: there is none. short_max: longest row of the launch for short ones; 0: there is none.
    """

    policy: Policy
    ctas: int
    grid_ctas: int = 0
    short_max: int = 0

    @property
    def launches(self) -> dict[int, Policy]:
        """The call's launches: by their number among LAUNCHES, the policy of each."""
        policies = (
            policy_of_teams(self.policy) if self.grid_ctas else None,
            self.policy,
            SHORT if self.short_max else None,
        )
        return {number: policy for number, policy in enumerate(policies) if policy}

    def entries(self, columns: int, limits: DeviceLimits) -> dict[int, str]:
        """The one of ENTRIES that runs each launch, by their number: the mirror of launches_of().

        columns: width of the buffer. limits: the device.
        """
        rest = "-rest" if len(self.launches) > 1 else ""
        if self.ctas > 1:
            by_plan = f"shared{rest}" if limits.has_clusters else "cooperative"
        elif is_narrow(columns, self.policy):
            by_plan = "narrowest" if columns <= self.policy.tile else "narrow"
        else:
            by_plan = f"wide{rest}"
        return {number: ("teams", by_plan, "short-rows")[number] for number in self.launches}

    @property
    def records(self) -> int:
        """CTAs of the largest team that a row of the call may have: the records of a row in a trace."""
        return policy_of_teams(self.policy).max_ctas if self.grid_ctas else self.ctas


def is_narrow(columns: int, policy: Policy) -> bool:
    """Whether `columns` is at most the longest row of the policy's decode path."""
    return columns <= policy.decode_max


def choose_policy(rows: int, columns: int, limits: DeviceLimits) -> Policy:
    """The policy for `rows` x `columns` logits on a device of these limits.

    Short rows get few threads a CTA. The longest of them do so only if more than half of the SMs have a row:
    with fewer rows, twice the threads finish a little sooner. Other calls get the lowest latency, by the
    policy that fits the device's shared memory. If there are more rows than SMs, and rows may be too long for
    the decode path of that policy, SMs get several CTAs each.
    """
    if columns <= SHORT.tile or (is_narrow(columns, SHORT) and rows > limits.sms // 2):
        return SHORT
    if limits.shared_bytes < LATENCY.shared_bytes:
        return COMPACT
    crowded = rows > limits.sms and not is_narrow(columns, LATENCY)
    return DENSE if crowded else LATENCY


def policy_of_teams(policy: Policy) -> Policy:
    """The policy of a call's larger teams: another where `policy` shares no row."""
    return policy if policy.max_ctas > 1 else LATENCY


def plan_grid_ctas(columns: int, limits: DeviceLimits, policy: Policy, ctas: int) -> int:
    """CTAs of the launch of larger teams; 0: none is worth it.

    columns: width of the buffer. limits: the device. policy, ctas: what the plan gives every row.
    One cluster fewer than are resident, if there are several: the last of them would have to wait until a
    whole group of SMs has nothing else.
    """
    most = policy_of_teams(policy).max_ctas
    uneven = columns > policy.chunk_max * ctas
    worth = ctas * LEAST_GROWTH <= most
    resident = limits.resident[most - 1]
    clusters = resident - 1 if resident > 1 else resident
    return clusters * most if limits.has_clusters and uneven and worth else 0


def make_plan(rows: int, columns: int, limits: DeviceLimits, policy: Policy | None = None) -> Plan:
    """The launch for `rows` x `columns` logits on a device of these limits: a pure function.

    policy: that of the compiled kernel; None: the one of choose_policy. A team has as many CTAs as possible
    while the teams of all rows are resident and each chunk of the widest row has `chunk_min` columns.
    """
    chosen = policy is None
    policy = policy or choose_policy(rows, columns, limits)
    ctas = 1
    if columns > policy.split_min:
        for more in range(2, policy.max_ctas + 1):
            if rows <= limits.resident[more - 1] and columns >= policy.chunk_min * more:
                ctas = more
    may_have_teams = chosen or policy.max_ctas > 1
    grid_ctas = plan_grid_ctas(columns, limits, policy, ctas) if may_have_teams else 0
    return Plan(policy, ctas, grid_ctas, SHORT.decode_max if chosen and policy is DENSE else 0)


def chunk_bounds(length: int, ctas: int) -> list[tuple[int, int]]:
    """Columns [begin, end) of each of `ctas` CTAs that share a row of `length` columns.

    Chunks are equal and of whole 128 bytes; the last chunks may be shorter, or empty.
    """
    words = -(-length // WARP_SIZE)
    chunk = -(-words // ctas) * WARP_SIZE
    return [(min(cta * chunk, length), min((cta + 1) * chunk, length)) for cta in range(ctas)]
