// The path of rows too long for registers that one CTA takes alone: the row is binned while it is
// read, its first columns stay in shared memory and the rest is read again from L2.
#pragma once

#include "refine.cuh"
#include "row.cuh"
#include "tile.cuh"

namespace persistent_topk {

template <Policy policy>
struct MediumStorage {
  static constexpr int kBins = 1 << policy.medium_bin_bits;
  Scratch scratch;
  DigitHistograms digits;
  alignas(16) uint32_t histogram[kBins];
  Candidates<policy.candidates> candidates;
  FewKeys<policy.rank_max> few;
  LinedUp lined_up;
  ColumnMap<policy.map> map;
  alignas(16) float resident[kQuad];  // as many as the launch has room for: the last member
};

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void medium_row(const Row& row, int resident) {
  using Storage = MediumStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kMedium, 1, 0, 0, row.length);

  clear<policy.threads, Storage::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.candidates.used = storage.few.used = 0;
  __syncthreads();
  const StreamTile<policy.threads> tile = {row.logits, row.length, storage.resident, resident};
  count_bins<policy.medium_bin_bits, true>(tile, storage.histogram);
  __syncthreads();
  const Interval interval = find_from_top<policy.threads, Storage::kBins>(
      storage.histogram, row.k, storage.scratch, bin_interval<policy.medium_bin_bits>);
  record.coarse(Storage::kBins, storage.histogram, storage.scratch.found);

  finish_alone<policy>(tile, interval, row, storage, record);
}

}  // namespace persistent_topk
