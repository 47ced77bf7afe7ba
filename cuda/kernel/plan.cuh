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
  int cluster;       // most CTAs that the hardware keeps resident together; 1: no clusters
  int shared_bytes;  // dynamic shared memory that one CTA may ask for
};

struct Plan {
  int policy;  // index into kPolicies
  int teams;   // groups of CTAs, each taking rows team, team + teams, ...
  int ctas;    // CTAs of a team, which share a row of the large path
};

inline constexpr int kChoosePolicy = -1;
inline constexpr int kLatencyIndex = 0;
inline constexpr int kThroughputIndex = 1;

// Whether every row of a call fits the registers of a CTA.
constexpr bool is_narrow(int64_t columns, const Policy& policy) { return columns <= policy.decode_max; }

// One row an SM or fewer wants the shortest path; more short rows want several CTAs an SM.
constexpr int choose_policy(int rows, int64_t columns, const DeviceLimits& limits) {
  const bool crowded = rows > limits.sms && is_narrow(columns, kPolicies[kThroughputIndex]);
  return crowded ? kThroughputIndex : kLatencyIndex;
}

// The CTAs of a team are the largest power of two with a CTA an SM at most and no chunk of the
// widest row under chunk_min.
constexpr Plan make_plan(int rows, int64_t columns, const DeviceLimits& limits,
                         int policy_index = kChoosePolicy) {
  if (policy_index == kChoosePolicy) policy_index = choose_policy(rows, columns, limits);
  const Policy& policy = kPolicies[policy_index];
  const int most = policy.max_ctas < limits.cluster ? policy.max_ctas : limits.cluster;
  int ctas = 1;
  while (columns > policy.split_min && ctas * 2 <= most &&
         static_cast<int64_t>(rows) * ctas * 2 <= limits.sms &&
         columns >= static_cast<int64_t>(policy.chunk_min) * ctas * 2)
    ctas *= 2;
  const int ctas_per_sm = is_narrow(columns, policy) ? policy.ctas_per_sm : 1;
  int teams = limits.sms * ctas_per_sm / ctas;
  if (teams > rows) teams = rows;
  return {policy_index, teams < 1 ? 1 : teams, ctas};
}

}  // namespace persistent_topk
