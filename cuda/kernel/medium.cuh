// The path of rows too long for registers that one CTA takes alone: read once, keeping in shared memory
// what a running threshold lets through.
#pragma once

#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "stream.cuh"

namespace persistent_topk {

template <Policy policy>
struct MediumStorage {
  static constexpr int kBins = 1 << policy.medium_bin_bits;
  RefineStorage<policy> refine;
  alignas(16) uint32_t histogram[kBins];
  Survivors<policy.survivors> list;
  ColumnMap<policy.map> map;
  int32_t candidate_columns[policy.candidates];
  LinedUp lined_up;
};

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void medium_row(const Row& row) {
  using Storage = MediumStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  Scratch& scratch = storage.refine.scratch;
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(kMedium, 1, 0, 0, row.length);

  const Chunk<policy.threads> chunk = {row.logits, row.length};
  const auto prepare = [&] {
    clear<policy.threads, Storage::kBins>(storage.histogram);
    clear_refinement<policy>(storage.refine);
    clear_map<policy.threads>(storage.map, min(row.length, policy.map));
    if (threadIdx.x == 0) storage.list.used = 0;
  };
  const bool listed = stream<policy, policy.medium_bin_bits>(chunk, row.k, storage.histogram, storage.list,
                                                             scratch, prepare, record);
  const Interval interval =
      find_bin<policy.threads, policy.medium_bin_bits>(storage.histogram, row.k, scratch);
  record.coarse(Storage::kBins, scratch.found, storage.histogram);
  const StreamedChunk<policy> source = {chunk, storage.list, listed, storage.map, storage.candidate_columns};
  const Selection selection = refine_alone<policy>(source, interval, row.k, storage.refine, record);
  const int gathered = static_cast<int>(storage.refine.candidates.used);
  const bool marked = gathered > 0 && source.is_marked_by_gather();
  if (marked)
    mark_candidates<policy.threads>(storage.refine.candidates.keys, source.columns, gathered, selection,
                                    storage.map);
  emit_mapped<policy.threads>(source, row.length, 0, selection, {0, 0}, marked, storage.map, storage.lined_up,
                              row.output, scratch);
}

}  // namespace persistent_topk
