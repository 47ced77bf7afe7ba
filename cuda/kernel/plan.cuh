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
  // resident[c - 1]: clusters of c CTAs that it holds at a time, each CTA with all its shared memory;
  // 0 where there are none. Fewer than sms / c: a cluster lies in one group of multiprocessors.
  int resident[kMaxCtas];
};

struct Plan {
  int policy;  // index into kPolicies
  int ctas;    // of a row's team, which share it on the large path
};

inline constexpr int kChoosePolicy = -1;
inline constexpr int kLatencyIndex = 0;
inline constexpr int kThroughputIndex = 1;
inline constexpr int kShortIndex = 2;

// Whether every row of a call fits the registers of a CTA.
constexpr bool is_narrow(int64_t columns, const Policy& policy) { return columns <= policy.decode_max; }

// Short rows take few threads. Else one row an SM or fewer wants the shortest path; more rows that fit
// its tile want several CTAs an SM.
constexpr int choose_policy(int rows, int64_t columns, const DeviceLimits& limits) {
  if (is_narrow(columns, kPolicies[kShortIndex])) return kShortIndex;
  const bool crowded = rows > limits.sms && is_narrow(columns, kPolicies[kThroughputIndex]);
  return crowded ? kThroughputIndex : kLatencyIndex;
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

}  // namespace persistent_topk
