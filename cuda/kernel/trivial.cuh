// The path of rows with n <= k: every column is selected, so no logit matters (narrow calls
// have asked for them by then).
#pragma once

#include "places.cuh"
#include "recorder.cuh"
#include "row.cuh"

namespace persistent_topk {

template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void trivial_row(const Row<T>& row) {
  if (__builtin_expect(row.params.plain_output, true)) {
#pragma unroll 1
    for (int slot = threadIdx.x; slot < row.k; slot += policy.threads)
      plain_slots(row)[slot] = slot < row.columns() ? slot : kPadding;
  } else {
    write_slots<policy.threads>(row, 0, row.columns(), [](int slot) { return slot; });
    pad_slots<policy.threads>(row, row.columns());
  }
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kTrivial, 1, 0, 0, row.columns());
}

}  // namespace persistent_topk
