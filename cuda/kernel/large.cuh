// The path of long rows: the CTAs of a team take a chunk each. They tell each other their coarse histograms,
// so that each finds the row's threshold bin and what the chunks before it have in it; then their candidates,
// and from there each finds the same threshold by itself. A CTA's place in the output is the exclusive scan
// over the team of the counts of selected columns, so ascending order needs no sort. Chunks that are streamed
// begin with one more exchange: the samples' histograms bound what is selected of the row, closer than one
// chunk's own could.
#pragma once

#include "decode.cuh"
#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "stream.cuh"
#include "team.cuh"
#include "tile.cuh"

namespace persistent_topk {

// From the row's threshold bin to its selection and this CTA's place in the output. `gathered`: whether the
// source was gathered from.
template <Policy policy, class Source, class Mail, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_shared(const Source& source, const Interval& interval, int k,
                                               SharingTeam<policy, Mail>& team, OutputPlace& place,
                                               bool& gathered, Record& record) {
  using Storage = LargeStorage<policy, Mail>;
  Storage& storage = team.storage;
  record.coarse(Storage::kBins, storage.refine.scratch.found, storage.row_counters);
  const Selection selection = refine(source, interval, k, team, storage.refine, gathered, record);
  place = team.place_of(selection, gathered);
  record.selection(selection, place.offset, place.tie_offset);
  return selection;
}

// A row as one CTA of the team sees it.
template <Policy policy, bool kTracing, class T>
struct Share {
  int columns;  // of all chunks but the last ones
  int first;  // column of the chunk, of the row's; negative where a head lies before them
  Chunk<T, policy.threads> chunk;
  int head;  // of the chunk
  Recorder<kTracing, policy.threads> record;
};

template <Policy policy, bool kTracing, class T, class Mail>
PERSISTENT_TOPK_DEVICE Share<policy, kTracing, T> take_share(const Row<T>& row,
                                                             const SharingTeam<policy, Mail>& team) {
  const int columns = chunk_columns(row.length, team.ctas);
  const int begin = min(team.rank * columns, row.length);
  const int end = begin + min(columns, row.length - begin);
  const Share<policy, kTracing, T> share = {
      columns,
      begin - row.head,
      {row.logits + begin, end - begin, team.storage.refine.scratch.head},
      team.rank == 0 ? row.head : 0,
      {row.trace + team.rank}};
  share.record.chunk(kLarge, team.ctas, team.rank, max(begin - row.head, 0), end - row.head);
  return share;
}

// Clears what a shared row is counted in, while its length is waited for; ends in a barrier.
template <Policy policy, class Mail>
PERSISTENT_TOPK_DEVICE void clear_share(LargeStorage<policy, Mail>& storage) {
  clear<policy.threads, LargeStorage<policy, Mail>::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.chunk_digits.of_pass[0]);
  clear_refinement<policy>(storage.refine);
  if (threadIdx.x == 0) storage.list.used = 0;
  __syncthreads();
}

// A row whose chunks fit a tile. clear_share() is done.
template <Policy policy, bool kTracing, class Tile, class T, class Mail>
PERSISTENT_TOPK_DEVICE void large_row_in_registers(const Row<T>& row, SharingTeam<policy, Mail> team) {
  auto [columns, first, chunk, head, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy, Mail>& storage = team.storage;
  Tile tile;
  tile.load(chunk.logits, chunk.length, chunk.vector);
  tile.take_part(head, chunk.length);
  count_bins<policy.large_bin_bits>(tile, storage.histogram);
  __syncthreads();
  team.mail.await_peers();
  const Interval interval = team.find_row_bin(row.k);
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(tile, interval, row.k, team, place, gathered, record);
  emit_tile<policy.threads>(tile, first, selection, place, row, storage.lined_up, storage.refine.scratch);
}

// A row with longer chunks. clear_share() is done.
template <Policy policy, bool kTracing, class T, class Mail>
PERSISTENT_TOPK_DEVICE void large_row_streamed(const Row<T>& row, SharingTeam<policy, Mail> team) {
  auto [columns, first, chunk, head, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy, Mail>& storage = team.storage;
  const int rank = rank_in_samples<policy>(row.k, columns);
  const auto bound_of_samples = [&] {
    team.mail.await_peers();
    if (rank > policy.sample) return kNoBound;  // the first chunk's sample alone has so many columns
    const Interval interval = team.find_bin_of_samples(rank);
    return make_bound<policy>(interval, storage.refine.scratch.found, columns);
  };
  Interval interval;
  bool listed;
  const auto settle = [&](bool is_listed) {
    if (!is_listed) team.limit_bins();
    interval = team.find_row_bin(row.k);
    listed = is_listed;
    if (storage.refine.scratch.found.index >= storage.refine.scratch.least_bin) return true;
    ++team.of_chunks;
    return false;
  };
  stream<policy, policy.large_bin_bits>(
      chunk, head, columns, row.k, storage.histogram, storage.list, storage.refine.scratch, [] {},
      bound_of_samples, settle, record);
  const StreamedChunk<policy, T, decltype(storage.map)> source = {chunk, storage.list, listed, storage.map};
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(source, interval, row.k, team, place, gathered, record);
  const bool marked = gathered && source.is_marked_by_gather();
  if (marked) mark_candidates<policy.threads>(storage.refine.candidates, selection, storage.map);
  emit_mapped<policy.threads>(source, chunk.length, first, selection, place, marked, storage.map,
                              storage.lined_up, row, storage.refine.scratch);
}

}  // namespace persistent_topk
