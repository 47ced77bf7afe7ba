// What the kernel is launched with.
#pragma once

#include <cstdint>

#include "call.cuh"
#include "ptx.cuh"
#include "trace.cuh"

namespace persistent_topk {

// A launch of a call. What plain calls need comes first, and lies in one line of the cache of constants: each
// further line that is asked for delays the row.
struct TopkParams {
  const void* logits;
  const int32_t* lengths;
  int32_t* output;  // of a plain output
  int64_t row_stride;
  int32_t columns;
  int32_t k;
  uint8_t plain_rows;  // has_plain_rows(call)
  uint8_t plain_output;  // has_plain_output(call)
  uint8_t overlaps;  // whether a launch of the call stands before this one, and may still run
  uint8_t followed;  // whether one stands behind it
  int32_t ctas;  // of a team, by the plan

  int32_t rows;
  int32_t grid_ctas;  // of the launch of teams; 0: the call has none
  int32_t sms;  // of the device
  int32_t short_max;  // longest row that a launch of its own takes; 0: the call has none
  void* mail;  // [rows] WorkspaceMail<policy>::Area of any bytes, where teams are no clusters
  Trace* trace;  // [rows, records], or null
  int32_t records;  // of a row: CTAs of the largest team that a launch of the call has
  Call call;  // the whole

  PERSISTENT_TOPK_DEVICE Window window(int row) const {
    if (__builtin_expect(plain_rows, true)) return {0, max(0, min(lengths[row], columns))};
    return window_of(call, row);
  }
};

}  // namespace persistent_topk
