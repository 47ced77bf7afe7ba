// The record that the kernel leaves of each row when it is built with tracing: the same words as
// reference/trace.py, where each field is explained.
#pragma once

#include <cstdint>

#include "constants.cuh"

namespace persistent_topk {

enum Path : int32_t { kNotRecorded, kTrivial, kDecode, kMedium, kLarge };

struct PassTrace {
  int32_t over_row;
  uint32_t low;
  int32_t shift;
  int32_t digit;
  int32_t above;
  int32_t count;
  uint32_t histogram[kDigits];
};

struct Trace {
  int32_t path;
  int32_t ctas;
  int32_t cta;
  int32_t begin;
  int32_t end;
  int32_t listed;
  int32_t survivors;
  int32_t updates;
  int32_t restarted;
  int32_t bins;
  int32_t bin;
  int32_t above;
  int32_t count;
  int32_t spilled;
  int32_t gathered;
  int32_t ranked;
  int32_t passes;
  uint32_t threshold;
  int32_t ties;
  int32_t chunk_above;
  int32_t chunk_count;
  int32_t offset;
  int32_t tie_offset;
  PassTrace pass[kMaxPasses];
  uint32_t histogram[kMaxBins];
};

}  // namespace persistent_topk
