// One row of the call, as the paths see it.
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "ptx.cuh"
#include "trace.cuh"

namespace persistent_topk {

struct Row {
  const float* logits;  // its column 0
  int length;           // columns that take part, 0..columns
  int k;
  int32_t* output;  // k slots
  Trace* trace;     // its records, one a CTA of the team; null without tracing
};

}  // namespace persistent_topk
