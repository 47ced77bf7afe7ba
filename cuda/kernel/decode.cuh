// The path of short rows: read once into the registers of one CTA, which then bins, refines and
// emits without touching memory again.
#pragma once

#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "tile.cuh"

namespace persistent_topk {

template <Policy policy>
struct DecodeStorage {
  static constexpr int kBins = 1 << policy.decode_bin_bits;
  RefineStorage<policy> refine;
  alignas(16) uint32_t histogram[kBins];
};

// Room for the longest row of this path.
template <Policy policy>
using DecodeTile = RegisterTile<policy.threads, policy.decode_max>;

// `tile` holds the row; its loads may still be under way.
template <Policy policy, bool kTracing, class Tile>
PERSISTENT_TOPK_DEVICE void decode_row(const Row& row, const Tile& tile) {
  using Storage = DecodeStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  Scratch& scratch = storage.refine.scratch;
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kDecode, 1, 0, 0, row.length);

  clear<policy.threads, Storage::kBins>(storage.histogram);
  clear_refinement<policy>(storage.refine);
  __syncthreads();
  count_bins<policy.decode_bin_bits>(tile, storage.histogram);
  __syncthreads();
  const Interval interval = find_from_top<policy.threads, Storage::kBins>(
      storage.histogram, row.k, scratch, bin_interval<policy.decode_bin_bits>);
  record.coarse(Storage::kBins, scratch.found, storage.histogram);
  Alone<policy> alone = {storage.refine};
  bool gathered;
  const Selection selection = refine(tile, interval, row.k, alone, storage.refine, gathered, record);
  record.selection(selection, 0, 0);
  emit_tile<policy.threads>(tile, 0, selection, {0, 0}, row.output, scratch);
}

}  // namespace persistent_topk
