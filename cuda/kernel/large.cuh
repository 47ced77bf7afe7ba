// The path of long rows: the CTAs of a team take a chunk each. They find the row's threshold bin by two
// exchanges of 32 to 64 words through the shared memory of the cluster, which also tell every CTA what
// each chunk holds above that bin and in it; a third gives every CTA all candidates, and from there each
// finds the same threshold by itself. A CTA's place in the output is the exclusive scan over the team
// of the counts of selected columns, so ascending order needs no sort.
#pragma once

#include "decode.cuh"
#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "stream.cuh"
#include "team.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Sum over the CTAs of one word each, `stride` words apart.
template <Policy policy>
PERSISTENT_TOPK_DEVICE uint32_t sum_over_ctas(const uint32_t* of_first, int stride, int ctas) {
  uint32_t sum = 0;
#pragma unroll
  for (int cta = 0; cta < policy.max_ctas; ++cta)
    if (cta < ctas) sum += of_first[cta * stride];
  return sum;
}

// The row's threshold bin, from the chunks' histograms (a barrier passed); fills storage.counts. The team
// has arrived at its first exchange. Groups of bins first, then the bins of the group that was found, so that
// few words travel. One warp decides.
template <Policy policy>
PERSISTENT_TOPK_DEVICE Interval find_shared(const SharingTeam<policy>& team, int k) {
  using Storage = LargeStorage<policy>;
  constexpr int kGroups = Storage::kGroups, kPerLane = (kGroups + kWarpSize - 1) / kWarpSize;
  Storage& storage = team.storage;
  const int lane = lane_id(), ctas = team.ctas;
  team.wait();
#pragma unroll 4
  for (int group = warp_id(); group < kGroups; group += policy.threads / kWarpSize) {
    const uint32_t sum = __reduce_add_sync(kFullWarp, storage.histogram[group * kGroupBins + lane]);
    if (lane < ctas) *team.of_peer(&storage.groups[team.rank][group], lane) = sum;
  }
  team.exchange();
  Found group = {};
  if (warp_id() == 0) {
    uint32_t sums[kPerLane];
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      const int index = kGroups - 1 - lane * kPerLane - i;
      sums[i] = index < 0 ? 0 : sum_over_ctas<policy>(&storage.groups[0][index], kGroups + 1, ctas);
    }
    group = find_in_warp(sums, k);
    group.index = kGroups - 1 - group.index;
    const uint32_t own = storage.histogram[group.index * kGroupBins + lane];
#pragma unroll 4
    for (int peer = 0; peer < ctas; ++peer) *team.of_peer(&storage.bins[team.rank][lane], peer) = own;
  }
  team.arrive();
  int above = 0;  // of CTA `lane`
  if (warp_id() == 0 && lane < ctas)
    for (int i = group.index + 1; i < kGroups; ++i) above += storage.groups[lane][i];
  team.wait();
  if (warp_id() == 0) {
    const int from_top = kGroupBins - 1 - lane;
    const uint32_t sums[] = {sum_over_ctas<policy>(&storage.bins[0][from_top], kGroupBins + 1, ctas)};
    Found bin = find_in_warp(sums, k - group.above);
    const int in_group = kGroupBins - 1 - bin.index;
    if (lane < ctas) {
      for (int i = in_group + 1; i < kGroupBins; ++i) above += storage.bins[lane][i];
      storage.counts[lane] = {above, static_cast<int>(storage.bins[lane][in_group])};
    }
    bin.index = group.index * kGroupBins + in_group;
    bin.above += group.above;
    const Interval interval = bin_interval<policy.large_bin_bits>(bin);
    if (lane == 0) {
      storage.refine.scratch.found = bin;
      storage.refine.scratch.interval = interval;
    }
  }
  __syncthreads();
  return storage.refine.scratch.interval;
}

// How many of the candidates before this CTA's are selected: those above the threshold (or at it,
// where all are taken), and, where ties are cut, those equal to it.
template <Policy policy>
PERSISTENT_TOPK_DEVICE OutputPlace count_selected(SharingTeam<policy>& team, int candidates_before,
                                                  const Selection& selection) {
  const bool cut = selection.ties != kAllTaken;
  RefineStorage<policy>& refine = team.storage.refine;
  uint32_t greater = 0, equal = 0;
#pragma unroll 1
  for (int i = threadIdx.x; i < candidates_before; i += policy.threads) {
    const uint32_t key = team.storage.row_keys[i];
    greater += cut ? key > selection.threshold : key >= selection.threshold;
    equal += cut && key == selection.threshold;
  }
  const uint32_t sums = block_sum<policy.threads>(pack_counts(greater, equal), refine.scratch.chunk_totals);
  return {above_of(sums), equal_of(sums)};
}

// Writes the chunk's candidates to every CTA, behind the `before` of the CTAs before it.
template <Policy policy, class Source>
PERSISTENT_TOPK_DEVICE void share_candidates(const Source& source, const Interval& interval, int before,
                                             SharingTeam<policy>& team) {
  LargeStorage<policy>& storage = team.storage;
  auto& candidates = storage.refine.candidates;
  gather(source, interval, [&](uint32_t key) { return push(candidates, key); });
  __syncthreads();
  const int count = static_cast<int>(candidates.used);
#pragma unroll 1
  for (int peer = warp_id(); peer < team.ctas; peer += policy.threads / kWarpSize)
#pragma unroll 1
    for (int i = lane_id(); i < count; i += kWarpSize)
      *team.of_peer(&storage.row_keys[before + i], peer) = candidates.keys[i];
}

// From the histogram of the chunk to the row's selection and this CTA's place in the output. `gathered`:
// whether the source was gathered from.
template <Policy policy, class Source, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_shared(const Source& source, int k, SharingTeam<policy>& team,
                                               OutputPlace& place, bool& gathered, Record& record) {
  using Storage = LargeStorage<policy>;
  Storage& storage = team.storage;
  RefineStorage<policy>& refine = storage.refine;
  Interval interval = find_shared(team, k);
  record.coarse_of(Storage::kBins, refine.scratch.found, [&](int bin) {
    uint32_t sum = 0;
    for (int peer = 0; peer < team.ctas; ++peer) sum += *team.of_peer(&storage.histogram[bin], peer);
    return sum;
  });
  int passes = 0;
  interval =
      narrow_over_row<policy>(source, interval, k, team, storage.shown, passes, refine.scratch, record);
  if (passes > 0) team.exchange();  // the counts that the last pass left
  record.chunk_counts(storage.counts[team.rank].above, storage.counts[team.rank].count);
  const bool is_before = lane_id() < team.rank;
  const OutputPlace before = {
      static_cast<int>(__reduce_add_sync(kFullWarp, is_before ? storage.counts[lane_id()].above : 0)),
      static_cast<int>(__reduce_add_sync(kFullWarp, is_before ? storage.counts[lane_id()].count : 0))};
  const bool settled = is_settled(interval, k);
  gathered = !settled;
  if (gathered) share_candidates(source, interval, before.tie_offset, team);
  team.exchange();
  Selection selection = settle(interval, k);
  place = before;
  if (!settled) {
    selection = resolve<policy>(storage.row_keys, interval, k, refine.digits, passes, refine.few,
                                refine.scratch, record);
    const OutputPlace selected = count_selected(team, before.tie_offset, selection);
    place = {before.offset + selected.offset, selected.tie_offset};
  } else if (selection.ties == kAllTaken) {
    place = {before.offset + before.tie_offset, 0};
  }
  record.selection(selection, place.offset, place.tie_offset);
  return selection;
}

// A row as one CTA of the team sees it.
template <Policy policy, bool kTracing>
struct Share {
  SharingTeam<policy> team;
  int begin;
  Chunk<policy.threads> chunk;
  Recorder<kTracing, policy.threads> record;
};

// The team arrives at the row's first exchange.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE Share<policy, kTracing> take_share(const Row& row, int ctas, int rank) {
  auto& storage = ptx::shared_storage<LargeStorage<policy>>();
  const int columns = chunk_columns(row.length, ctas);
  const int begin = min(rank * columns, row.length);
  const int end = min(begin + columns, row.length);
  const Share<policy, kTracing> share = {
      {storage, ctas, rank}, begin, {row.logits + begin, end - begin}, {row.trace + rank}};
  share.team.arrive();
  share.record.chunk(kLarge, ctas, rank, begin, end);
  return share;
}

// A barrier must follow.
template <Policy policy>
PERSISTENT_TOPK_DEVICE void clear_share(LargeStorage<policy>& storage) {
  clear<policy.threads, LargeStorage<policy>::kBins>(storage.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.shown.of_pass[0]);
  clear_refinement<policy>(storage.refine);
  if (threadIdx.x == 0) storage.list.used = 0;
}

// A row whose chunks fit a tile.
template <Policy policy, bool kTracing, class Tile>
PERSISTENT_TOPK_DEVICE void large_row_in_registers(const Row& row, int ctas, int rank) {
  auto [team, begin, chunk, record] = take_share<policy, kTracing>(row, ctas, rank);
  LargeStorage<policy>& storage = team.storage;
  Tile tile;
  tile.load(chunk.logits, chunk.length, chunk.vector);
  clear_share<policy>(storage);
  __syncthreads();
  count_bins<policy.large_bin_bits>(tile, storage.histogram);
  __syncthreads();
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(tile, row.k, team, place, gathered, record);
  emit_tile<policy.threads>(tile, begin, selection, place, row.output, storage.refine.scratch);
}

// A row with longer chunks.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void large_row_streamed(const Row& row, int ctas, int rank) {
  auto [team, begin, chunk, record] = take_share<policy, kTracing>(row, ctas, rank);
  LargeStorage<policy>& storage = team.storage;
  const bool listed = stream<policy, policy.large_bin_bits>(
      chunk, row.k, storage.histogram, storage.list, storage.refine.scratch,
      [&] {
        clear_share<policy>(storage);
        clear_map<policy.threads>(storage.map, min(chunk.length, policy.map));
      },
      record);
  const StreamedChunk<policy> source = {chunk, storage.list, listed, storage.map, storage.candidate_columns};
  OutputPlace place;
  bool gathered;
  const Selection selection = refine_shared<policy>(source, row.k, team, place, gathered, record);
  const bool marked = gathered && source.is_marked_by_gather();
  if (marked)
    mark_candidates<policy.threads>(storage.refine.candidates.keys, source.columns,
                                    static_cast<int>(storage.refine.candidates.used), selection, storage.map);
  emit_mapped<policy.threads>(source, chunk.length, begin, selection, place, marked, storage.map,
                              storage.lined_up, row.output, storage.refine.scratch);
}

}  // namespace persistent_topk
