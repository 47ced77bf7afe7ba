// The path of short rows: read once into the registers of one CTA, which then bins, refines and
// emits without touching memory again.
#pragma once

#include "refine.cuh"
#include "row.cuh"
#include "tile.cuh"

namespace persistent_topk {

template <Policy policy>
struct DecodeStorage {
  static constexpr int kBins = 1 << policy.decode_bin_bits;
  static constexpr int kRoundColumns = kQuad * policy.threads;
  Scratch scratch;
  DigitHistograms digits;
  alignas(16) uint32_t histogram[kBins];
  Candidates<policy.candidates> candidates;
  FewKeys<policy.rank_max> few;
  LinedUp lined_up;
  ColumnMap<ceil_div(policy.decode_max, kRoundColumns) * kRoundColumns> map;
};

template <Policy policy>
using DecodeTile = RegisterTile<policy.threads, policy.decode_max>;

// `tile` holds the row; its loads may still be under way.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void decode_row(const Row& row, const DecodeTile<policy>& tile) {
  using Storage = DecodeStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kDecode, 1, 0, 0, row.length);

  clear<policy.threads, Storage::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.candidates.used = storage.few.used = 0;
  __syncthreads();
  count_bins<policy.decode_bin_bits, false>(tile, storage.histogram);
  __syncthreads();
  const Interval interval = find_from_top<policy.threads, Storage::kBins>(
      storage.histogram, row.k, storage.scratch, bin_interval<policy.decode_bin_bits>);
  record.coarse(Storage::kBins, storage.histogram, storage.scratch.found);

  finish_alone<policy>(tile, interval, row, storage, record);
}

}  // namespace persistent_topk
