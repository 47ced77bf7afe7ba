// The first stage of rows that do not fit registers: their coarse histogram, and a list of all columns
// that can still be selected, from one read.
//
// The chunk's first columns are a sample: the threshold bin of what was sampled, by one CTA or by all of the
// row, is a lower bound of the row's: k columns at or above it are known. Columns under it are not kept and,
// behind the sample, not counted. The others join a list. Warps go their own ways until so many tiles have
// been read that the list might overflow; then its columns are counted, the bound is raised and the list
// compacted. Counters from the last bound upwards are therefore exact, and those are all that the threshold
// bin depends on. A list that overflows (long ties, rows in rising order) is given up, not cut off: the chunk
// is counted again in full, and later stages read the chunk itself.
#pragma once

#include <cstdint>

#include "list.cuh"
#include "map.cuh"
#include "radix.cuh"
#include "recorder.cuh"
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
// came, and some more by chance.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int tiles_with_room(int length, int seen) {
  const int expected = length / max(1, seen / policy.tile);
  return (policy.survivors - length) / (expected + expected / 4 + 1);
}

// Counts the chunk's coarse bins, exactly from the bin of its k-th column upwards, and lists its columns
// from there on. Returns whether the list is complete; the histogram is (a barrier passed). `prepare` clears
// the histogram and `list.used`, while the first columns are under way. bound_of(histogram): a bound of what
// is selected, from the sample's histogram.
template <Policy policy, int bits, class Prepare, class BoundOf, class Record>
PERSISTENT_TOPK_DEVICE bool stream(const Chunk<policy.threads>& chunk, int k, uint32_t* histogram,
                                   SurvivorList<policy>& list, Scratch& scratch, Prepare&& prepare,
                                   BoundOf&& bound_of, Record& record) {
  using Tile = RegisterTile<policy.threads, policy.tile>;
  using Sample = RegisterTile<policy.threads, policy.sample>;
  Sample sample;
  sample.load(chunk.logits, chunk.length, chunk.vector);
  sample.take_part(chunk.length);
  Tile tile, next;
  prepare();
  __syncthreads();
  count_bins<bits>(sample, histogram);
  __syncthreads();
  const auto load_next = [&](int first) {
    if (first >= chunk.length) return;
    next.load(chunk.logits + first, chunk.length - first, ptx::opaque(chunk.vector));
    next.take_part(chunk.length - first);
  };
  // With half the registers the next columns wait for the sample's; another CTA of the SM hides their loads.
  constexpr bool kHalved = policy.wide_ctas_per_sm > 1;
  if constexpr (!kHalved) load_next(Sample::kTileColumns);
  float bound = bound_of(histogram);
  append_tile(sample, sample.above(bound), 0, list);
  if constexpr (kHalved) load_next(Sample::kTileColumns);
  __syncthreads();
  int counted = static_cast<int>(list.used);  // the list's first entries, which the histogram has
  __syncthreads();  // before more join them
  int room = tiles_with_room<policy>(counted, sample.length);
  int updates = 0;
#pragma unroll 1
  for (int first = Sample::kTileColumns; first < chunk.length; first += Tile::kTileColumns) {
    tile = next;
    const int seen = first + tile.length;
    load_next(seen);
    append_tile(tile, tile.above(bound), first, list);
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
      bound = find_bin<policy.threads, bits>(histogram, k, scratch).at_least;
      compact<policy.threads>(list, length, bound);
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
  } else {
    clear<policy.threads, (1 << bits)>(histogram);
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

  // One look at the list: columns above the interval are marked, those in it listed as candidates.
  template <class List>
  PERSISTENT_TOPK_DEVICE void mark_and_gather(const Interval& interval, List& candidates) const {
    constexpr int kEntries = 8;  // of a thread in a round
    const int length = static_cast<int>(list.used);
    const bool none_above = interval.high == kGreatestKey;
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
      if (none_above) above = 0;
#pragma unroll
      for (int i = 0; i < kEntries; ++i) set_bit_if(at_least & above & 1u << i, map.above, column[i]);
#pragma unroll 1
      for (uint32_t inside = at_least & ~above; inside != 0; inside &= inside - 1) {
        const int i = __ffs(static_cast<int>(inside)) - 1;
        push(candidates, pick(x, i), pick(column, i));
      }
    }
  }
};

// Lists the chunk's columns in the interval.
template <Policy policy, class List>
PERSISTENT_TOPK_DEVICE void gather(const StreamedChunk<policy>& chunk, const Interval& interval,
                                   List& candidates) {
  if (__builtin_expect(chunk.is_marked_by_gather(), true)) return chunk.mark_and_gather(interval, candidates);
  chunk.for_each_column(0, chunk.chunk.length, [&](float x, int column) {
    const uint32_t key = ordered_key(x);
    if (key - interval.low > interval.high - interval.low) return;
    push(candidates, x, column);
  });
}

}  // namespace persistent_topk
