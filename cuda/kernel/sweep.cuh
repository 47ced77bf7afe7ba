// One look at every column of a chunk: which lie above an interval of keys, and which in it. The answer
// is a map in shared memory; the keys inside may be gathered on the way, with the columns they stand at.
#pragma once

#include <cstdint>

#include "radix.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Columns of a chunk or a segment of it: a byte a quad, its low half for the columns above the
// interval, its high half for those in it. Owners of quads write bytes; entries of two quads are read
// in column order.
template <int kColumns>
struct ColumnMap {
  static constexpr int kMapped = kColumns;
  static constexpr int kEntries = kColumns / (2 * kQuad);
  static constexpr int kWordQuads = 4;
  union {
    uint8_t quads[kColumns / kQuad];
    uint16_t entries[kEntries];
    uint32_t words[kEntries / 2];
  };
};

// The keys in the interval and their columns, counted from the chunk's first. A set: what is made of
// it (a rank, counts of digits, bits of the map) does not depend on the slots, so these may come from
// an atomic. There is room for all: the caller knows their number.
template <int kCapacity>
struct Candidates {
  uint32_t used;
  uint32_t keys[kCapacity];
  uint32_t columns[kCapacity];
};

// Looks at the rounds [begin, end) of the tile and writes a map that starts with round `begin`.
template <int kThreads, bool kMap, class Tile, class Map, class Sink>
PERSISTENT_TOPK_DEVICE void sweep(const Tile& tile, int begin, int end, const Interval& interval, Map* map,
                                  Sink&& gather) {
  const bool none_above = interval.high == kGreatestKey;
  tile.for_each_quad(begin, end, [&](int, int quad, const float (&x)[kQuad], int columns) {
    uint32_t at_least = 0, above = 0;
#pragma unroll
    for (int c = 0; c < kQuad; ++c)
      if (c < columns) {
        at_least = ptx::or_if_above(at_least, x[c], interval.at_least, 1u << c);
        above = ptx::or_if_above(above, x[c], interval.greater, 1u << c);
      }
    if (none_above) above = 0;
    const uint32_t inside = at_least & ~above;
    if constexpr (kMap) map->quads[quad - begin * kThreads] = static_cast<uint8_t>(above | inside << kQuad);
    if (inside != 0) gather(quad, x, inside);
  });
  if constexpr (kMap) {  // the missing quads of the last word
    const int quads = ceil_div(min(tile.length, end * kThreads * kQuad), kQuad) - begin * kThreads;
    const int missing = quads + static_cast<int>(threadIdx.x);
    if (missing < ceil_div(quads, Map::kWordQuads) * Map::kWordQuads) map->quads[missing] = 0;
  }
}

// What sweep() hands the columns inside to where they are wanted, and where they are not.
template <int kCapacity>
struct GatherInto {
  Candidates<kCapacity>& candidates;

  PERSISTENT_TOPK_DEVICE void operator()(int quad, const float (&x)[kQuad], uint32_t inside) const {
    uint32_t slot = atomicAdd(&candidates.used, static_cast<uint32_t>(__popc(inside)));
#pragma unroll
    for (int c = 0; c < kQuad; ++c)
      if (inside >> c & 1) {
        candidates.keys[slot] = ordered_key(x[c]);
        candidates.columns[slot] = quad * kQuad + c;
        ++slot;
      }
  }
};

struct GatherNothing {
  PERSISTENT_TOPK_DEVICE void operator()(int, const float (&)[kQuad], uint32_t) const {}
};

// Turns the map of an interval into that of the selection: of the candidates, those above the
// threshold count as above, those equal to it stay in the high half, the others leave the map.
template <int kThreads, class Map, int kCapacity>
PERSISTENT_TOPK_DEVICE void apply(const Selection& selection, const Candidates<kCapacity>& candidates,
                                  Map& map) {
  constexpr uint32_t kWordColumns = Map::kWordQuads * kQuad;
  for (int i = threadIdx.x; i < static_cast<int>(candidates.used); i += kThreads) {
    const uint32_t key = candidates.keys[i];
    if (key == selection.threshold) continue;
    const uint32_t column = candidates.columns[i];
    const uint32_t place = column % kWordColumns;
    const uint32_t above = 1u << (place / kQuad * 2 * kQuad + place % kQuad);
    const uint32_t change = key > selection.threshold ? above | above << kQuad : above << kQuad;
    atomicXor(&map.words[column / kWordColumns], change);
  }
}

}  // namespace persistent_topk
