"""Mutants of the schedule: which rows have larger teams, of how many CTAs, and where these stand."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE
from .mutant import Mutant, one_edit

FILE = "schedule.cuh"
DISAGREE = "the launches of a call disagree about who takes a row"

ASSIGNING: tuple[Mutant, ...] = (
    one_edit(
        "long-row-a-column-longer", FILE,
        "length < kLongRow * policy.chunk_min", "length <= kLongRow * policy.chunk_min", COMPARISON,
    ),
    one_edit("trivial-rows-have-teams", FILE, "length <= k || length <", "length <", LEFT_OUT),
    one_edit("class-without-its-upper-half", FILE, "2 * octave - 3 + upper", "2 * octave - 3", LEFT_OUT),
    one_edit("upper-half-begins-late", FILE, ">= 3 << octave", "> 3 << octave", COMPARISON),
    one_edit("team-as-large-as-by-the-plan", FILE,
             "return ctas > plan_ctas ? ctas : 0;", "return ctas >= plan_ctas ? ctas : 0;", COMPARISON),
    one_edit("teams-twice-as-large", FILE,
             "(of_class - level + 3) / 2", "(of_class - level + 5) / 2", OFF_BY_ONE),
    one_edit("last-level-one-higher", FILE, "of_class + 3 - 2 * least", "of_class + 4 - 2 * least", DISAGREE),
    one_edit("last-level-one-lower", FILE, "of_class + 3 - 2 * least", "of_class + 2 - 2 * least", DISAGREE),
    one_edit("teams-may-not-fill-the-grid", FILE,
             "teams <= static_cast<uint32_t>(grid.ctas)", "teams < static_cast<uint32_t>(grid.ctas)",
             COMPARISON),
    one_edit("rows-without-teams-do-not-count", FILE,
             "(teams + others <= sms || by_plan > sms)", "true", LEFT_OUT),
    one_edit("crowded-calls-have-no-teams", FILE, "teams + others <= sms || by_plan > sms",
             "teams + others <= sms", LEFT_OUT),
    one_edit("grid-one-team-short", FILE,
             "place < schedule.rows * ctas", "place + ctas < schedule.rows * ctas", OFF_BY_ONE),
    one_edit("rows-of-a-class-in-the-wrong-order", FILE, "const int nth = there / of_team;",
             "const int nth = 0;", LEFT_OUT),
    one_edit("warps-before-not-counted", FILE, "lane_id() < warp_id() ? of_warp : 0",
             "lane_id() <= warp_id() ? of_warp : 0", COMPARISON),
    one_edit("rank-of-the-cluster-not-of-the-team", "persistent.cuh",
             "const int first = ptx::cluster_rank() - own.rank;", "const int first = 0;", LEFT_OUT),
    one_edit("peer-of-the-cluster-not-of-the-team", "cluster_mail.cuh",
             "store_to_peer(inbox + word, landing, first + peer, quad)",
             "store_to_peer(inbox + word, landing, peer, quad)", LEFT_OUT),
    one_edit("long-rows-not-left-to-teams", "persistent.cuh", "return params.grid_ctas > 0 &&",
             "return false && params.grid_ctas > 0 &&", DISAGREE),
    one_edit("empty-rows-left-to-nobody", "persistent.cuh",
             "params.short_max > 0 && length <= params.short_max", "length <= params.short_max", COMPARISON),
)
