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

// From the histogram of the chunk to the row's selection and this CTA's place in the output. `gathered`:
// whether the source was gathered from.
template <Policy policy, class Source, class Mail, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_shared(const Source& source, int k, SharingTeam<policy, Mail>& team,
                                               OutputPlace& place, bool& gathered, Record& record) {
  using Storage = LargeStorage<policy, Mail>;
  Storage& storage = team.storage;
  team.mail.template post<Storage::kBins>(kOfChunks, storage.histogram);
  const Interval interval = team.find_row_bin(k);
  record.coarse(Storage::kBins, storage.refine.scratch.found, storage.row_counters);
  const Selection selection = refine(source, interval, k, team, storage.refine, gathered, record);
  place = team.place_of(selection, gathered);
  record.selection(selection, place.offset, place.tie_offset);
  return selection;
}

// A row as one CTA of the team sees it.
template <Policy policy, bool kTracing>
struct Share {
  int columns;  // of all chunks but the last ones
  int begin;
  Chunk<policy.threads> chunk;
  Recorder<kTracing, policy.threads> record;
};

template <Policy policy, bool kTracing, class Mail>
PERSISTENT_TOPK_DEVICE Share<policy, kTracing> take_share(const Row& row,
                                                          const SharingTeam<policy, Mail>& team) {
  const int columns = chunk_columns(row.length, team.ctas);
  const int begin = min(team.rank * columns, row.length);
  const int end = min(begin + columns, row.length);
  const Share<policy, kTracing> share = {
      columns, begin, {row.logits + begin, end - begin}, {row.trace + team.rank}};
  share.record.chunk(kLarge, team.ctas, team.rank, begin, end);
  return share;
}

// A barrier must follow.
template <Policy policy, class Mail>
PERSISTENT_TOPK_DEVICE void clear_share(LargeStorage<policy, Mail>& storage) {
  clear<policy.threads, LargeStorage<policy, Mail>::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.chunk_digits.of_pass[0]);
  clear_refinement<policy>(storage.refine);
  if (threadIdx.x == 0) storage.list.used = 0;
}

// A row whose chunks fit a tile.
template <Policy policy, bool kTracing, class Tile, class Mail>
PERSISTENT_TOPK_DEVICE void large_row_in_registers(const Row& row, SharingTeam<policy, Mail> team) {
  auto [columns, begin, chunk, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy, Mail>& storage = team.storage;
  Tile tile;
  tile.load(chunk.logits, chunk.length, chunk.vector);
  tile.take_part(chunk.length);
  clear_share<policy>(storage);
  __syncthreads();
  count_bins<policy.large_bin_bits>(tile, storage.histogram);
  __syncthreads();
  team.mail.await_peers();
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(tile, row.k, team, place, gathered, record);
  emit_tile<policy.threads>(tile, begin, selection, place, row.output, storage.refine.scratch);
}

// A row with longer chunks.
template <Policy policy, bool kTracing, class Mail>
PERSISTENT_TOPK_DEVICE void large_row_streamed(const Row& row, SharingTeam<policy, Mail> team) {
  auto [columns, begin, chunk, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy, Mail>& storage = team.storage;
  const bool has_bound = min(columns, policy.sample) >= row.k;  // the first chunk's sample alone
  const auto bound_of_samples = [&](const uint32_t* histogram) {
    team.mail.await_peers();
    if (!has_bound) return bound_below(kLowestKey);
    team.mail.template post<LargeStorage<policy, Mail>::kBins>(kOfSamples, histogram);
    return team.bound_of_samples(row.k);
  };
  const bool listed = stream<policy, policy.large_bin_bits>(
      chunk, row.k, storage.histogram, storage.list, storage.refine.scratch,
      [&] { clear_share<policy>(storage); }, bound_of_samples, record);
  const StreamedChunk<policy> source = {chunk, storage.list, listed, storage.map};
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(source, row.k, team, place, gathered, record);
  const bool marked = gathered && source.is_marked_by_gather();
  if (marked) mark_candidates<policy.threads>(storage.refine.candidates, selection, storage.map);
  emit_mapped<policy.threads>(source, chunk.length, begin, selection, place, marked, storage.map,
                              storage.lined_up, row.output, storage.refine.scratch);
}

}  // namespace persistent_topk
