// Narrowing down the key of the k-th column: coarse FP16 histogram, threshold bin, then refinement by
// 8-bit digits of the ordered key or, for a few candidates, by comparing them with each other.
//
// The digits are taken relative to the lowest key of the interval that is left, not at fixed bit
// positions: a coarse bin spans 18 to 21 bits of key, so the first digit already tells apart.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "order.cuh"
#include "ptx.cuh"
#include "trace.cuh"

namespace persistent_topk {

// The keys [low, high] that hold the k-th: `above` of the row are greater, `count` lie in it.
struct Interval {
  uint32_t low;
  uint32_t high;
  int above;
  int count;
};

// What is selected: keys above the threshold, and `ties` of those equal to it (or kAllTaken).
struct Selection {
  uint32_t threshold;
  int ties;
};

// The counter of a histogram that holds a key of given rank from the top.
struct Found {
  int index;
  int above;
  int count;
};

// Shared memory that every path needs.
template <int kSegmentWords>
struct Scratch {
  WarpTotals totals;
  Found found;
  Selection ranked;
  uint32_t selected[kSegmentWords];  // bitmaps of the columns to emit
  int32_t positions[kSegmentWords];  // output slot of each word's first one
};

// Nothing is left to decide: the whole interval is taken, or it is one key.
PERSISTENT_TOPK_DEVICE bool is_settled(const Interval& interval, int k) {
  return interval.count == k - interval.above || interval.low == interval.high;
}

PERSISTENT_TOPK_DEVICE Selection settle(const Interval& interval, int k) {
  const int wanted = k - interval.above;
  return {interval.low, interval.count == wanted ? kAllTaken : wanted};
}

PERSISTENT_TOPK_DEVICE int digit_shift(const Interval& interval) {
  const int bits = 32 - __clz(static_cast<int>(interval.high - interval.low));
  return bits > kDigitBits ? bits - kDigitBits : 0;
}

PERSISTENT_TOPK_DEVICE Interval narrow(const Interval& interval, int shift, const Found& digit) {
  const uint32_t low = interval.low + (static_cast<uint32_t>(digit.index) << shift);
  const uint32_t last = low + ((1u << shift) - 1);
  return {low, last < interval.high ? last : interval.high, interval.above + digit.above, digit.count};
}

template <int bits>
PERSISTENT_TOPK_DEVICE Interval bin_interval(const Found& bin) {
  constexpr uint32_t kLastBin = (1u << bits) - 1;
  const uint32_t index = static_cast<uint32_t>(bin.index);
  const uint32_t high = index == kLastBin ? kGreatestKey : bin_floor_key<bits>(index + 1) - 1;
  return {bin_floor_key<bits>(index), high, bin.above, bin.count};
}

// A bound such that ordered_key(x) >= key exactly when ptx::above_or_unordered(x, bound).
PERSISTENT_TOPK_DEVICE float bound_below(uint32_t key) {
  constexpr uint32_t kInfinityKey = kSignBit | kInfinityBits;
  if (key > kInfinityKey) return key_to_float(kInfinityKey);  // above infinity comes NaN alone
  return key_to_float(key == kZeroKey ? key - 2 : key - 1);   // the key below zero's never occurs
}

template <int kThreads>
PERSISTENT_TOPK_DEVICE void clear(uint32_t* words, int count) {
  for (int i = threadIdx.x; i < count; i += kThreads) words[i] = 0;
}

// The counter with the `rank`-th key from the top (1 is the greatest). The histogram must be
// complete (a barrier passed); rank is at most the sum of the counters.
template <int kThreads, int kCounters, int kSegmentWords>
PERSISTENT_TOPK_DEVICE Found find_from_top(const uint32_t* histogram, int rank,
                                           Scratch<kSegmentWords>& scratch, int& turn) {
  constexpr int kPerThread = kCounters > kThreads ? kCounters / kThreads : 1;
  static_assert(kCounters % kPerThread == 0);
  const int top = kCounters - 1 - static_cast<int>(threadIdx.x) * kPerThread;
  uint32_t counts[kPerThread];
  uint32_t own = 0;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    counts[i] = top - i >= 0 ? histogram[top - i] : 0;
    own += counts[i];
  }
  const uint32_t inclusive = warp_inclusive_sum(own);
  const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
  int above = static_cast<int>(sum.before + inclusive - own);
  if (above < rank && rank <= above + static_cast<int>(own)) {
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
      const int count = static_cast<int>(counts[i]);
      if (above < rank && rank <= above + count) scratch.found = {top - i, above, count};
      above += count;
    }
  }
  __syncthreads();
  return scratch.found;
}

// Adds the tile's coarse bins to a cleared histogram.
template <int bits, bool kFirstRead, class Tile>
PERSISTENT_TOPK_DEVICE void count_bins(const Tile& tile, uint32_t* histogram) {
  for (int segment = 0; segment < tile.segments(); ++segment) {
    const auto count = [&](int, int, float x, bool valid) {
      if (valid) atomicAdd(&histogram[(ptx::half_codes(x, x) & 0xFFFFu) >> (kHalfBits - bits)], 1u);
    };
    if constexpr (kFirstRead)
      tile.template visit<true>(segment, count);
    else
      tile.visit(segment, count);
  }
}

// Adds the digits of the tile's keys in the interval to a cleared histogram.
template <class Tile>
PERSISTENT_TOPK_DEVICE void count_digits(const Tile& tile, const Interval& interval, int shift,
                                         uint32_t* histogram) {
  for (int segment = 0; segment < tile.segments(); ++segment)
    tile.visit(segment, [&](int, int, float x, bool valid) {
      const uint32_t distance = ordered_key(x) - interval.low;
      if (valid && distance <= interval.high - interval.low) atomicAdd(&histogram[distance >> shift], 1u);
    });
}

// Puts the tile's keys in the interval into `candidates`, which has room for all of them; their
// slots come from a scan over (segment, warp, word, lane). Ends without a barrier.
template <int kThreads, class Tile, int kSegmentWords>
PERSISTENT_TOPK_DEVICE void gather(const Tile& tile, const Interval& interval, uint32_t* candidates,
                                   Scratch<kSegmentWords>& scratch, int& turn) {
  const float low = bound_below(interval.low);
  const float behind = bound_below(interval.high + 1);
  const uint32_t lanes_below = (1u << lane_id()) - 1;
  uint32_t base = 0;
  for (int segment = 0; segment < tile.segments(); ++segment) {
    uint32_t mine = 0;  // lane j keeps the bitmap of the warp's word j
    tile.visit(segment, [&](int j, int, float x, bool valid) {
      const bool inside =
          valid && ptx::above_or_unordered(x, low) && !ptx::above_or_unordered(x, behind);
      const uint32_t word = __ballot_sync(kFullWarp, inside);
      if (lane_id() == j) mine = word;
    });
    const uint32_t inclusive = warp_inclusive_sum(__popc(mine));
    const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
    const uint32_t slot = base + sum.before + inclusive - __popc(mine);
    const uint32_t words = __ballot_sync(kFullWarp, mine != 0);
    tile.revisit(segment, words, [&](int j, int, float x, bool) {
      const uint32_t word = __shfl_sync(kFullWarp, mine, j);
      const uint32_t first = __shfl_sync(kFullWarp, slot, j);
      if (word >> lane_id() & 1) candidates[first + __popc(word & lanes_below)] = ordered_key(x);
    });
    base += sum.total;
  }
}

// The `wanted`-th greatest of at most kThreads candidates, one thread a candidate.
template <int kSegmentWords>
PERSISTENT_TOPK_DEVICE Selection rank(const uint32_t* candidates, int count, int wanted,
                                      Scratch<kSegmentWords>& scratch) {
  const int mine = static_cast<int>(threadIdx.x);
  if (mine < count) {
    const uint32_t key = candidates[mine];
    int greater = 0, equal = 0, equal_before = 0;
    for (int other = 0; other < count; ++other) {
      const uint32_t other_key = candidates[other];
      greater += other_key > key;
      equal += other_key == key;
      equal_before += other_key == key && other < mine;
    }
    if (greater + equal_before == wanted - 1) {
      const int ties = wanted - greater;
      scratch.ranked = {key, ties == equal ? kAllTaken : ties};
    }
  }
  __syncthreads();
  return scratch.ranked;
}

}  // namespace persistent_topk
