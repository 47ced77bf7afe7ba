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

// Where the chunk's part of the output begins. `before`: candidates of the chunks before, which stand first
// among the row's; those above the threshold (or at it, where all are taken) count, and, where ties are cut,
// those equal to it. A settled interval has no candidates, and is selected as a whole or one key.
template <Policy policy>
PERSISTENT_TOPK_DEVICE OutputPlace place_of(const SharingTeam<policy>& team, int before, bool settled,
                                            const Selection& selection) {
  const bool cut = selection.ties != kAllTaken;
  uint32_t greater = team.above_before, equal = 0;
#pragma unroll 1
  for (int i = threadIdx.x; i < (settled ? 0 : before); i += policy.threads) {
    const uint32_t key = ordered_key(team.storage.row_candidates[i]);
    greater += cut ? key > selection.threshold : key >= selection.threshold;
    equal += cut && key == selection.threshold;
  }
  const uint32_t sums =
      block_sum<policy.threads>(pack_counts(greater, equal), team.storage.refine.scratch.chunk_totals);
  if (!settled) return {above_of(sums), equal_of(sums)};
  return cut ? OutputPlace{above_of(sums), before} : OutputPlace{above_of(sums) + before, 0};
}

// What a source needs before it is gathered from, when the inboxes have been read.
template <int kThreads, int kColumns>
PERSISTENT_TOPK_DEVICE void prepare_gather(const RegisterTile<kThreads, kColumns>&) {}

template <Policy policy>
PERSISTENT_TOPK_DEVICE void prepare_gather(const StreamedChunk<policy>& chunk) {
  if (!chunk.is_marked_by_gather()) return;
  clear_map<policy.threads>(chunk.map, chunk.chunk.length);
  __syncthreads();
}

// From the histogram of the chunk to the row's selection and this CTA's place in the output. `gathered`:
// whether the source was gathered from.
template <Policy policy, class Source, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_shared(const Source& source, int k, SharingTeam<policy>& team,
                                               OutputPlace& place, bool& gathered, Record& record) {
  using Storage = LargeStorage<policy>;
  Storage& storage = team.storage;
  RefineStorage<policy>& refine = storage.refine;
  team.template post<Storage::kBins>(kOfChunks, storage.histogram);
  Interval interval =
      team.template find_and_place<Storage::kBins>(kOfChunks, k, bin_interval<policy.large_bin_bits>);
  record.coarse(Storage::kBins, refine.scratch.found, storage.row_counters);
  int passes = 0;
  interval = narrow_over_row<policy>(source, interval, k, team, storage.chunk_digits, passes, refine.scratch,
                                     record);
  record.chunk_counts_of_parts(team.above_own, storage.in_interval);
  const int before = storage.before_in_interval;
  const bool settled = is_settled(interval, k);
  gathered = !settled;
  Selection selection = settle(interval, k);
  if (gathered) {
    prepare_gather(source);
    gather(source, interval, refine.candidates);
    __syncthreads();
    team.post_candidates(before, interval.count);
    team.await(kOfCandidates);
    selection = resolve<policy>(storage.row_candidates, interval, k, refine.digits, passes, refine.few,
                                refine.scratch, record);
  }
  place = place_of(team, before, settled, selection);
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

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE Share<policy, kTracing> take_share(const Row& row, const SharingTeam<policy>& team) {
  const int columns = chunk_columns(row.length, team.ctas);
  const int begin = min(team.rank * columns, row.length);
  const int end = min(begin + columns, row.length);
  const Share<policy, kTracing> share = {
      columns, begin, {row.logits + begin, end - begin}, {row.trace + team.rank}};
  share.record.chunk(kLarge, team.ctas, team.rank, begin, end);
  return share;
}

// A barrier must follow.
template <Policy policy>
PERSISTENT_TOPK_DEVICE void clear_share(LargeStorage<policy>& storage) {
  clear<policy.threads, LargeStorage<policy>::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.chunk_digits.of_pass[0]);
  clear_refinement<policy>(storage.refine);
  if (threadIdx.x == 0) storage.list.used = 0;
}

// A row whose chunks fit a tile.
template <Policy policy, bool kTracing, class Tile>
PERSISTENT_TOPK_DEVICE void large_row_in_registers(const Row& row, SharingTeam<policy> team) {
  auto [columns, begin, chunk, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy>& storage = team.storage;
  Tile tile;
  tile.load(chunk.logits, chunk.length, chunk.vector);
  clear_share<policy>(storage);
  __syncthreads();
  count_bins<policy.large_bin_bits>(tile, storage.histogram);
  __syncthreads();
  team.await_peers();
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(tile, row.k, team, place, gathered, record);
  emit_tile<policy.threads>(tile, begin, selection, place, row.output, storage.refine.scratch);
}

// A row with longer chunks.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void large_row_streamed(const Row& row, SharingTeam<policy> team) {
  auto [columns, begin, chunk, record] = take_share<policy, kTracing>(row, team);
  LargeStorage<policy>& storage = team.storage;
  const bool has_bound = min(columns, policy.sample) >= row.k;  // the first chunk's sample alone
  const auto bound_of_samples = [&](const uint32_t* histogram) {
    team.await_peers();
    if (!has_bound) return bound_below(kLowestKey);
    team.template post<LargeStorage<policy>::kBins>(kOfSamples, histogram);
    return team
        .template find<LargeStorage<policy>::kBins>(
            kOfSamples, row.k, bin_interval<policy.large_bin_bits>,
            [](int, int, const uint32_t (&)[kQuad]) {}, [](uint32_t) {})
        .at_least;
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
