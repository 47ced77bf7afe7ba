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
#include "tile.cuh"
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

// Which columns of a segment are selected: a byte a quad, its low half for the columns above the
// threshold and its high half for those equal to it. Owners of quads write bytes, the emission reads
// words of 16 columns in column order.
template <int kSegment>
struct SelectionMap {
  static constexpr int kWords = kSegment / (kQuad * sizeof(uint32_t));
  union {
    uint8_t quads[kSegment / kQuad];
    uint32_t words[kWords];
  };
};

// Shared memory that every path needs.
template <int kSegment>
struct Scratch {
  WarpTotals totals;
  Found found;
  Selection ranked;
  SelectionMap<kSegment> map;
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

// A bound such that ordered_key(x) >= key exactly when x > bound or either is NaN.
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
// complete (a barrier passed); rank is at most the sum of the counters. As few warps as possible
// take part: at a full block, issuing the scan costs more than its latency.
template <int kThreads, int kCounters, int kSegment>
PERSISTENT_TOPK_DEVICE Found find_from_top(const uint32_t* histogram, int rank,
                                           Scratch<kSegment>& scratch, int& turn) {
  constexpr int kPerThread = kCounters / kThreads > 8 ? kCounters / kThreads : 8;
  constexpr int kScanners = kCounters / kPerThread;
  static_assert(kCounters % kPerThread == 0 && kScanners % kWarpSize == 0 && kScanners <= kThreads);
  const bool scans = static_cast<int>(threadIdx.x) < kScanners;
  const int top = kCounters - 1 - static_cast<int>(threadIdx.x) * kPerThread;
  uint32_t counts[kPerThread];
  uint32_t own = 0, inclusive = 0;
  if (scans) {
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
      counts[i] = histogram[top - i];
      own += counts[i];
    }
    inclusive = warp_inclusive_sum(own);
  }
  uint32_t before = 0;
  if constexpr (kScanners > kWarpSize)
    before = sum_over_warps<kThreads>(inclusive, scratch.totals, turn).before;
  int above = static_cast<int>(before + inclusive - own);
  if (scans && above < rank && rank <= above + static_cast<int>(own)) {
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
  constexpr int kShift = kHalfBits - bits;
  const auto count = [&](int, int, const float(&x)[kQuad], int columns) {
#pragma unroll
    for (int c = 0; c < kQuad; c += 2) {
      const uint32_t codes = ptx::half_codes(x[c], x[c + 1]);
      if (c < columns) atomicAdd(&histogram[(codes & 0xFFFFu) >> kShift], 1u);
      if (c + 1 < columns) atomicAdd(&histogram[codes >> (kHalfBits + kShift)], 1u);
    }
  };
  if constexpr (kFirstRead)
    tile.template for_each_quad<true>(0, tile.rounds(), count);
  else
    tile.for_each_quad(0, tile.rounds(), count);
}

// Adds the digits of the tile's keys in the interval to a cleared histogram.
template <class Tile>
PERSISTENT_TOPK_DEVICE void count_digits(const Tile& tile, const Interval& interval, int shift,
                                         uint32_t* histogram) {
  tile.for_each_quad(0, tile.rounds(), [&](int, int, const float(&x)[kQuad], int columns) {
#pragma unroll
    for (int c = 0; c < kQuad; ++c) {
      const uint32_t distance = ordered_key(x[c]) - interval.low;
      if (c < columns && distance <= interval.high - interval.low)
        atomicAdd(&histogram[distance >> shift], 1u);
    }
  });
}

// Puts the tile's keys in the interval into `candidates`, which has room for all of them; their
// slots come from a scan over (group of rounds, thread, column). Ends without a barrier.
template <int kThreads, class Tile, int kSegment>
PERSISTENT_TOPK_DEVICE void gather(const Tile& tile, const Interval& interval, uint32_t* candidates,
                                   Scratch<kSegment>& scratch, int& turn) {
  const float low = bound_below(interval.low);
  const float high = bound_below(interval.high + 1);
  uint32_t base = 0;
  for (int first = 0; first < tile.rounds(); first += kMaskRounds) {
    uint32_t mask = 0;
    tile.for_each_quad(first, min(first + kMaskRounds, tile.rounds()),
                       [&](int round, int, const float(&x)[kQuad], int columns) {
                         const uint32_t bit = 1u << (round - first) * kQuad;
#pragma unroll
                         for (int c = 0; c < kQuad; ++c)
                           if (c < columns) mask = ptx::or_if_between(mask, x[c], low, high, bit << c);
                       });
    const uint32_t inclusive = warp_inclusive_sum(__popc(mask));
    const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
    uint32_t slot = base + sum.before + inclusive - __popc(mask);
    if (mask != 0)
      tile.for_each_set(first, mask, [&](float x) { candidates[slot++] = ordered_key(x); });
    base += sum.total;
  }
}

// The `wanted`-th greatest of at most kRankMax candidates. Several neighbouring lanes share one and
// compare it with a part of the others each; the three counts travel in one word.
template <int kThreads, int kRankMax, int kSegment>
PERSISTENT_TOPK_DEVICE Selection rank(const uint32_t* candidates, int count, int wanted,
                                      Scratch<kSegment>& scratch) {
  constexpr int kSharers = kThreads / kRankMax < kWarpSize ? kThreads / kRankMax : kWarpSize;
  constexpr int kCountBits = 10;
  static_assert(kRankMax < 1 << kCountBits && kWarpSize % kSharers == 0);
  const int mine = static_cast<int>(threadIdx.x) / kSharers;
  uint32_t key = 0, counts = 0;
  if (mine < count) {
    key = candidates[mine];
    for (int other = threadIdx.x % kSharers; other < count; other += kSharers) {
      const uint32_t other_key = candidates[other];
      if (other_key > key) counts += 1;
      if (other_key == key) counts += (1 << kCountBits) + (other < mine ? 1 << 2 * kCountBits : 0);
    }
  }
#pragma unroll
  for (int distance = 1; distance < kSharers; distance *= 2)
    counts += __shfl_xor_sync(kFullWarp, counts, distance);
  constexpr uint32_t kMask = (1u << kCountBits) - 1;
  const int greater = counts & kMask;
  const int equal = counts >> kCountBits & kMask;
  const int equal_before = counts >> 2 * kCountBits;
  const bool first_sharer = threadIdx.x % kSharers == 0;
  if (first_sharer && mine < count && greater + equal_before == wanted - 1) {
    const int ties = wanted - greater;
    scratch.ranked = {key, ties == equal ? kAllTaken : ties};
  }
  __syncthreads();
  return scratch.ranked;
}

}  // namespace persistent_topk
