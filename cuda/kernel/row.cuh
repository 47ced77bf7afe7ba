// One row of the call, as the paths see it.
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "dtypes.cuh"
#include "params.cuh"
#include "ptx.cuh"
#include "trace.cuh"

namespace persistent_topk {

template <class T>
struct Row {
  const TopkParams& params;
  int index;
  const T* logits;  // the first column that is read
  int head;  // columns that are read before the row's own first, for alignment or since they are there
  int length;  // columns that are read, with these
  int k;
  Trace* trace;  // its records, one a CTA of the team; null without tracing

  PERSISTENT_TOPK_DEVICE int columns() const { return length - head; }
};

// Columns between an address that vectors are loaded from and this one.
template <class T>
PERSISTENT_TOPK_DEVICE int columns_behind_vector(const T* pointer) {
  return static_cast<int>(reinterpret_cast<uintptr_t>(pointer) / sizeof(T) % kQuad);
}

}  // namespace persistent_topk
