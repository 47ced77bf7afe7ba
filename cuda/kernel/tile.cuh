// The columns that one CTA looks at, a chunk of a row, in quads: four consecutive columns, which one
// thread loads as a vector. Threads own quads striped over the CTA, round by round.
//
// for_each_quad(f) calls f(quad, x, columns): x holds the quad's logits, the first `columns` of which
// (mostly the constant 4) lie in the chunk. A Visitor is inlined twice, for full rounds without a
// check per column and for the last one.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

inline constexpr int kQuad = 4;  // columns of one 16-byte load
inline constexpr int kMaskRounds = kWarpSize / kQuad;  // rounds whose columns fill a 32-bit mask

PERSISTENT_TOPK_DEVICE constexpr int ceil_div(int dividend, int divisor) {
  return (dividend + divisor - 1) / divisor;
}

PERSISTENT_TOPK_DEVICE bool is_vector_aligned(const float* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % (kQuad * sizeof(float)) == 0;
}

// The quad at `columns`, of which `count` exist; any alignment, no read beyond the count.
PERSISTENT_TOPK_DEVICE void load_quad(const float* columns, int count, bool vector, float (&x)[kQuad]) {
  if (vector && count >= kQuad) return ptx::load_vector(columns, x);
#pragma unroll
  for (int c = 0; c < kQuad; ++c) x[c] = c < count ? columns[c] : 0.0f;
}

// A whole row in registers: read once.
template <int kThreads, int kColumns>
struct RegisterTile {
  static constexpr int kRounds = (kColumns + kThreads * kQuad - 1) / (kThreads * kQuad);
  static_assert(kRounds <= kMaskRounds, "a thread's columns fit one mask");

  float x[kRounds][kQuad];
  int length;

  // Reads `columns` columns, of which the first `length` (set later, if need be) take part.
  PERSISTENT_TOPK_DEVICE void load(const float* row, int columns) {
    const bool vector = is_vector_aligned(row);
    length = columns;
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      const int column = quad(round) * kQuad;
      load_quad(row + column, columns - column, vector, x[round]);
    }
  }

  PERSISTENT_TOPK_DEVICE static int quad(int round) { return round * kThreads + threadIdx.x; }
  PERSISTENT_TOPK_DEVICE int rounds() const { return kRounds; }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_quad(int, int, Visitor&& f) const {
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      if ((round + 1) * kThreads * kQuad <= length)
        f(round, quad(round), x[round], kQuad);
      else if (quad(round) * kQuad < length)
        f(round, quad(round), x[round], min(kQuad, length - quad(round) * kQuad));
    }
  }

  // Column `bit` of the thread's, by selects: registers cannot be indexed.
  PERSISTENT_TOPK_DEVICE float at(int bit) const {
    float value = x[0][0];
#pragma unroll
    for (int i = 1; i < kRounds * kQuad; ++i)
      if (bit == i) value = x[i / kQuad][i % kQuad];
    return value;
  }

  // f(x) for the columns of a mask: bit 4 * round + c for component c.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_set(int, uint32_t mask, Visitor&& f) const {
    for (; mask != 0; mask &= mask - 1) f(at(__ffs(mask) - 1));
  }
};

// A chunk of any length: its first columns stay in shared memory, the rest is read again from L2.
template <int kThreads>
struct StreamTile {
  // Loads in flight a thread: 32 KB a CTA of 1024; more cost registers that spill.
  static constexpr int kBatch = 2;

  const float* chunk;
  int length;
  float* resident;
  int resident_columns;  // whole quads
  bool vector = is_vector_aligned(chunk);

  PERSISTENT_TOPK_DEVICE static int quad(int round) { return round * kThreads + threadIdx.x; }
  PERSISTENT_TOPK_DEVICE int rounds() const { return ceil_div(length, kThreads * kQuad); }

  template <bool kFirstRead>
  PERSISTENT_TOPK_DEVICE void read(int round, float (&x)[kQuad]) const {
    const int column = quad(round) * kQuad;
    if (column >= length) return;
    if (!kFirstRead && column < resident_columns)
      ptx::load_vector(resident + column, x);
    else
      load_quad(chunk + column, length - column, vector, x);
  }

  // Rounds [begin, end); the first read keeps what the shared memory has room for.
  template <bool kFirstRead = false, class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_quad(int begin, int end, Visitor&& f) const {
#pragma unroll 1  // the batch is the unrolling that registers allow
    for (int batch = begin; batch < end; batch += kBatch) {
      float x[kBatch][kQuad];
#pragma unroll
      for (int i = 0; i < kBatch; ++i)
        if (batch + i < end) read<kFirstRead>(batch + i, x[i]);
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        const int round = batch + i;
        if (round >= end) break;
        const int column = quad(round) * kQuad;
        if (kFirstRead && column < resident_columns && column < length)
          ptx::store_vector(resident + column, x[i]);
        if ((round + 1) * kThreads * kQuad <= length)
          f(round, quad(round), x[i], kQuad);
        else if (column < length)
          f(round, quad(round), x[i], min(kQuad, length - column));
      }
    }
  }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_set(int first_round, uint32_t mask, Visitor&& f) const {
    for (; mask != 0; mask &= mask - 1) {
      const int bit = __ffs(mask) - 1;
      const int column = quad(first_round + bit / kQuad) * kQuad + bit % kQuad;
      f(column < resident_columns ? resident[column] : chunk[column]);
    }
  }
};

}  // namespace persistent_topk
