// Scans and reductions over the threads of one CTA, each with a single barrier: the warps' totals
// are exchanged through shared memory and every warp sums those it needs by itself.
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

inline constexpr uint32_t kFullWarp = 0xFFFFFFFFu;
inline constexpr int kMaxWarps = 32;  // of a CTA of 1024 threads

// Sums of the warps. A barrier must stand between two scans that use the same.
using WarpTotals = uint32_t[kMaxWarps];

PERSISTENT_TOPK_DEVICE int lane_id() { return static_cast<int>(threadIdx.x % kWarpSize); }
PERSISTENT_TOPK_DEVICE int warp_id() { return static_cast<int>(threadIdx.x / kWarpSize); }

// Sum over the lanes up to and including this one.
PERSISTENT_TOPK_DEVICE uint32_t warp_inclusive_sum(uint32_t value) {
#pragma unroll
  for (int distance = 1; distance < kWarpSize; distance *= 2) {
    const uint32_t below = __shfl_up_sync(kFullWarp, value, distance);
    if (lane_id() >= distance) value += below;
  }
  return value;
}

struct BlockSums {
  uint32_t before;  // over the warps before this thread's
  uint32_t total;   // over all warps
};

// Adds up one value a warp, given by its last lane.
template <int kThreads>
PERSISTENT_TOPK_DEVICE BlockSums sum_over_warps(uint32_t warp_total, WarpTotals& totals) {
  constexpr int kWarps = kThreads / kWarpSize;
  static_assert(kWarps <= kMaxWarps);
  const int thread = ptx::not_before(static_cast<int>(threadIdx.x));
  const int lane = thread % kWarpSize, warp = thread / kWarpSize;
  if (lane == kWarpSize - 1) totals[warp] = warp_total;
  __syncthreads();
  const uint32_t of_warp = lane < kWarps ? totals[lane] : 0;
  return {__reduce_add_sync(kFullWarp, lane < warp ? of_warp : 0), __reduce_add_sync(kFullWarp, of_warp)};
}

// Sum of every thread's value.
template <int kThreads>
PERSISTENT_TOPK_DEVICE uint32_t block_sum(uint32_t value, WarpTotals& totals) {
  return sum_over_warps<kThreads>(__reduce_add_sync(kFullWarp, value), totals).total;
}

PERSISTENT_TOPK_DEVICE int population(uint32_t word) { return __popc(word); }
PERSISTENT_TOPK_DEVICE int population(uint64_t words) {
  return __popc(static_cast<uint32_t>(words)) + __popc(static_cast<uint32_t>(words >> 32));
}

// 0-based position of the lowest set bit; there is one.
PERSISTENT_TOPK_DEVICE int lowest_set_bit(uint32_t word) { return __ffs(static_cast<int>(word)) - 1; }
PERSISTENT_TOPK_DEVICE int lowest_set_bit(uint64_t words) {
  const uint32_t low = static_cast<uint32_t>(words);
  return low != 0 ? lowest_set_bit(low) : kWarpSize + lowest_set_bit(static_cast<uint32_t>(words >> 32));
}

// 0-based position of set bit number `n` of `word`, counted from the lowest; n < __popc(word).
PERSISTENT_TOPK_DEVICE int nth_set_bit(uint32_t word, int n) {
  int position = 0;
#pragma unroll
  for (int width = kWarpSize / 2; width >= 1; width /= 2) {
    const int below = __popc(word & ((1u << width) - 1));
    if (n >= below) {
      n -= below;
      word >>= width;
      position += width;
    }
  }
  return position;
}

// The lowest `n` set bits of `word`; all of them if it has fewer.
PERSISTENT_TOPK_DEVICE uint32_t lowest_set_bits(uint32_t word, int n) {
  if (n <= 0) return 0;
  if (n >= __popc(word)) return word;
  return word & ((1u << nth_set_bit(word, n)) - 1);
}

}  // namespace persistent_topk
