// The first stage of rows that do not fit registers: their coarse histogram, and a list of all columns
// that can still be selected, from one read.
//
// After the first tile the threshold bin of what was seen so far is a lower bound of the row's: k columns
// at or above it are known. Columns under it are neither counted nor kept. The others join a list, and
// when that has grown by half of what is free, its columns are counted, the bound is raised and the list
// compacted. Counters from the last bound upwards are therefore exact, and those are all that the
// threshold bin depends on. A list that overflows (long ties, rows in rising order) is given up, not cut
// off: the chunk is counted again in full, and later stages read the chunk itself.
#pragma once

#include <cstdint>

#include "radix.cuh"
#include "recorder.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Columns above the running threshold, counted from the chunk's first. A set: what is made of it (counts,
// ranks, bits of a map) does not depend on the slots, so these may come from an atomic.
template <int kSlots>
struct Survivors {
  static constexpr int kCapacity = kSlots;
  uint32_t used;  // beyond the capacity: the list is not complete
  float values[kCapacity];
  int32_t columns[kCapacity];
};

// Appends those of a thread's values that lie above the bound: value_of(i) at column_of(i), if exists(i),
// for i < kCount. Called by a converged warp; returns how long the list is now known to be, at least.
template <int kCount, class List, class ValueOf, class ColumnOf, class Exists>
PERSISTENT_TOPK_DEVICE int append(List& list, float bound, ValueOf&& value_of, ColumnOf&& column_of,
                                  Exists&& exists) {
  const auto lanes_of = [&](int i) { return ptx::ballot_above(value_of(i), bound) & exists(i); };
  int total = 0;
#pragma unroll
  for (int i = 0; i < kCount; ++i) total += __popc(lanes_of(i));
  if (total == 0) return 0;
  uint32_t slot = 0;
  if (lane_id() == 0) slot = atomicAdd(&list.used, static_cast<uint32_t>(total));
  slot = __shfl_sync(kFullWarp, slot, 0);
  const int length = static_cast<int>(slot) + total;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const uint32_t lanes = lanes_of(i);  // again: to keep them would cost registers that spill
    const uint32_t own = slot + __popc(lanes & ((1u << lane_id()) - 1));
    if ((lanes >> lane_id() & 1) && own < List::kCapacity) {
      list.values[own] = value_of(i);
      list.columns[own] = column_of(i);
    }
    slot += __popc(lanes);
  }
  return length;
}

template <class Tile, class List>
PERSISTENT_TOPK_DEVICE int append_tile(const Tile& tile, int first_column, float bound, List& list) {
  const auto value_of = [&](int i) { return tile.x[i / kQuad][i % kQuad]; };
  const auto place_of = [&](int i) { return tile.quad(i / kQuad) * kQuad + i % kQuad; };
  const auto column_of = [&](int i) { return first_column + place_of(i); };
  constexpr int kCount = Tile::kValues;
  if (tile.length == Tile::kTileColumns)
    return append<kCount>(list, bound, value_of, column_of, [](int) { return kFullWarp; });
  return append<kCount>(list, bound, value_of, column_of,
                        [&](int i) { return __ballot_sync(kFullWarp, place_of(i) < tile.length); });
}

// Adds the list's entries [begin, end) to the histogram.
template <int kThreads, int bits, class List>
PERSISTENT_TOPK_DEVICE void count_listed(const List& list, int begin, int end, uint32_t* histogram) {
#pragma unroll 1
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kThreads)
    atomicAdd(&histogram[ptx::half_codes(list.values[i], 0.0f) >> (kHalfBits - bits) & ((1u << bits) - 1)], 1u);
}

// Keeps those of the list's `length` entries that lie above the bound. `list.used` is 0 on entry.
template <int kThreads, class List>
PERSISTENT_TOPK_DEVICE void compact(List& list, int length, float bound) {
#pragma unroll 1
  for (int first = 0; first < length; first += kThreads) {
    const int i = first + static_cast<int>(threadIdx.x);
    const bool exists = i < length;
    const float value = exists ? list.values[i] : 0.0f;
    const int32_t column = exists ? list.columns[i] : 0;
    __syncthreads();  // slots are written only where all entries have been read
    append<1>(
        list, bound, [&](int) { return value; }, [&](int) { return column; },
        [&](int) { return __ballot_sync(kFullWarp, exists); });
  }
}

// The length of a list that all threads have appended to, before any of them does again.
template <class List>
PERSISTENT_TOPK_DEVICE int settled_length(const List& list) {
  __syncthreads();
  const int length = static_cast<int>(list.used);
  __syncthreads();
  return length;
}

// Counts the chunk's coarse bins, exactly from the bin of its k-th column upwards, and lists its columns
// from there on. Returns whether the list is complete; the histogram is (a barrier passed). On entry the
// histogram is cleared and `list.used` is 0 (a barrier passed).
template <Policy policy, int bits, class Tile, class Record>
PERSISTENT_TOPK_DEVICE bool stream(const Chunk<policy.threads>& chunk, int k, uint32_t* histogram,
                                   Survivors<policy.survivors>& list, Scratch& scratch, Record& record) {
  constexpr int kBins = 1 << bits;
  const auto load = [&](Tile& tile, int first) {
    tile.load(chunk.logits + first, max(0, chunk.length - first), ptx::opaque(chunk.vector));
  };
  Tile tile, next;
  load(tile, 0);
  load(next, Tile::kTileColumns);
  count_bins<bits>(tile, histogram);
  __syncthreads();
  float bound = bound_below(kLowestKey);
  if (tile.length >= k) bound = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;
  append_tile(tile, 0, bound, list);
  int counted = settled_length(list);
  int updates = 0;
#pragma unroll 1
  for (int first = Tile::kTileColumns; first < chunk.length; first += Tile::kTileColumns) {
    tile = next;
    if (first + Tile::kTileColumns < chunk.length) load(next, first + Tile::kTileColumns);
    const int limit = (counted + policy.survivors) / 2;
    const bool is_long = append_tile(tile, first, bound, list) > limit;
    if (!__syncthreads_or(is_long) || first + tile.length < k) continue;
    const int length = static_cast<int>(list.used);
    if (length > policy.survivors) break;
    count_listed<policy.threads, bits>(list, counted, length, histogram);
    __syncthreads();
    if (threadIdx.x == 0) list.used = 0;
    bound = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;
    compact<policy.threads>(list, length, bound);
    counted = settled_length(list);
    ++updates;
  }
  const int length = static_cast<int>(list.used);
  const bool listed = length <= policy.survivors;
  record.stream(listed, length, updates);
  if (listed) {
    count_listed<policy.threads, bits>(list, counted, length, histogram);
  } else {
    clear<policy.threads, kBins>(histogram);
    __syncthreads();
    count_bins<bits>(chunk, histogram);
  }
  __syncthreads();
  return listed;
}

// A chunk that was streamed, as the later stages see it.
template <Policy policy>
struct StreamedChunk {
  const Chunk<policy.threads>& chunk;
  const Survivors<policy.survivors>& list;
  bool listed;

  // f(x, column) for those of the columns [begin, end) that may be selected (and others, where the list
  // was given up); `begin` is a multiple of a round's columns.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_column(int begin, int end, Visitor&& f) const {
    if (listed) {
#pragma unroll 1
      for (int i = threadIdx.x; i < static_cast<int>(list.used); i += policy.threads)
        if (const int column = list.columns[i]; begin <= column && column < end) f(list.values[i], column);
    } else {
      constexpr int kRoundColumns = Chunk<policy.threads>::kRoundColumns;
      chunk.for_each_quad_of(begin / kRoundColumns, ceil_div(end, kRoundColumns),
                             [&](int quad, const float(&x)[kQuad], int columns) {
#pragma unroll
                               for (int c = 0; c < kQuad; ++c)
                                 if (c < columns) f(x[c], quad * kQuad + c);
                             });
    }
  }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_value(Visitor&& f) const {
    for_each_column(0, chunk.length, [&](float x, int) { f(x); });
  }
};

}  // namespace persistent_topk
