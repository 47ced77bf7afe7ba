// Which columns of a segment are selected, as bits in shared memory: read in column order, whoever set them.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "tile.cuh"

namespace persistent_topk {

// A bit a column: whether its key is above the threshold (or at it, where all ties are taken), and whether
// it is a tie that may be cut. Where `spread`, a word is left out behind every 32, so that threads which have
// as many neighbouring words each find them in different banks: worth it where these are more than a few.
template <int kColumns, bool spread>
struct ColumnMap {
  static constexpr int kColumnsMapped = kColumns;
  static constexpr int kWords = kColumns / kWarpSize;
  PERSISTENT_TOPK_DEVICE static constexpr int place_of(int word) {
    return spread ? word + word / kWarpSize : word;
  }

  uint32_t above[place_of(kWords)];
  uint32_t equal[place_of(kWords)];
};

// A barrier must follow.
template <int kThreads, class Map>
PERSISTENT_TOPK_DEVICE void clear_map(Map& map, int columns) {
#pragma unroll 1
  for (int place = threadIdx.x; place < Map::place_of(ceil_div(columns, kWarpSize)); place += kThreads)
    map.above[place] = map.equal[place] = 0;
}

// Sets a column's bit in one of the map's arrays where the mask is not empty.
template <class Map>
PERSISTENT_TOPK_DEVICE void set_bit_if(uint32_t mask, uint32_t* words, int column) {
  ptx::or_shared_if(mask, &words[Map::place_of(column / kWarpSize)], 1u << (column % kWarpSize));
}

template <class Map>
PERSISTENT_TOPK_DEVICE void set_bit(uint32_t* words, int column) {
  atomicOr(&words[Map::place_of(column / kWarpSize)], 1u << (column % kWarpSize));
}

}  // namespace persistent_topk
