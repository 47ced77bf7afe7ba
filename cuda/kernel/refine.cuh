// The second stage of every path: from the threshold bin to the threshold key.
//
// Candidates that fit the buffer are gathered and resolved there. More than it holds are never cut
// off: digit passes over the row itself, which need no buffer, narrow the interval first (the spill).
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "emit.cuh"
#include "radix.cuh"
#include "recorder.cuh"
#include "row.cuh"
#include "sweep.cuh"

namespace persistent_topk {

// One digit histogram a pass, so that all are cleared at once when a row begins.
struct DigitHistograms {
  static constexpr int kWords = kMaxPasses * kDigits;
  alignas(16) uint32_t of_pass[kMaxPasses][kDigits];
};

// Digit passes over the row while its candidates overflow the buffer. `team` adds up the chunks'
// histograms and keeps the chunk's own counts: merge_digits(pass), keep(chunk_histogram, digit).
template <Policy policy, class Tile, class Team, class Record>
PERSISTENT_TOPK_DEVICE Interval narrow_over_row(const Tile& tile, Interval interval, int k, Team& team,
                                                DigitHistograms& digits, int& passes, Scratch& scratch,
                                                Record& record) {
  while (!is_settled(interval, k) && interval.count > policy.candidates) {
    const int shift = digit_shift(interval);
    count_digits(tile, interval, shift, digits.of_pass[passes]);
    const uint32_t* merged = team.merge_digits(digits, passes);
    const Interval narrowed = find_from_top<policy.threads, kDigits>(
        merged, k - interval.above, scratch,
        [&](const Found& digit) { return narrow(interval, shift, digit); });
    team.keep(digits.of_pass[passes], kDigits, scratch.found);
    record.pass(passes, true, interval, shift, scratch.found, narrowed, merged);
    interval = narrowed;
    ++passes;
  }
  return interval;
}

// Keys few enough to be compared with each other: a set, as Candidates are.
template <int kRankMax>
struct FewKeys {
  uint32_t used;
  uint32_t keys[kRankMax];
};

// The threshold among gathered candidates (`interval.count` of them, complete: a barrier passed). Digit
// passes over the buffer leave few of many; the few are ranked. `few.used` is 0 on entry.
template <Policy policy, class Record>
PERSISTENT_TOPK_DEVICE Selection resolve(const uint32_t* candidates, Interval interval, int k,
                                         DigitHistograms& digits, int& passes, FewKeys<policy.rank_max>& few,
                                         Scratch& scratch, Record& record) {
  const int gathered = interval.count;
  record.gathered(gathered);
  while (!is_settled(interval, k) && interval.count > policy.rank_max) {
    const int shift = digit_shift(interval);
    uint32_t* histogram = digits.of_pass[passes];
    for (int i = threadIdx.x; i < gathered; i += policy.threads) {
      const uint32_t distance = candidates[i] - interval.low;
      if (distance <= interval.high - interval.low) atomicAdd(&histogram[distance >> shift], 1u);
    }
    __syncthreads();
    const Interval narrowed = find_from_top<policy.threads, kDigits>(
        histogram, k - interval.above, scratch,
        [&](const Found& digit) { return narrow(interval, shift, digit); });
    record.pass(passes, false, interval, shift, scratch.found, narrowed, histogram);
    interval = narrowed;
    ++passes;
  }
  if (is_settled(interval, k)) return settle(interval, k);
  record.ranked();
  const int wanted = k - interval.above;
  if (interval.count == gathered)
    return rank<policy.threads, policy.rank_max>(candidates, gathered, wanted, scratch);
  for (int i = threadIdx.x; i < gathered; i += policy.threads)
    if (candidates[i] - interval.low <= interval.high - interval.low)
      few.keys[atomicAdd(&few.used, 1u)] = candidates[i];
  __syncthreads();
  return rank<policy.threads, policy.rank_max>(few.keys, interval.count, wanted, scratch);
}

// A row that one CTA has to itself: its chunk is the row.
struct Alone {
  PERSISTENT_TOPK_DEVICE const uint32_t* merge_digits(DigitHistograms& digits, int pass) const {
    __syncthreads();
    return digits.of_pass[pass];
  }
  PERSISTENT_TOPK_DEVICE void keep(const uint32_t*, int, const Found&) const {}
};

// Gathers the tile's candidates and, if it has room for the chunk, makes the map on the same look.
// Returns whether it did. Ends without a barrier.
template <Policy policy, class Tile, class Map>
PERSISTENT_TOPK_DEVICE bool gather(const Tile& tile, const Interval& interval,
                                   Candidates<policy.candidates>& candidates, Map& map) {
  const GatherInto<policy.candidates> into = {candidates};
  const bool mapped = tile.length <= Map::kMapped;
  if (mapped)
    sweep<policy.threads, true>(tile, 0, tile.rounds(), interval, &map, into);
  else
    sweep<policy.threads, false>(tile, 0, tile.rounds(), interval, &map, into);
  return mapped;
}

// The second stage and the emission for such a row.
template <Policy policy, class Tile, class Storage, class Record>
PERSISTENT_TOPK_DEVICE void finish_alone(const Tile& tile, Interval interval, const Row& row,
                                         Storage& storage, Record& record) {
  Alone team;
  Scratch& scratch = storage.scratch;
  int passes = 0;
  interval = narrow_over_row<policy>(tile, interval, row.k, team, storage.digits, passes, scratch, record);
  record.chunk_counts(interval.above, interval.count);
  Selection selection = settle(interval, row.k);
  bool mapped = false;
  if (!is_settled(interval, row.k)) {
    mapped = gather<policy>(tile, interval, storage.candidates, storage.map);
    __syncthreads();
    selection = resolve<policy>(storage.candidates.keys, interval, row.k, storage.digits, passes, storage.few,
                                scratch, record);
    if (mapped) {
      apply<policy.threads>(selection, storage.candidates, storage.map);
      __syncthreads();
    }
  }
  record.selection(selection, 0, 0);
  emit<policy.threads>(tile, 0, selection, {0, 0}, mapped, storage.map, storage.lined_up, row.output,
                       scratch);
}

}  // namespace persistent_topk
