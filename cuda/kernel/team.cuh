// The CTAs that share a row: what they hold in shared memory, and what they make of each other's counts.
//
// `Mail` is how they tell each other: ClusterMail where there are clusters, else WorkspaceMail.
#pragma once

#include "emit.cuh"
#include "exchanges.cuh"
#include "map.cuh"
#include "refine.cuh"
#include "schedule.cuh"
#include "stream.cuh"

namespace persistent_topk {

template <Policy policy, class Mail>
struct LargeStorage {
  static constexpr int kBins = 1 << policy.large_bin_bits;
  static_assert(policy.decode_max <= kMostShared && policy.survivors + kMaxK <= kMostShared &&
                policy.sample <= kMostShared && policy.candidates < kMostShared);

  RefineStorage<policy> refine;  // its candidates are the chunk's
  alignas(16) uint32_t histogram[kBins];  // of the chunk
  DigitHistograms chunk_digits;
  alignas(16) uint32_t row_counters[kBins];  // of the exchange of bins that was read last
  typename Mail::Landings landings;
  int before_in_interval;  // columns of the chunks before in the interval that was found last,
  int in_interval;  // and of this chunk
  SurvivorList<policy> list;
  union {
    typename Mail::Inboxes inboxes;
    ColumnMap<policy.map, false> map;  // when these have been read
  };
  union {
    ScheduleStorage schedule;  // until the row is known
    float row_candidates[policy.candidates];  // all CTAs'
    LinedUp lined_up;  // when these have been looked through
  };
};

// Columns of each chunk but the last ones of a row of `length`: whole 128 bytes.
PERSISTENT_TOPK_DEVICE int chunk_columns(int length, int ctas) {
  return ceil_div(ceil_div(length, kWarpSize), ctas) * kWarpSize;
}

// Whether no chunk of such a row has more columns than that (whole 128 bytes).
PERSISTENT_TOPK_DEVICE bool chunks_fit(int length, int ctas, int columns) {
  return ceil_div(length, kWarpSize) <= ctas * (columns / kWarpSize);
}

// What a source needs before it is gathered from, when the inboxes have been read.
template <class T, int kThreads, int kColumns>
PERSISTENT_TOPK_DEVICE void prepare_gather(const RegisterTile<T, kThreads, kColumns>&) {}

template <Policy policy, class T, class Map>
PERSISTENT_TOPK_DEVICE void prepare_gather(const StreamedChunk<policy, T, Map>& chunk) {
  if (!chunk.is_marked_by_gather()) return;
  clear_map<policy.threads>(chunk.map, chunk.chunk.length);
  __syncthreads();
}

// The CTAs that share a row, as one of their threads sees them.
template <Policy policy, class Mail>
struct SharingTeam {
  using Storage = LargeStorage<policy, Mail>;
  Storage& storage;
  Mail mail;
  int ctas = mail.ctas;
  int rank = mail.rank;
  int of_chunks = kOfChunks;  // the exchange of the chunks' histograms
  int above_before = 0;  // this thread's part of the columns above the interval in the chunks before,
  int above_own = 0;  // and in this chunk

  // Makes coarse bins of any number of columns fit what is posted.
  PERSISTENT_TOPK_DEVICE void limit_bins() const {
#pragma unroll 1
    for (int i = threadIdx.x; i < Storage::kBins; i += policy.threads)
      storage.histogram[i] = min(storage.histogram[i], static_cast<uint32_t>(kMostShared));
    __syncthreads();
  }

  // Posts the chunk's coarse bins.
  PERSISTENT_TOPK_DEVICE void post_bins(int exchange) const {
    mail.template post<Storage::kBins / 2>(exchange, [&](int first, uint32_t (&quad)[kQuad]) {
#pragma unroll
      for (int i = 0; i < kQuad; i += 2) {
        uint32_t bins[kQuad];
        ptx::load_vector(storage.histogram + 2 * (first + i), bins);
        quad[i] = pack_pair(bins[0], bins[1]);
        quad[i + 1] = pack_pair(bins[2], bins[3]);
      }
    });
  }

  // Finds the coarse bin with the row's k-th key when the exchange has landed; of_quad(cta, own, quad) gets
  // to see each CTA's counters, with_found(found) is called by the warp that has found it.
  template <class OfQuad, class WithFound>
  PERSISTENT_TOPK_DEVICE Interval find_bin(int exchange, int k, OfQuad&& of_quad,
                                           WithFound&& with_found) const {
    const Inbox<policy> inbox = mail.inbox(exchange);
    mail.await(exchange);
    return find_among<policy.threads, Storage::kBins>(
        [&](int first, int own, uint32_t (&sum)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) sum[c] = 0;
#pragma unroll 8
          for (int cta = 0; cta < ctas; ++cta) {
            uint32_t pairs[kQuad / 2];
            ptx::load_vector(&inbox[cta][first / 2], pairs);
            const uint32_t quad[kQuad] = {first_of(pairs[0]), second_of(pairs[0]), first_of(pairs[1]),
                                          second_of(pairs[1])};
#pragma unroll
            for (int c = 0; c < kQuad; ++c) sum[c] += quad[c];
            of_quad(cta, own, quad);
          }
          ptx::store_vector(storage.row_counters + first, sum);
        },
        k, storage.refine.scratch,
        [&](const Found& found) {
          with_found(found);
          return bin_interval<policy.large_bin_bits>(found);
        });
  }

  // The bin of that rank in the samples; their histogram is the chunk's for now.
  PERSISTENT_TOPK_DEVICE Interval find_bin_of_samples(int rank) const {
    post_bins(kOfSamples);
    return find_bin(kOfSamples, rank, [](int, int, const uint32_t (&)[kQuad]) {}, [](const Found&) {});
  }

  // The row's threshold bin, of the chunks' histograms; counts what they hold above it and in it.
  PERSISTENT_TOPK_DEVICE Interval find_row_bin(int k) {
    post_bins(of_chunks);
    constexpr int kPerThread = kCountersPerThread<policy.threads, Storage::kBins>;
    uint32_t before[kPerThread] = {}, own[kPerThread] = {};
    const Interval interval = find_bin(
        of_chunks, k,
        [&](int cta, int first, const uint32_t (&quad)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) {
            if (cta < rank) before[first + c] += quad[c];
            if (cta == rank) own[first + c] = quad[c];
          }
        },
        [&](const Found& found) {
          const uint32_t pair = lane_id() < ctas ? mail.inbox(of_chunks)[lane_id()][found.index / 2] : 0;
          keep_count(found.index % 2 == 0 ? first_of(pair) : second_of(pair));
        });
    above_before = above_own = 0;
    const int lowest = Storage::kBins - (static_cast<int>(threadIdx.x) + 1) * kPerThread;
    if (lowest < 0) return interval;  // none of the counters was this thread's
    const int found = storage.refine.scratch.found.index;
#pragma unroll
    for (int i = 0; i < kPerThread; ++i)
      if (lowest + i > found) {
        above_before += static_cast<int>(before[i]);
        above_own += static_cast<int>(own[i]);
      }
    return interval;
  }

  // How many columns of this chunk and those before it lie in the interval: lanes have the CTAs' counts.
  // Called by a converged warp.
  PERSISTENT_TOPK_DEVICE void keep_count(uint32_t of_cta) const {
    const uint32_t before = __reduce_add_sync(kFullWarp, lane_id() < rank ? of_cta : 0);
    if (lane_id() != rank) return;
    storage.before_in_interval = static_cast<int>(before);
    storage.in_interval = static_cast<int>(of_cta);
  }

  // What refine() asks of a team: see Alone.

  template <class Source>
  PERSISTENT_TOPK_DEVICE void count_row_digits(const Source& source, const Interval& interval, int shift,
                                               int pass) const {
    const int exchange = of_chunks + 1 + pass;
    const Inbox<policy> inbox = mail.inbox(exchange);
    count_digits(source, interval, shift, storage.chunk_digits.of_pass[pass]);
    __syncthreads();
    const uint32_t* const digits = storage.chunk_digits.of_pass[pass];
    mail.template post<kDigits>(
        exchange, [&](int first, uint32_t (&quad)[kQuad]) { ptx::load_vector(digits + first, quad); });
    mail.await(exchange);
#pragma unroll 1
    for (int i = threadIdx.x; i < kDigits; i += policy.threads) {
      uint32_t sum = 0;
      for (int cta = 0; cta < ctas; ++cta) sum += inbox[cta][i];
      storage.refine.digits.of_pass[pass][i] = sum;
    }
    __syncthreads();
  }

  PERSISTENT_TOPK_DEVICE void keep(int pass, const Found& found) {
    const Inbox<policy> inbox = mail.inbox(of_chunks + 1 + pass);
#pragma unroll 1
    for (int i = threadIdx.x; i < kDigits; i += policy.threads)
      if (i > found.index) {
        for (int cta = 0; cta < rank; ++cta) above_before += static_cast<int>(inbox[cta][i]);
        above_own += static_cast<int>(inbox[rank][i]);
      }
    if (warp_id() == 0) keep_count(lane_id() < ctas ? inbox[lane_id()][found.index] : 0);
    __syncthreads();
  }

  template <class Record>
  PERSISTENT_TOPK_DEVICE void record_counts(const Interval&, Record& record) const {
    record.chunk_counts_of_parts(above_own, storage.in_interval);
  }

  // Every CTA posts its candidates behind those of the chunks before.
  template <class Source>
  PERSISTENT_TOPK_DEVICE void gather_candidates(const Source& source, const Interval& interval) const {
    mail.expect_candidates(interval.count);
    const auto& candidates = storage.refine.candidates;
    prepare_gather(source);
    gather(source, interval, storage.refine.candidates);
    __syncthreads();
    mail.post_candidates(candidates.values, static_cast<int>(candidates.used), storage.before_in_interval,
                         storage.row_candidates);
    mail.await_candidates(interval.count, storage.row_candidates);
  }
  PERSISTENT_TOPK_DEVICE const float* candidates() const { return storage.row_candidates; }

  // Where the chunk's part of the output begins. Of the candidates of the chunks before, which stand first
  // among the row's, those above the threshold count (or at it, where all are taken), and, where ties are
  // cut, those equal to it. An interval that was settled without them is selected as a whole, or is one key.
  PERSISTENT_TOPK_DEVICE OutputPlace place_of(const Selection& selection, bool gathered) const {
    const bool cut = selection.ties != kAllTaken;
    const int before = storage.before_in_interval;
    uint32_t greater = above_before, equal = 0;
#pragma unroll 1
    for (int i = threadIdx.x; i < (gathered ? before : 0); i += policy.threads) {
      const uint32_t key = ordered_key(storage.row_candidates[i]);
      greater += cut ? key > selection.threshold : key >= selection.threshold;
      equal += cut && key == selection.threshold;
    }
    const uint32_t sums =
        block_sum<policy.threads>(pack_counts(greater, equal), storage.refine.scratch.chunk_totals);
    if (gathered) return {above_of(sums), equal_of(sums)};
    return cut ? OutputPlace{above_of(sums), before} : OutputPlace{above_of(sums) + before, 0};
  }
};

}  // namespace persistent_topk
