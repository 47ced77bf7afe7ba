// The path of rows with n <= k: every column is selected, so no logit matters (narrow calls
// have asked for them by then).
#pragma once

#include "recorder.cuh"
#include "row.cuh"

namespace persistent_topk {

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void trivial_row(const Row& row) {
#pragma unroll 1
  for (int slot = threadIdx.x; slot < row.k; slot += policy.threads)
    row.output[slot] = slot < row.length ? slot : kPadding;
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kTrivial, 1, 0, 0, row.length);
}

}  // namespace persistent_topk
