// The launches that a call is made of, and the entry of a policy that each starts.
// The Python mirror is Plan.launches() of reference/plan.py.
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "plan.cuh"

namespace persistent_topk {

// The entries of a policy, apart, since what the one keeps in registers over another's code would spill.
// Narrow calls are told apart by whether a tile is enough, shared ones by what teams are: clusters, or CTAs
// of a cooperative launch. Of a call with several launches, kTeams gives the longest rows larger teams,
// kShortRows takes the short rows, and the entries for the rest look at each row, whether it is left to them.
enum Entry : int {
  kWide,
  kShared,
  kNarrow,
  kNarrowest,
  kCooperative,
  kTeams,
  kShortRows,
  kWideRest,
  kSharedRest,
  kEntries
};

constexpr Entry entry_of(int64_t columns, const Plan& plan, bool clusters) {
  const Policy& policy = kPolicies[plan.policy];
  const bool leaves = plan.grid_ctas > 0 || plan.short_max > 0;
  if (plan.ctas > 1 && !clusters) return kCooperative;
  if (plan.ctas > 1) return leaves ? kSharedRest : kShared;
  if (!is_narrow(columns, policy)) return leaves ? kWideRest : kWide;
  return columns <= policy.tile ? kNarrowest : kNarrow;
}

// Whether an entry takes rows of any length.
constexpr bool is_wide(Entry entry) { return entry != kNarrow && entry != kNarrowest && entry != kShortRows; }

struct Launch {
  int policy;    // index into kPolicies
  Entry entry;
  int cluster;   // CTAs of one, where there are clusters
  int64_t ctas;  // of the grid; 0: the call does without this launch
  int overlaps;  // whether a launch of the call stands before this one
  int followed;  // whether one stands behind it
};

inline constexpr int kMostLaunches = 3;

// In the order of their launch: the longest rows first, which take the longest.
struct Launches {
  Launch of[kMostLaunches];
};

constexpr Launches launches_of(const Plan& plan, int rows, int64_t columns, bool clusters) {
  const bool teams = plan.grid_ctas > 0, shorts = plan.short_max > 0;
  const Entry entry = entry_of(columns, plan, clusters);
  const int cluster = entry == kShared || entry == kSharedRest ? plan.ctas : 1;
  return {{{policy_of_teams(plan.policy), kTeams, most_ctas(plan), plan.grid_ctas, 0, 1},
           {plan.policy, entry, cluster, static_cast<int64_t>(rows) * plan.ctas, teams, shorts},
           {kShortIndex, kShortRows, 1, shorts ? rows : 0, 1, 0}}};
}

}  // namespace persistent_topk
