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

struct Plan {
  int policy;  // index into kPolicies
  int ctas;    // of a row's team, which share it on the large path
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

// The CTAs of a team are as many as let every row have a team that is resident, with no chunk of the
// widest row under chunk_min.
constexpr Plan make_plan(int rows, int64_t columns, const DeviceLimits& limits,
                         int policy_index = kChoosePolicy) {
  if (policy_index == kChoosePolicy) policy_index = choose_policy(rows, columns, limits);
  const Policy& policy = kPolicies[policy_index];
  int ctas = 1;
  if (columns > policy.split_min)
    for (int more = 2; more <= policy.max_ctas; ++more)
      if (rows <= limits.resident[more - 1] && columns >= static_cast<int64_t>(policy.chunk_min) * more)
        ctas = more;
  return {policy_index, ctas};
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
