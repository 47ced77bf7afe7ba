// How a call is laid over a device: a pure host function of (rows, columns, k, device limits).
// The Python mirror is reference/plan.py.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.cuh"

namespace persistent_topk {

// What the plan needs to know of a device.
struct DeviceLimits {
  int sms;           // multiprocessors
  int shared_bytes;  // dynamic shared memory that one CTA may ask for
  int clusters;      // whether a team is a cluster; else teams need a cooperative launch
  // resident[c - 1]: teams of c CTAs that it holds at a time, each CTA with all its shared memory. As
  // clusters, fewer than sms / c: a cluster lies in one group of multiprocessors.
  int resident[kMaxCtas];
};

// A call is one launch, which has a team of as many CTAs for every row. Where rows may be so uneven that the
// longest would take far longer than the others, a launch before it gives these larger teams (schedule.cuh);
// where there are more rows than SMs, one behind it takes the short ones.
struct Plan {
  int policy;     // index into kPolicies
  int ctas;       // of a row's team, which share it on the large path
  int grid_ctas;  // of the launch of larger teams; 0: there is none
  int short_max;  // longest row of the launch for short ones; 0: there is none
};

inline constexpr int kChoosePolicy = -1;
inline constexpr int kLatencyIndex = 0;
inline constexpr int kDenseIndex = 1;
inline constexpr int kShortIndex = 2;
inline constexpr int kCompactIndex = 3;

// Whether every row of a call is short enough for the decode path.
constexpr bool is_narrow(int64_t columns, const Policy& policy) { return columns <= policy.decode_max; }

// The policy of the shortest path: the one whose rows of any length fit the device's shared memory.
constexpr int widest_policy(const DeviceLimits& limits) {
  return limits.shared_bytes < kPolicies[kLatencyIndex].shared_bytes ? kCompactIndex : kLatencyIndex;
}

// Short rows take few threads; those longer than a tile only where more than half of the SMs have one, since
// with fewer twice the threads are done sooner (by 2 % for one row, equal for 32, later by 6 % for 128). Else
// one row an SM or fewer wants the shortest path; more rows, longer than its decode path takes, want several
// CTAs an SM.
constexpr int choose_policy(int rows, int64_t columns, const DeviceLimits& limits) {
  const Policy& few_threads = kPolicies[kShortIndex];
  if (columns <= few_threads.tile || (is_narrow(columns, few_threads) && rows > limits.sms / 2))
    return kShortIndex;
  const int widest = widest_policy(limits);
  const bool crowded = rows > limits.sms && !is_narrow(columns, kPolicies[kLatencyIndex]);
  return crowded && widest == kLatencyIndex ? kDenseIndex : widest;
}

// Larger teams are worth a launch of their own where they may be so many times as large as by the plan.
inline constexpr int kLeastGrowth = 4;

// The policy of a call's larger teams, where its own shares no row.
constexpr int policy_of_teams(int policy_index) {
  return kPolicies[policy_index].max_ctas > 1 ? policy_index : kLatencyIndex;
}

// CTAs of the launch of larger teams: one cluster fewer than are resident, if there are several, since the
// last of them would have to wait until a whole group of SMs has nothing else.
constexpr int plan_grid_ctas(int64_t columns, const DeviceLimits& limits, int policy_index, int ctas) {
  const int most = kPolicies[policy_of_teams(policy_index)].max_ctas;
  const bool uneven = columns > static_cast<int64_t>(kPolicies[policy_index].chunk_max) * ctas;
  const bool worth = ctas * kLeastGrowth <= most;
  const int resident = limits.resident[most - 1];
  return limits.clusters && uneven && worth ? (resident > 1 ? resident - 1 : resident) * most : 0;
}

// The CTAs of a team are as many as let every row have a team that is resident, with no chunk of the
// widest row under chunk_min.
constexpr Plan make_plan(int rows, int64_t columns, const DeviceLimits& limits,
                         int policy_index = kChoosePolicy) {
  const bool chosen = policy_index == kChoosePolicy;
  if (chosen) policy_index = choose_policy(rows, columns, limits);
  const Policy& policy = kPolicies[policy_index];
  int ctas = 1;
  if (columns > policy.split_min)
    for (int more = 2; more <= policy.max_ctas; ++more)
      if (rows <= limits.resident[more - 1] && columns >= static_cast<int64_t>(policy.chunk_min) * more)
        ctas = more;
  const bool may_have_teams = chosen || policy.max_ctas > 1;
  const int grid_ctas = may_have_teams ? plan_grid_ctas(columns, limits, policy_index, ctas) : 0;
  const bool mixes = chosen && policy_index == kDenseIndex;
  return {.policy = policy_index,
          .ctas = ctas,
          .grid_ctas = grid_ctas,
          .short_max = mixes ? kPolicies[kShortIndex].decode_max : 0};
}

// CTAs of the largest team that a row of the call may have.
constexpr int most_ctas(const Plan& plan) {
  return plan.grid_ctas > 0 ? kPolicies[policy_of_teams(plan.policy)].max_ctas : plan.ctas;
}

// The same device as if it had no clusters: a cooperative launch may use every multiprocessor.
constexpr DeviceLimits without_clusters(DeviceLimits limits) {
  limits.clusters = 0;
  for (int ctas = 1; ctas <= kMaxCtas; ++ctas) limits.resident[ctas - 1] = limits.sms / ctas;
  return limits;
}

// Rows that have an area of mail in the workspace, in any call of up to so many rows and columns: a larger
// call may need less, since its teams are smaller.
constexpr int rows_with_mail(int rows, int64_t columns, const DeviceLimits& limits, int policy_index) {
  if (policy_index == kChoosePolicy) policy_index = widest_policy(limits);
  const Policy& policy = kPolicies[policy_index];
  const bool shares = policy.max_ctas > 1 && columns > policy.split_min &&
                      columns >= 2 * static_cast<int64_t>(policy.chunk_min);
  if (limits.clusters || !shares) return 0;
  return rows < limits.resident[1] ? rows : limits.resident[1];
}

}  // namespace persistent_topk
