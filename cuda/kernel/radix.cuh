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

// The keys [low, high] that hold the k-th: `above` of the row are greater, `count` lie in it. The
// bounds serve comparisons of floats: key >= low is x > at_least, key > high is x > greater (or either
// is NaN), see bound_below().
struct Interval {
  uint32_t low;
  uint32_t high;
  int above;
  int count;
  float at_least;
  float greater;
};

// What is selected: keys above the threshold, and `ties` of those equal to it (or kAllTaken). A float is at
// or above the threshold where x > at_least, see bound_below().
struct Selection {
  uint32_t threshold;
  int ties;
  float at_least;
};

// The counter of a histogram that holds a key of given rank from the top.
struct Found {
  int index;
  int above;
  int count;
};

// Shared memory that every path needs.
struct Scratch {
  WarpTotals totals;
  WarpTotals chunk_totals;  // of sums over a chunk, and
  WarpTotals tie_totals;    // of ties: these may directly follow each other
  Found found;
  Interval interval;
  Selection selection;
  int least_bin;  // of a stream's bound; kept here, as
  int head;  // columns that the CTA reads before its first; kept here, since registers are short
};

// A bound such that ordered_key(x) >= key exactly when x > bound or either is NaN.
PERSISTENT_TOPK_DEVICE float bound_below(uint32_t key) {
  constexpr uint32_t kInfinityKey = kSignBit | kInfinityBits;
  if (key > kInfinityKey) return key_to_float(kInfinityKey);  // above infinity comes NaN alone
  return key_to_float(key == kZeroKey ? key - 2 : key - 1);   // the key below zero's never occurs
}

// Nothing is left to decide: the whole interval is taken, or it is one key.
PERSISTENT_TOPK_DEVICE bool is_settled(const Interval& interval, int k) {
  return interval.count == k - interval.above || interval.low == interval.high;
}

PERSISTENT_TOPK_DEVICE int digit_shift(const Interval& interval) {
  const int bits = 32 - __clz(static_cast<int>(interval.high - interval.low));
  return bits > kDigitBits ? bits - kDigitBits : 0;
}

PERSISTENT_TOPK_DEVICE Interval make_interval(uint32_t low, uint32_t high, int above, int count) {
  return {low, high, above, count, bound_below(low), bound_below(high + 1)};
}

PERSISTENT_TOPK_DEVICE Interval narrow(const Interval& interval, int shift, const Found& digit) {
  const uint32_t low = interval.low + (static_cast<uint32_t>(digit.index) << shift);
  const uint32_t last = low + ((1u << shift) - 1);
  return make_interval(low, last < interval.high ? last : interval.high, interval.above + digit.above,
                       digit.count);
}

// The interval of a coarse bin. Called by a converged warp: one lane computes where the bin begins
// while its neighbour computes where the next one does.
template <int bits>
PERSISTENT_TOPK_DEVICE Interval bin_interval(const Found& bin) {
  constexpr int kLastBin = (1 << bits) - 1;
  const uint32_t floor = ptx::bin_floor_key<bits>(bin.index + (lane_id() & 1));
  const uint32_t low = __shfl_sync(kFullWarp, floor, 0);
  const uint32_t behind = __shfl_sync(kFullWarp, floor, 1);
  return make_interval(low, bin.index == kLastBin ? kGreatestKey : behind - 1, bin.above, bin.count);
}

PERSISTENT_TOPK_DEVICE Selection settle(const Interval& interval, int k) {
  const int wanted = k - interval.above;
  return {interval.low, interval.count == wanted ? kAllTaken : wanted, interval.at_least};
}

template <int kThreads, int kCount>
PERSISTENT_TOPK_DEVICE void clear(uint32_t* words) {
#pragma unroll
  for (int i = 0; i < kCount; i += kThreads)
    if (i + kThreads <= kCount || i + static_cast<int>(threadIdx.x) < kCount) words[i + threadIdx.x] = 0;
}

// Which of a warp's counters holds the `rank`-th key from the top: kPerLane a lane in falling order, whose
// sum is `own`, with `above` keys before the lane's. All lanes get it, its index counted in that order;
// -1 where it is none of the warp's.
template <int kPerLane>
PERSISTENT_TOPK_DEVICE Found holder_of(const uint32_t (&counts)[kPerLane], int above, uint32_t own,
                                       int rank) {
  const uint32_t holders = __ballot_sync(kFullWarp, above < rank && rank <= above + static_cast<int>(own));
  if (holders == 0) return {-1, 0, 0};
  Found found = {lane_id() * kPerLane, above, static_cast<int>(counts[0])};
#pragma unroll
  for (int i = 1; i < kPerLane; ++i)
    if (found.above + found.count < rank)
      found = {lane_id() * kPerLane + i, found.above + found.count, static_cast<int>(counts[i])};
  const int holder = __ffs(static_cast<int>(holders)) - 1;
  return {__shfl_sync(kFullWarp, found.index, holder), __shfl_sync(kFullWarp, found.above, holder),
          __shfl_sync(kFullWarp, found.count, holder)};
}

// Of find_among().
template <int kThreads, int kCounters>
inline constexpr int kCountersPerThread =  // few of them one warp takes alone, without a barrier on the way
    kCounters <= 8 * kWarpSize     ? kCounters / kWarpSize
    : kCounters / kThreads > kQuad ? kCounters / kThreads
                                   : kQuad;

// Finds the counter with the `rank`-th key from the top (1 is the greatest) and returns the interval
// that refine(found) makes of it. quad_at(i, own, quad) gives a thread the counters i .. i+3, which are its
// own from the own-th on; these must be complete (a barrier passed), and their sum at least the rank. As few
// warps as possible take part, and the one that finds it does the rest: at a full block, issuing what every
// thread could compute costs more than its latency.
template <int kThreads, int kCounters, class QuadAt, class Refine>
PERSISTENT_TOPK_DEVICE Interval find_among(QuadAt&& quad_at, int rank, Scratch& scratch, Refine&& refine) {
  constexpr int kPerThread = kCountersPerThread<kThreads, kCounters>;
  constexpr int kScanners = kCounters / kPerThread;
  static_assert(kCounters % kPerThread == 0 && kScanners % kWarpSize == 0 && kScanners <= kThreads);
  const int thread = ptx::not_before(static_cast<int>(threadIdx.x));
  const bool scans = thread < kScanners;
  // Thread t takes counters from top down, so that sums over lower threads are sums over greater keys.
  const int top = kCounters - 1 - thread * kPerThread;
  uint32_t counts[kPerThread];
  uint32_t own = 0, inclusive = 0;
  if (scans) {
#pragma unroll
    for (int i = 0; i < kPerThread; i += kQuad) {
      uint32_t quad[kQuad];
      quad_at(top - i - (kQuad - 1), kPerThread - kQuad - i, quad);
#pragma unroll
      for (int j = 0; j < kQuad; ++j) own += counts[i + j] = quad[kQuad - 1 - j];
    }
    inclusive = warp_inclusive_sum(own);
  }
  uint32_t before = 0;
  if constexpr (kScanners > kWarpSize) before = sum_over_warps<kThreads>(inclusive, scratch.totals).before;
  if (scans) {
    Found found = holder_of(counts, static_cast<int>(before + inclusive - own), own, rank);
    if (found.index >= 0) {
      found.index = kCounters - 1 - thread / kWarpSize * kWarpSize * kPerThread - found.index;
      const Interval interval = refine(found);
      if (lane_id() == 0) {
        scratch.found = found;
        scratch.interval = interval;
      }
    }
  }
  __syncthreads();
  return scratch.interval;
}

// The same of a histogram in shared memory.
template <int kThreads, int kCounters, class Refine>
PERSISTENT_TOPK_DEVICE Interval find_from_top(const uint32_t* histogram, int rank, Scratch& scratch,
                                              Refine&& refine) {
  return find_among<kThreads, kCounters>(
      [&](int first, int, uint32_t (&quad)[kQuad]) { ptx::load_vector(histogram + first, quad); }, rank,
      scratch, refine);
}

// The interval of the coarse bin with the k-th key from the top.
template <int kThreads, int bits>
PERSISTENT_TOPK_DEVICE Interval find_bin(const uint32_t* histogram, int k, Scratch& scratch) {
  return find_from_top<kThreads, (1 << bits)>(histogram, k, scratch, bin_interval<bits>);
}

// Adds the coarse bins of a quad to a histogram, of the columns whose bits the mask has.
template <int bits, class T>
PERSISTENT_TOPK_DEVICE void count_bins_of_quad(const Quad<T>& quad, uint32_t mask, uint32_t* histogram) {
  constexpr int kShift = kHalfBits - bits;
  float x[kQuad];
  to_floats(quad, x);
#pragma unroll
  for (int c = 0; c < kQuad; c += 2) {
    const uint32_t codes = ptx::half_codes(x[c], x[c + 1]);
    if (mask >> c & 1) atomicAdd(&histogram[(codes & 0xFFFFu) >> kShift], 1u);
    if (mask >> c & 2) atomicAdd(&histogram[codes >> (kHalfBits + kShift)], 1u);
  }
}

// Adds the coarse bins of a tile or chunk to a histogram.
template <int bits, class T, int kThreads, int kColumns>
PERSISTENT_TOPK_DEVICE void count_bins(const RegisterTile<T, kThreads, kColumns>& tile, uint32_t* histogram) {
  using Tile = RegisterTile<T, kThreads, kColumns>;
  if (tile.existing == Tile::kAllValues) {  // a copy without conditions: most warps are full
#pragma unroll
    for (int round = 0; round < Tile::kRounds; ++round)
      count_bins_of_quad<bits>(tile.quads[round], kQuadMask, histogram);
  } else {
#pragma unroll
    for (int round = 0; round < Tile::kRounds; ++round)
      count_bins_of_quad<bits>(tile.quads[round], static_cast<uint32_t>(tile.existing >> (round * kQuad)),
                               histogram);
  }
}

template <int bits, class T, int kThreads>
PERSISTENT_TOPK_DEVICE void count_bins(const Chunk<T, kThreads>& chunk, uint32_t* histogram) {
  chunk.for_each_quad_of(0, chunk.rounds(), [&](int, const Quad<T>& quad, uint32_t mask) {
    count_bins_of_quad<bits>(quad, mask, histogram);
  });
}

// Adds the digits of the source's keys in the interval to a cleared histogram.
template <class Source>
PERSISTENT_TOPK_DEVICE void count_digits(const Source& source, const Interval& interval, int shift,
                                         uint32_t* histogram) {
  source.for_each_value([&](float x) {
    const uint32_t distance = ordered_key(x) - interval.low;
    if (distance <= interval.high - interval.low) atomicAdd(&histogram[distance >> shift], 1u);
  });
}

// The `wanted`-th greatest of a few candidates. A warp compares its share of them with all, one or two of
// these a lane; three counts of each travel in one word.
template <int kThreads, int kRankMax>
PERSISTENT_TOPK_DEVICE Selection rank(const float* candidates, int count, int wanted, Scratch& scratch) {
  constexpr int kCountBits = 10;
  constexpr uint32_t kCountMask = (1u << kCountBits) - 1;
  constexpr uint32_t kEqual = 1u << kCountBits;
  constexpr uint32_t kEqualBefore = kEqual + (1u << 2 * kCountBits);
  static_assert(kRankMax <= kCountMask);
  constexpr int kWarps = kThreads / kWarpSize, kOfLane = ceil_div(kRankMax, kWarpSize);
  constexpr int kOfWarp = ceil_div(kRankMax, kWarps);
  static_assert(kOfWarp <= kWarpSize);
  uint32_t keys[kOfLane];
#pragma unroll
  for (int i = 0; i < kOfLane; ++i) {
    const int other = i * kWarpSize + lane_id();
    keys[i] = other < count ? ordered_key(candidates[other]) : 0;  // no key is 0
  }
  uint32_t my_key = 0, my_counts = 0;  // of the warp's candidate number `lane`
#pragma unroll
  for (int i = 0; i < kOfWarp; ++i) {
    const int mine = warp_id() + i * kWarps;
    if (i > 0 && count <= i * kWarps) break;  // none is left: most often after the first
    const uint32_t key = __shfl_sync(kFullWarp, pick(keys, mine / kWarpSize), mine % kWarpSize);
    uint32_t counts = 0;
#pragma unroll
    for (int j = 0; j < kOfLane; ++j) {
      counts += keys[j] > key;
      if (keys[j] == key) counts += j * kWarpSize + lane_id() < mine ? kEqualBefore : kEqual;
    }
    counts = __reduce_add_sync(kFullWarp, counts);
    if (lane_id() == i) my_key = key, my_counts = counts;
  }
  const int greater = my_counts & kCountMask;
  const int equal = my_counts >> kCountBits & kCountMask;
  const int equal_before = my_counts >> 2 * kCountBits;
  if (my_key != 0 && greater + equal_before == wanted - 1) {
    const int ties = wanted - greater;
    scratch.selection = {my_key, ties == equal ? kAllTaken : ties, bound_below(my_key)};
  }
  __syncthreads();
  return scratch.selection;
}

}  // namespace persistent_topk
