// The path of short rows: read once into the registers of one CTA, which then bins, refines and
// emits without touching memory again. So does the medium path, as long as registers hold the row.
#pragma once

#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Shared memory of a row that one CTA has; where it is streamed, more lies behind this. What is selected is
// lined up where its threshold was found: shared memory is taken from the cache that loads go through.
template <Policy policy, int bits>
struct HeldStorage {
  static constexpr int kBins = 1 << bits;
  union {
    struct {
      RefineStorage<policy> refine;
      alignas(16) uint32_t histogram[kBins];
    };
    struct {
      Scratch kept;  // that of `refine`
      LinedUp lined_up;
    };
  };
};

// Room for the longest row of this path.
template <class T, Policy policy>
using DecodeTile = RegisterTile<T, policy.threads, policy.decode_max>;

// Clears what a row that one CTA has is counted in, while memory is waited for. A barrier must follow.
template <Policy policy, int bits>
PERSISTENT_TOPK_DEVICE void clear_row() {
  using Storage = HeldStorage<policy, bits>;
  Storage& storage = ptx::shared_storage<Storage>();
  clear<policy.threads, Storage::kBins>(storage.histogram);
  clear_refinement<policy>(storage.refine);
}

// `tile` holds the row; its loads may still be under way. `path`: the row's name for it. clear_row() is done.
template <Policy policy, int bits, bool kTracing, class T, class Tile>
PERSISTENT_TOPK_DEVICE void held_row(const Row<T>& row, const Tile& tile, Path path) {
  using Storage = HeldStorage<policy, bits>;
  Storage& storage = ptx::shared_storage<Storage>();
  Scratch& scratch = storage.refine.scratch;
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(path, 1, 0, 0, row.columns());

  if (threadIdx.x == 0) scratch.head = row.head;
  count_bins<bits>(tile, storage.histogram);
  __syncthreads();
  const Interval interval = find_bin<policy.threads, bits>(storage.histogram, row.k, scratch);
  record.coarse(Storage::kBins, scratch.found, storage.histogram);
  Alone<policy> alone = {storage.refine};
  bool gathered;
  const Selection selection = refine(tile, interval, row.k, alone, storage.refine, gathered, record);
  record.selection(selection, 0, 0);
  emit_tile<policy.threads>(tile, -scratch.head, selection, {0, 0}, row, storage.lined_up, scratch);
}

template <Policy policy, bool kTracing, class T, class Tile>
PERSISTENT_TOPK_DEVICE void decode_row(const Row<T>& row, const Tile& tile) {
  held_row<policy, policy.decode_bin_bits, kTracing>(row, tile, kDecode);
}

}  // namespace persistent_topk
