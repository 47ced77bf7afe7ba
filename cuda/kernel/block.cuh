// Scans and reductions over the threads of one CTA, each with a single barrier: the warps' totals
// are exchanged through shared memory and every warp sums those it needs by itself.
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

inline constexpr uint32_t kFullWarp = 0xFFFFFFFFu;
inline constexpr int kMaxWarps = 32;  // of a CTA of 1024 threads

// Values of the warps. A barrier must stand between two scans that use them: every caller has one anyway.
inline constexpr int kMaxScanned = 8;  // words that one scan serves
struct WarpTotals {
  uint32_t of_warp[kMaxScanned][kMaxWarps];
};

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

template <int kWords>
struct BlockSums {
  uint32_t before[kWords];  // sums over the warps before this thread's
  uint32_t total[kWords];   // sums over all warps
};

// Adds up kWords values a warp, given by its last lane.
template <int kThreads, int kWords>
PERSISTENT_TOPK_DEVICE BlockSums<kWords> sum_over_warps(const uint32_t (&warp_total)[kWords],
                                                        WarpTotals& totals) {
  constexpr int kWarps = kThreads / kWarpSize;
  static_assert(kWarps <= kMaxWarps && kWords <= kMaxScanned);
  BlockSums<kWords> sums;
  if (lane_id() == kWarpSize - 1)
#pragma unroll
    for (int word = 0; word < kWords; ++word) totals.of_warp[word][warp_id()] = warp_total[word];
  __syncthreads();
#pragma unroll
  for (int word = 0; word < kWords; ++word) {
    const uint32_t mine = lane_id() < kWarps ? totals.of_warp[word][lane_id()] : 0;
    sums.before[word] = __reduce_add_sync(kFullWarp, lane_id() < warp_id() ? mine : 0);
    sums.total[word] = __reduce_add_sync(kFullWarp, mine);
  }
  return sums;
}

// Sum of every thread's value.
template <int kThreads>
PERSISTENT_TOPK_DEVICE uint32_t block_sum(uint32_t value, WarpTotals& totals) {
  const uint32_t warp_total[] = {__reduce_add_sync(kFullWarp, value)};
  return sum_over_warps<kThreads>(warp_total, totals).total[0];
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
