// The second stage of every path: from the threshold bin to the threshold key.
//
// Candidates that fit the buffer are gathered and resolved there. More than it holds are never cut
// off: digit passes over the row itself, which need no buffer, narrow the interval first (the spill).
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "list.cuh"
#include "radix.cuh"
#include "recorder.cuh"

namespace persistent_topk {

// One digit histogram a pass, so that all are cleared at once when a row begins.
struct DigitHistograms {
  static constexpr int kWords = kMaxPasses * kDigits;
  alignas(16) uint32_t of_pass[kMaxPasses][kDigits];
};

// Lists the tile's columns in the interval, which are numbers: that of NaN is one key and settled.
template <class T, int kThreads, int kColumns, class List>
PERSISTENT_TOPK_DEVICE void gather(const RegisterTile<T, kThreads, kColumns>& tile, const Interval& interval,
                                   List& candidates) {
  tile.for_each_set(tile.within(interval.at_least, interval.greater), [&](float x) { push(candidates, x); });
}

// What a CTA refines with, on every path.
template <Policy policy>
struct RefineStorage {
  Scratch scratch;  // first: see HeldStorage
  DigitHistograms digits;
  CandidateList<policy.candidates> candidates;
  CandidateList<policy.rank_max> few;
};

// When a row begins; a barrier must follow.
template <Policy policy>
PERSISTENT_TOPK_DEVICE void clear_refinement(RefineStorage<policy>& storage) {
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.candidates.used = storage.few.used = 0;
}

// From the interval of the coarse bin to the threshold. Digit passes over the row itself, which need no
// buffer, while its candidates overflow theirs (the spill); then passes over these; a few that are left are
// ranked. `team` counts digits over the row and gathers candidates of the row: see Alone. `gathered`: whether
// it did.
template <Policy policy, class Source, class Team, class Record>
PERSISTENT_TOPK_DEVICE Selection refine(const Source& source, Interval interval, int k, Team& team,
                                        RefineStorage<policy>& storage, bool& gathered, Record& record) {
  Scratch& scratch = storage.scratch;
  const float* candidates = team.candidates();
  int listed = 0, passes = 0;
  gathered = false;
  while (!is_settled(interval, k)) {
    if (!gathered && interval.count <= policy.candidates) {
      team.record_counts(interval, record);
      const Interval found = scratch.interval;  // `interval`, without keeping all of it in registers
      team.gather_candidates(source, found);
      gathered = true;
      listed = interval.count;
      record.gathered(listed);
    }
    if (gathered && interval.count <= policy.rank_max) break;
    const int shift = digit_shift(interval);
    uint32_t* const histogram = storage.digits.of_pass[passes];
    if (!gathered) {
      team.count_row_digits(source, interval, shift, passes);
    } else {
#pragma unroll 1
      for (int i = threadIdx.x; i < listed; i += policy.threads) {
        const uint32_t distance = ordered_key(candidates[i]) - interval.low;
        if (distance <= interval.high - interval.low) atomicAdd(&histogram[distance >> shift], 1u);
      }
      __syncthreads();
    }
    const Interval narrowed = find_from_top<policy.threads, kDigits>(
        histogram, k - interval.above, scratch,
        [&](const Found& digit) { return narrow(interval, shift, digit); });
    if (!gathered) team.keep(passes, scratch.found);
    record.pass(passes, !gathered, interval, shift, scratch.found, narrowed, histogram);
    interval = narrowed;
    ++passes;
  }
  if (!gathered) team.record_counts(interval, record);
  if (is_settled(interval, k)) return settle(scratch.interval, k);
  record.ranked();
  if (interval.count < listed) {
#pragma unroll 1
    for (int i = threadIdx.x; i < listed; i += policy.threads)
      if (ordered_key(candidates[i]) - interval.low <= interval.high - interval.low)
        storage.few.values[atomicAdd(&storage.few.used, 1u)] = candidates[i];
    __syncthreads();
    candidates = storage.few.values;
  }
  return rank<policy.threads, policy.rank_max>(candidates, interval.count, k - interval.above, scratch);
}

// A row that one CTA has to itself: its chunk is the row.
template <Policy policy>
struct Alone {
  RefineStorage<policy>& storage;

  // Leaves the digits of the row in storage.digits.
  template <class Source>
  PERSISTENT_TOPK_DEVICE void count_row_digits(const Source& source, const Interval& interval, int shift,
                                               int pass) const {
    count_digits(source, interval, shift, storage.digits.of_pass[pass]);
    __syncthreads();
  }
  // When a digit was found.
  PERSISTENT_TOPK_DEVICE void keep(int, const Found&) const {}

  // When no digit is counted over the row any more.
  template <class Record>
  PERSISTENT_TOPK_DEVICE void record_counts(const Interval& interval, Record& record) const {
    record.chunk_counts(interval.above, interval.count);
  }

  // Makes the logits of the row's candidates known.
  template <class Source>
  PERSISTENT_TOPK_DEVICE void gather_candidates(const Source& source, const Interval& interval) const {
    gather(source, interval, storage.candidates);
    __syncthreads();
  }
  PERSISTENT_TOPK_DEVICE const float* candidates() const { return storage.candidates.values; }
};

}  // namespace persistent_topk
