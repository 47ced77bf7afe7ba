// Which columns of a segment are selected, as bits in shared memory: read in column order, whoever set them.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "tile.cuh"

namespace persistent_topk {

// A bit a column: whether its key is above the threshold (or at it, where all ties are taken), and whether
// it is a tie that may be cut.
template <int kColumns>
struct ColumnMap {
  static constexpr int kColumnsMapped = kColumns;
  uint32_t above[kColumns / kWarpSize];
  uint32_t equal[kColumns / kWarpSize];
};

// A barrier must follow.
template <int kThreads, class Map>
PERSISTENT_TOPK_DEVICE void clear_map(Map& map, int columns) {
#pragma unroll 1
  for (int word = threadIdx.x; word < ceil_div(columns, kWarpSize); word += kThreads)
    map.above[word] = map.equal[word] = 0;
}

// Sets the column's bit where the mask is not empty.
PERSISTENT_TOPK_DEVICE void set_bit_if(uint32_t mask, uint32_t* words, int column) {
  ptx::or_shared_if(mask, &words[column / kWarpSize], 1u << (column % kWarpSize));
}

PERSISTENT_TOPK_DEVICE void set_bit(uint32_t* words, int column) {
  atomicOr(&words[column / kWarpSize], 1u << (column % kWarpSize));
}

}  // namespace persistent_topk
