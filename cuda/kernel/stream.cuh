// The first stage of rows that do not fit registers: a list of all columns that can still be selected, and
// their coarse histogram, from one read.
//
// A sample gives a bound that most likely k columns of the row lie above, and not many more: see sample.cuh.
// What lies under it is not kept, the others join a list. Should that be about to overflow, its columns are
// counted, the bound is raised to the threshold bin of what has been read, and the list compacted. Counters
// from the last bound upwards are exact, and those are all that the threshold bin depends on, as long as it
// is not below: then the bound was too high, and the row is streamed again without one. A list that overflows
// all the same (long ties, rows in rising order) is given up, not cut off: the chunk is counted again in
// full, and later stages read the chunk itself.
#pragma once

#include <cstdint>

#include "list.cuh"
#include "map.cuh"
#include "radix.cuh"
#include "recorder.cuh"
#include "sample.cuh"
#include "tile.cuh"

namespace persistent_topk {

template <Policy policy>
using SurvivorList = ColumnList<policy.survivors>;

// Adds the list's entries [begin, end) to the histogram.
template <int kThreads, int bits, class List>
PERSISTENT_TOPK_DEVICE void count_listed(const List& list, int begin, int end, uint32_t* histogram) {
#pragma unroll 4
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kThreads)
    atomicAdd(&histogram[ptx::half_codes(0.0f, list.entries[i].value) >> (2 * kHalfBits - bits)], 1u);
}

// How many more tiles a list has room for that has `length` of the `seen` columns, if columns go on as they
// came, and some more by chance; no more than have been seen.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int tiles_with_room(int length, int seen) {
  const int tiles = max(1, seen / policy.tile), expected = length / tiles;
  return min(tiles, (policy.survivors - length) / (expected + expected / 4 + 1));
}

// One read of the chunk, whose first tile is `next`: see stream(). Returns whether the list is complete.
template <Policy policy, int bits, class T, class Tile, class LoadNext, class Record>
PERSISTENT_TOPK_DEVICE bool list_columns(const Chunk<T, policy.threads>& chunk, int k,
                                         const StreamBound& bound, uint32_t* histogram,
                                         SurvivorList<policy>& list, Scratch& scratch, Tile& next,
                                         LoadNext&& load_next, Record& record) {
  constexpr int kAlways = 1 << 30;  // tiles
  float at_least = bound.at_least;
  int counted = 0;  // the list's first entries, which the histogram has
  int room = bound.has_room ? kAlways : 1;
  int updates = 0;
#pragma unroll 1
  for (int first = 0, seen; first < chunk.length; first = seen) {
    Tile tile = next;
    tile.take_part(first == 0 ? chunk.head : 0, chunk.length - first);
    seen = first + tile.length;
    load_next(seen);
    append_tile(tile, tile.above(at_least), first, list);
    if (--room > 0 || seen == chunk.length) continue;
    __syncthreads();
    int length = static_cast<int>(list.used);
    __syncthreads();
    room = tiles_with_room<policy>(length, seen);
    if (room > 0) continue;
    if (length > policy.survivors) break;
    if (length >= k) {
      count_listed<policy.threads, bits>(list, counted, length, histogram);
      if (threadIdx.x == 0) list.used = 0;
      __syncthreads();
      at_least = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;
      compact<policy.threads>(list, length, at_least);
      __syncthreads();
      counted = static_cast<int>(list.used);
      __syncthreads();
      room = tiles_with_room<policy>(counted, seen);
      ++updates;
    }
  }
  __syncthreads();
  const int length = static_cast<int>(list.used);
  const bool listed = length <= policy.survivors;
  record.stream(listed, length, updates);
  if (__builtin_expect(listed, true)) {
    count_listed<policy.threads, bits>(list, counted, length, histogram);
    if (threadIdx.x == 0) atomicAdd(&histogram[0], static_cast<uint32_t>(min(chunk.length - length, kMaxK)));
  } else {
    clear<policy.threads, (1 << bits)>(histogram);
    __syncthreads();
    count_bins<bits>(chunk, histogram);
  }
  __syncthreads();
  return listed;
}

// Lists the chunk's columns from a bound upwards and counts their coarse bins; columns that are not listed
// count as the lowest bin, which has none, as far as k needs them. `prepare` clears the histogram (or it is)
// and `list.used`, while the first columns are under way. bound_of(): a bound of what is selected, from the
// sample's histogram. settle(listed), when the histogram is complete (a barrier passed): whether what
// is selected lies at or above scratch.least_bin; if not, all is done again without one. `head`: of the
// chunk, which this keeps in shared memory. `columns`: of the row's chunks but the last ones.
template <Policy policy, int bits, class T, class Prepare, class BoundOf, class Settle, class Record>
PERSISTENT_TOPK_DEVICE void stream(const Chunk<T, policy.threads>& chunk, int head, int columns, int k,
                                   uint32_t* histogram, SurvivorList<policy>& list, Scratch& scratch,
                                   Prepare&& prepare, BoundOf&& bound_of, Settle&& settle, Record& record) {
  Sample<T, policy.threads, policy.sample> sample;
  if (threadIdx.x == 0) scratch.head = head;
  sample.load(chunk, head, columns);
  RegisterTile<T, policy.threads, policy.tile> next;
  const auto load_next = [&](int first) {
    if (first >= chunk.length) return;
    next.load(chunk.logits + first, chunk.length - first, ptx::opaque(chunk.vector));
  };
  load_next(0);
  prepare();
  __syncthreads();
  sample.template count<bits>(histogram);
  __syncthreads();
  StreamBound bound = bound_of();
#pragma unroll 1
  for (;;) {
    if (threadIdx.x == 0) scratch.least_bin = bound.bin;
    clear<policy.threads, (1 << bits)>(histogram);
    const bool listed =
        list_columns<policy, bits>(chunk, k, bound, histogram, list, scratch, next, load_next, record);
    if (settle(listed)) break;
    record.restarted();
    bound = kNoBound;
    if (threadIdx.x == 0) list.used = 0;
    load_next(0);
    __syncthreads();
  }
}

// A chunk that was streamed, as the later stages see it.
template <Policy policy, class T, class Map>
struct StreamedChunk {
  const Chunk<T, policy.threads>& chunk;
  const SurvivorList<policy>& list;
  bool listed;
  Map& map;  // cleared when it is gathered from, if it has room for the chunk

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
        if (const auto [x, column] = list.entries[i]; begin <= column && column < end) f(x, column);
    } else {
      constexpr int kRoundColumns = Chunk<T, policy.threads>::kRoundColumns;
      chunk.for_each_quad_of(begin / kRoundColumns, ceil_div(end, kRoundColumns),
                             [&](int number, const Quad<T>& quad, uint32_t mask) {
                               float x[kQuad];
                               to_floats(quad, x);
#pragma unroll
                               for (int c = 0; c < kQuad; ++c)
                                 if (mask >> c & 1) f(x[c], number * kQuad + c);
                             });
    }
  }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_value(Visitor&& f) const {
    for_each_column(0, chunk.length, [&](float x, int) { f(x); });
  }

  // One look at the list: columns above the interval are marked, those in it listed as candidates. kEntries
  // of a thread in a round.
  template <int kEntries, class List>
  PERSISTENT_TOPK_DEVICE void mark_and_gather(const Interval& interval, List& candidates) const {
    const int length = static_cast<int>(list.used);
#pragma unroll 1
    for (int first = threadIdx.x; first < length; first += kEntries * policy.threads) {
      float x[kEntries];
      int32_t column[kEntries];
#pragma unroll
      for (int i = 0; i < kEntries; ++i) {  // all loads at once: the last entry in place of those behind it
        const int entry = min(first + i * policy.threads, length - 1);
        const ptx::ListedColumn listed_column = list.entries[entry];
        x[i] = listed_column.value;
        column[i] = listed_column.column;
      }
      uint32_t at_least = 0, above = 0;
#pragma unroll
      for (int i = 0; i < kEntries; ++i) {
        at_least = ptx::or_if_above(at_least, x[i], interval.at_least, 1u << i);
        above = ptx::or_if_above(above, x[i], interval.greater, 1u << i);
      }
      const int entries = min(ceil_div(length - first, policy.threads), kEntries);
      at_least &= (1u << entries) - 1;
#pragma unroll
      for (int i = 0; i < kEntries; ++i) set_bit_if<Map>(at_least & above & 1u << i, map.above, column[i]);
#pragma unroll 1
      for (uint32_t inside = at_least & ~above; inside != 0; inside &= inside - 1) {
        const int i = lowest_set_bit(inside);
        push(candidates, pick(x, i), pick(column, i));
      }
    }
  }
};

// Lists the chunk's columns in the interval.
template <Policy policy, class T, class Map, class List>
PERSISTENT_TOPK_DEVICE void gather(const StreamedChunk<policy, T, Map>& chunk, const Interval& interval,
                                   List& candidates) {
  if (__builtin_expect(chunk.is_marked_by_gather(), true)) {
    constexpr int kFew = 4, kMany = 8;
    if (chunk.list.used <= kFew * policy.threads)
      return chunk.template mark_and_gather<kFew>(interval, candidates);
    return chunk.template mark_and_gather<kMany>(interval, candidates);
  }
  chunk.for_each_column(0, chunk.chunk.length, [&](float x, int column) {
    const uint32_t key = ordered_key(x);
    if (key - interval.low > interval.high - interval.low) return;
    push(candidates, x, column);
  });
}

}  // namespace persistent_topk
