// The path of longer rows that one CTA takes alone. As long as registers hold them they go as short rows do.
// Else they are read once, keeping in shared memory what a running threshold lets through. A row of the large
// path goes this way too where its team is one CTA.
#pragma once

#include "decode.cuh"
#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "stream.cuh"

namespace persistent_topk {

template <Policy policy>
struct MediumStorage {
  HeldStorage<policy, policy.medium_bin_bits> row;
  SurvivorList<policy> list;
  static constexpr int kFewWords = 4;  // of a thread
  ColumnMap<policy.map, (policy.map > kFewWords * kWarpSize * policy.threads)> map;
};

// A row that registers hold.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void medium_row_in_registers(const Row<T>& row, Path path) {
  RegisterTile<T, policy.threads, policy.held> tile;
  tile.load(row.logits, row.length, is_vector_aligned(row.logits));
  tile.take_part(row.head, row.length);
  clear_row<policy, policy.medium_bin_bits>();
  __syncthreads();
  held_row<policy, policy.medium_bin_bits, kTracing>(row, tile, path);
}

template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void medium_row_streamed(const Row<T>& row, Path path) {
  constexpr int kBits = policy.medium_bin_bits;
  using Storage = MediumStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  auto& refinement = storage.row.refine;
  uint32_t* const histogram = storage.row.histogram;
  Scratch& scratch = refinement.scratch;
  Recorder<kTracing, policy.threads> record{row.trace};
  record.chunk(path, 1, 0, 0, row.columns());

  const Chunk<T, policy.threads> chunk = {row.logits, row.length, scratch.head};
  const auto prepare = [&] {
    clear_row<policy, policy.medium_bin_bits>();
    clear_map<policy.threads>(storage.map, min(row.length, policy.map));
    if (threadIdx.x == 0) storage.list.used = 0;
  };
  const int rank = rank_in_samples<policy>(row.k, row.length);
  const auto bound_of_sample = [&] {
    if (rank > policy.sample) return kNoBound;
    const Interval interval = find_bin<policy.threads, kBits>(histogram, rank, scratch);
    return make_bound<policy>(interval, scratch.found, row.length);
  };
  Interval interval;
  bool listed;
  const auto settle = [&](bool is_listed) {
    interval = find_bin<policy.threads, kBits>(histogram, row.k, scratch);
    listed = is_listed;
    return scratch.found.index >= scratch.least_bin;
  };
  stream<policy, kBits>(chunk, row.head, row.length, row.k, histogram, storage.list, scratch, prepare,
                        bound_of_sample, settle, record);
  record.coarse(1 << kBits, scratch.found, histogram);
  const StreamedChunk<policy, T, decltype(storage.map)> source = {chunk, storage.list, listed, storage.map};
  Alone<policy> alone = {refinement};
  bool gathered;
  const Selection selection = refine(source, interval, row.k, alone, refinement, gathered, record);
  record.selection(selection, 0, 0);
  const bool marked = gathered && source.is_marked_by_gather();
  if (marked) mark_candidates<policy.threads>(refinement.candidates, selection, storage.map);
  emit_mapped<policy.threads>(source, row.length, -scratch.head, selection, {0, 0}, marked, storage.map,
                              storage.row.lined_up, row, scratch);
}

// `path`: the row's name for it.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void medium_row(const Row<T>& row, Path path) {
  if constexpr (policy.held > policy.decode_max)
    if (row.length <= policy.held) return medium_row_in_registers<policy, kTracing>(row, path);
  medium_row_streamed<policy, kTracing>(row, path);
}

}  // namespace persistent_topk
