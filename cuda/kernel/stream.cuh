// The first stage of rows that do not fit registers: their coarse histogram, and a list of all columns
// that can still be selected, from one read.
//
// After the first tile the threshold bin of what was seen so far is a lower bound of the row's: k columns
// at or above it are known. Columns under it are neither counted nor kept. The others join a list, and
// before that could overflow, its columns are counted, the bound is raised and the list compacted. Counters
// from the last bound upwards are therefore exact, and those are all that the threshold bin depends on. A
// list that overflows (long ties, rows in rising order) is given up, not cut off: the chunk is counted again
// in full, and later stages read the chunk itself.
#pragma once

#include <cstdint>

#include "map.cuh"
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

// Slots for `count` more entries of each lane: the first one of this lane's. Called by a converged warp.
template <class List>
PERSISTENT_TOPK_DEVICE int reserve(List& list, uint32_t count) {
  const uint32_t inclusive = warp_inclusive_sum(count);
  uint32_t first = 0;
  if (lane_id() == kWarpSize - 1) first = atomicAdd(&list.used, inclusive);
  return static_cast<int>(__shfl_sync(kFullWarp, first, kWarpSize - 1) + inclusive - count);
}

// push_if() for the bits kFirst .. kCount-1 of a mask.
template <int kCount, int kDistance, int kFirst = 0, class ValueOf, class ColumnOf>
PERSISTENT_TOPK_DEVICE void push_each(uint32_t mask, ptx::SharedPlace& place, ValueOf&& value_of,
                                      ColumnOf&& column_of) {
  ptx::push_if<1u << kFirst, kDistance>(mask, place, value_of(kFirst), column_of(kFirst));
  if constexpr (kFirst + 1 < kCount)
    push_each<kCount, kDistance, kFirst + 1>(mask, place, value_of, column_of);
}

// Appends the columns of a mask; returns how long the list is now known to be, at least. What would lie
// beyond the list's end is left out: the list is given up then.
template <int kCount, class List, class ValueOf, class ColumnOf>
PERSISTENT_TOPK_DEVICE int append(List& list, uint32_t mask, ValueOf&& value_of, ColumnOf&& column_of) {
  if (!__any_sync(kFullWarp, mask != 0)) return 0;
  const int count = __popc(mask);
  const int first = reserve(list, count);
  ptx::SharedPlace place = ptx::shared_place(list.values + first);
  push_each<kCount, List::kCapacity>(first + count <= List::kCapacity ? mask : 0, place, value_of, column_of);
  return first + count;
}

// Appends those of a tile's columns that lie above the bound.
template <class Tile, class List>
PERSISTENT_TOPK_DEVICE int append_tile(const Tile& tile, int first_column, float bound, List& list) {
  return append<Tile::kValues>(
      list, tile.above(bound), [&](int i) { return tile.x[i / kQuad][i % kQuad]; },
      [&](int i) { return first_column + tile.quad(i / kQuad) * kQuad + i % kQuad; });
}

// Adds the list's entries [begin, end) to the histogram.
template <int kThreads, int bits, class List>
PERSISTENT_TOPK_DEVICE void count_listed(const List& list, int begin, int end, uint32_t* histogram) {
#pragma unroll 4
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kThreads)
    atomicAdd(&histogram[ptx::half_codes(0.0f, list.values[i]) >> (2 * kHalfBits - bits)], 1u);
}

// Keeps those of the list's `length` entries that lie above the bound. `list.used` is 0 on entry.
template <int kThreads, class List>
PERSISTENT_TOPK_DEVICE void compact(List& list, int length, float bound) {
  constexpr int kEntries = 4;  // of a thread in a round
#pragma unroll 1
  for (int first = 0; first < length; first += kEntries * kThreads) {
    float values[kEntries] = {};
    int32_t columns[kEntries] = {};
    uint32_t stays = 0;
#pragma unroll
    for (int i = 0; i < kEntries; ++i)
      if (const int place = first + i * kThreads + static_cast<int>(threadIdx.x); place < length) {
        values[i] = list.values[place];
        columns[i] = list.columns[place];
        stays = ptx::or_if_above(stays, values[i], bound, 1u << i);
      }
    __syncthreads();  // slots are written only where all entries have been read
    append<kEntries>(list, stays, [&](int i) { return values[i]; }, [&](int i) { return columns[i]; });
  }
}

// The length of the list from which on the next tile could overflow it: where columns go on as they came,
// a tile adds as many as are `counted` of the `seen` ones, and some more by chance.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int longest_before_update(int counted, int seen) {
  const int tiles = seen / policy.tile;
  const int expected = tiles > 0 ? counted / tiles : counted;
  return policy.survivors - expected - expected / 4;
}

// Counts the chunk's coarse bins, exactly from the bin of its k-th column upwards, and lists its columns
// from there on. Returns whether the list is complete; the histogram is (a barrier passed). `prepare`
// clears the histogram and `list.used`, while the first columns are under way.
template <Policy policy, int bits, class Prepare, class Record>
PERSISTENT_TOPK_DEVICE bool stream(const Chunk<policy.threads>& chunk, int k, uint32_t* histogram,
                                   Survivors<policy.survivors>& list, Scratch& scratch, Prepare&& prepare,
                                   Record& record) {
  using Tile = RegisterTile<policy.threads, policy.tile>;
  constexpr int kBins = 1 << bits;
  const auto load = [&](Tile& tile, int first) {
    tile.load(chunk.logits + first, max(0, chunk.length - first), ptx::opaque(chunk.vector));
  };
  Tile tile, next;
  load(tile, 0);
  load(next, Tile::kTileColumns);
  prepare();
  __syncthreads();
  count_bins<bits>(tile, histogram);
  __syncthreads();
  float bound = bound_below(kLowestKey);
  int counted = tile.length;  // the list's entries that the histogram has
  const auto raise_bound = [&] {
    const Interval bin = find_bin<policy.threads, bits>(histogram, k, scratch);
    bound = bin.at_least;
    counted = bin.above + bin.count;
  };
  if (tile.length >= k) raise_bound();
  append_tile(tile, 0, bound, list);
  __syncthreads();  // what is counted already stands first in the list
  int limit = longest_before_update<policy>(counted, tile.length);
  int updates = 0;
#pragma unroll 1
  for (int first = Tile::kTileColumns; first < chunk.length; first += Tile::kTileColumns) {
    tile = next;
    const int seen = first + tile.length;
    if (seen < chunk.length) load(next, seen);
    const bool is_long = append_tile(tile, first, bound, list) > limit;
    if (!__syncthreads_or(is_long) || seen < k || seen == chunk.length) continue;
    const int length = static_cast<int>(list.used);
    if (length > policy.survivors) break;
    count_listed<policy.threads, bits>(list, counted, length, histogram);
    __syncthreads();
    if (threadIdx.x == 0) list.used = 0;
    raise_bound();
    compact<policy.threads>(list, length, bound);
    __syncthreads();
    limit = longest_before_update<policy>(counted, seen);
    ++updates;
  }
  const int length = static_cast<int>(list.used);
  const bool listed = length <= policy.survivors;
  record.stream(listed, length, updates);
  if (__builtin_expect(listed, true)) {
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
  using Map = ColumnMap<policy.map>;

  const Chunk<policy.threads>& chunk;
  const Survivors<policy.survivors>& list;
  bool listed;
  Map& map;          // cleared, if it has room for the chunk
  int32_t* columns;  // of the candidates, by slot

  // Whether gathering marks the columns above the interval on the way.
  PERSISTENT_TOPK_DEVICE bool is_marked_by_gather() const {
    return listed && chunk.length <= Map::kColumnsMapped;
  }

  // f(x, column) for those of the columns [begin, end) that may be selected (and others, where the list
  // was given up); `begin` is a multiple of a round's columns.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_column(int begin, int end, Visitor&& f) const {
    if (__builtin_expect(listed, true)) {
#pragma unroll 1
      for (int i = threadIdx.x; i < static_cast<int>(list.used); i += policy.threads)
        if (const int column = list.columns[i]; begin <= column && column < end) f(list.values[i], column);
    } else {
      constexpr int kRoundColumns = Chunk<policy.threads>::kRoundColumns;
      chunk.for_each_quad_of(begin / kRoundColumns, ceil_div(end, kRoundColumns),
                             [&](int quad, const float (&x)[kQuad], int columns) {
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

  // One look at the list: columns above the interval are marked, keys in it gathered.
  template <class Place>
  PERSISTENT_TOPK_DEVICE void mark_and_gather(const Interval& interval, Place&& place) const {
    constexpr int kEntries = 4;  // of a thread in a round
    const int length = static_cast<int>(list.used);
    const bool none_above = interval.high == kGreatestKey;
#pragma unroll 1
    for (int first = threadIdx.x; first < length; first += kEntries * policy.threads) {
      float x[kEntries];
      int32_t column[kEntries];
      uint32_t at_least = 0, above = 0;
#pragma unroll
      for (int i = 0; i < kEntries; ++i)
        if (const int entry = first + i * policy.threads; entry < length) {
          x[i] = list.values[entry];
          column[i] = list.columns[entry];
          at_least = ptx::or_if_above(at_least, x[i], interval.at_least, 1u << i);
          above = ptx::or_if_above(above, x[i], interval.greater, 1u << i);
        }
      if (none_above) above = 0;
#pragma unroll
      for (int i = 0; i < kEntries; ++i) {
        if (at_least & above & 1u << i) set_bit(map.above, column[i]);
        if (at_least & ~above & 1u << i) columns[place(ordered_key(x[i]))] = column[i];
      }
    }
  }
};

// place(key), which returns a slot, for the chunk's keys in the interval.
template <Policy policy, class Place>
PERSISTENT_TOPK_DEVICE void gather(const StreamedChunk<policy>& chunk, const Interval& interval,
                                   Place&& place) {
  if (chunk.is_marked_by_gather()) return chunk.mark_and_gather(interval, place);
  chunk.for_each_value([&](float x) {
    const uint32_t key = ordered_key(x);
    if (key - interval.low <= interval.high - interval.low) place(key);
  });
}

}  // namespace persistent_topk
