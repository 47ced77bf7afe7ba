// The path of long rows: the CTAs of a team take a chunk each. Coarse histograms, digit histograms of
// the spill and candidates are exchanged through the shared memory of the cluster; from there every
// CTA finds the same threshold by itself. A CTA's place in the output is the exclusive scan over the
// team of the counts of selected columns, so ascending order needs no sort.
//
// What a CTA shows to its peers (`shown`) is cleared and written between one exchange and the next,
// and read after it. Every row ends with an exchange (of counts and candidates), so what was shown
// before is free again when the next row begins.
#pragma once

#include "emit.cuh"
#include "refine.cuh"
#include "row.cuh"
#include "tile.cuh"

namespace persistent_topk {

// A chunk's keys above the interval that is left, and in it.
struct ChunkCounts {
  int above;
  int count;
};

template <Policy policy>
struct LargeStorage {
  static constexpr int kBins = 1 << policy.large_bin_bits;
  struct Shown {
    alignas(16) uint32_t histogram[kBins];  // of the chunk
    DigitHistograms digits;            // of the chunk
    Candidates<policy.candidates> candidates;
  };
  Scratch scratch;
  FewKeys<policy.rank_max> few;
  ColumnMap<policy.map> map;
  Shown shown;
  ChunkCounts counts[policy.max_ctas];  // of every CTA: each writes its own to all
  DigitHistograms digits;     // of the row, or of the gathered candidates
  alignas(16) uint32_t histogram[kBins];  // of the row
  union {
    uint32_t candidates[policy.candidates];  // of the row
    LinedUp lined_up;                        // when these have been looked through
  };
  alignas(16) float resident[kQuad];  // as many as the launch has room for: the last member
};

// The CTAs that share a row.
template <Policy policy>
struct SharingTeam {
  LargeStorage<policy>& storage;
  int ctas;
  int rank;
  ChunkCounts own = {0, 0};

  PERSISTENT_TOPK_DEVICE void exchange() const {
    if (ctas == 1) return __syncthreads();
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }

  template <class T>
  PERSISTENT_TOPK_DEVICE T* of_peer(T* mine, int peer) const {
    return ctas == 1 ? mine : ptx::peer_shared(mine, peer);
  }

  // Exchanges, then adds up what every CTA shows. Neighbouring lanes take a part of the CTAs each, so
  // that many loads are under way: one takes 200 cycles.
  template <int kCounters>
  PERSISTENT_TOPK_DEVICE const uint32_t* merge(uint32_t* shown, uint32_t* sums) const {
    constexpr int kParts = policy.max_ctas < 4 ? policy.max_ctas : 4;
    exchange();
    if (ctas == 1) return shown;
    for (int i = threadIdx.x; i < kCounters / kQuad * kParts; i += policy.threads) {
      uint32_t sum[kQuad] = {0, 0, 0, 0};
#pragma unroll
      for (int first = 0; first < policy.max_ctas; first += kParts) {
        if (const int peer = first + i % kParts; peer < ctas) {
          uint32_t quad[kQuad];
          ptx::load_vector(of_peer(shown + i / kParts * kQuad, peer), quad);
#pragma unroll
          for (int c = 0; c < kQuad; ++c) sum[c] += quad[c];
        }
      }
#pragma unroll
      for (int distance = 1; distance < kParts; distance *= 2)
#pragma unroll
        for (int c = 0; c < kQuad; ++c) sum[c] += __shfl_xor_sync(kFullWarp, sum[c], distance);
      if (i % kParts == 0)
#pragma unroll
        for (int c = 0; c < kQuad; ++c) sums[i / kParts * kQuad + c] = sum[c];
    }
    __syncthreads();
    return sums;
  }

  PERSISTENT_TOPK_DEVICE const uint32_t* merge_digits(DigitHistograms& shown, int pass) const {
    return merge<kDigits>(shown.of_pass[pass], storage.digits.of_pass[pass]);
  }

  // Takes over the chunk's own counts above and in the counter that was found.
  PERSISTENT_TOPK_DEVICE void keep(const uint32_t* shown, int counters, const Found& found) {
    uint32_t greater = 0;
    for (int i = threadIdx.x; i < counters; i += policy.threads)
      if (i > found.index) greater += shown[i];
    own.above += block_sum<policy.threads>(greater, storage.scratch.totals);
    own.count = shown[found.index];
  }

  // Tells every CTA this chunk's counts; they are there after the next exchange.
  PERSISTENT_TOPK_DEVICE void send_counts() const {
    if (static_cast<int>(threadIdx.x) < ctas)
      *of_peer(&storage.counts[rank], static_cast<int>(threadIdx.x)) = own;
  }
};

// The counts of the CTAs before this one: keys above the interval, and in it. Where asked for, copies
// every CTA's candidates, in the order of the CTAs; warps are dealt to them, so that all copies are
// under way at once.
template <Policy policy>
PERSISTENT_TOPK_DEVICE OutputPlace collect(const SharingTeam<policy>& team, bool with_candidates) {
  constexpr int kWarps = policy.threads / kWarpSize;
  auto& storage = team.storage;
  const bool has_peer = lane_id() < team.ctas;
  const uint32_t above = has_peer ? storage.counts[lane_id()].above : 0;
  const uint32_t count = has_peer ? storage.counts[lane_id()].count : 0;
  const bool is_before = lane_id() < team.rank;
  const OutputPlace before = {static_cast<int>(__reduce_add_sync(kFullWarp, is_before ? above : 0)),
                              static_cast<int>(__reduce_add_sync(kFullWarp, is_before ? count : 0))};
  if (!with_candidates) return before;
  const uint32_t start_of_lane = warp_inclusive_sum(count) - count;
  const int sharers = kWarps > team.ctas ? kWarps / team.ctas : 1;  // warps that copy for one peer
  for (int peer = warp_id() / sharers; peer < team.ctas; peer += kWarps / sharers) {
    const int start = __shfl_sync(kFullWarp, start_of_lane, peer);
    const int peer_count = __shfl_sync(kFullWarp, count, peer);
    for (int i = warp_id() % sharers * kWarpSize + lane_id(); i < peer_count; i += sharers * kWarpSize)
      storage.candidates[start + i] = *team.of_peer(storage.shown.candidates.keys + i, peer);
  }
  return before;
}

// How many of the candidates before this CTA's are selected: those above the threshold (or at it,
// where all are taken), and, where ties are cut, those equal to it.
template <Policy policy>
PERSISTENT_TOPK_DEVICE OutputPlace count_selected(SharingTeam<policy>& team, int candidates_before,
                                                  const Selection& selection) {
  const bool cut = selection.ties != kAllTaken;
  uint32_t greater = 0, equal = 0;
  for (int i = threadIdx.x; i < candidates_before; i += policy.threads) {
    const uint32_t key = team.storage.candidates[i];
    greater += cut ? key > selection.threshold : key >= selection.threshold;
    equal += cut && key == selection.threshold;
  }
  const uint32_t sums = block_sum<policy.threads>(pack_counts(greater, equal), team.storage.scratch.totals);
  return {above_of(sums), equal_of(sums)};
}

// From the interval to the selection and this CTA's place in the output.
template <Policy policy, class Tile, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_shared(const Tile& tile, Interval interval, int k,
                                               SharingTeam<policy>& team, OutputPlace& place, bool& mapped,
                                               Record& record) {
  auto& storage = team.storage;
  int passes = 0;
  interval =
      narrow_over_row<policy>(tile, interval, k, team, storage.shown.digits, passes, storage.scratch, record);
  record.chunk_counts(team.own.above, team.own.count);
  team.send_counts();
  const bool settled = is_settled(interval, k);
  mapped = !settled && gather<policy>(tile, interval, storage.shown.candidates, storage.map);
  team.exchange();
  const OutputPlace before = collect(team, !settled);
  if (settled) {
    const Selection selection = settle(interval, k);
    place = selection.ties == kAllTaken ? OutputPlace{before.offset + before.tie_offset, 0} : before;
    return selection;
  }
  __syncthreads();
  const Selection selection = resolve<policy>(storage.candidates, interval, k, storage.digits, passes,
                                              storage.few, storage.scratch, record);
  const OutputPlace selected = count_selected(team, before.tie_offset, selection);
  place = {before.offset + selected.offset, selected.tie_offset};
  if (mapped) apply<policy.threads>(selection, storage.shown.candidates, storage.map);
  __syncthreads();
  return selection;
}

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void large_row(const Row& row, int ctas, int rank, int resident) {
  using Storage = LargeStorage<policy>;
  Storage& storage = ptx::shared_storage<Storage>();
  const int chunk = ceil_div(ceil_div(row.length, kWarpSize), ctas) * kWarpSize;
  const int begin = min(rank * chunk, row.length);
  const int end = min(begin + chunk, row.length);
  Recorder<kTracing, policy.threads> record{row.trace + rank};
  record.chunk(kLarge, ctas, rank, begin, end);

  clear<policy.threads, Storage::kBins>(storage.shown.histogram);
  clear<policy.threads, DigitHistograms::kWords>(storage.shown.digits.of_pass[0]);
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.shown.candidates.used = storage.few.used = 0;
  __syncthreads();
  const StreamTile<policy.threads> tile = {row.logits + begin, end - begin, storage.resident, resident};
  count_bins<policy.large_bin_bits, true>(tile, storage.shown.histogram);
  SharingTeam<policy> team = {storage, ctas, rank};
  const uint32_t* merged = team.template merge<Storage::kBins>(storage.shown.histogram, storage.histogram);
  const Interval interval = find_from_top<policy.threads, Storage::kBins>(
      merged, row.k, storage.scratch, bin_interval<policy.large_bin_bits>);
  team.keep(storage.shown.histogram, Storage::kBins, storage.scratch.found);
  record.coarse(Storage::kBins, merged, storage.scratch.found);

  OutputPlace place;
  bool mapped;
  const Selection selection = refine_shared<policy>(tile, interval, row.k, team, place, mapped, record);
  record.selection(selection, place.offset, place.tie_offset);
  emit<policy.threads>(tile, begin, selection, place, mapped, storage.map, storage.lined_up, row.output,
                       storage.scratch);
}

}  // namespace persistent_topk
