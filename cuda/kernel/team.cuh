// The CTAs that share a row: what they hold in shared memory, and how they tell each other.
//
// An exchange is one way: every CTA posts its counters, or candidates, to all, itself included, and goes on
// when all of them have landed in its own shared memory, where an mbarrier has counted the bytes. So there is
// no barrier over the cluster but one, under way while the chunk is counted: before it a peer may not have
// started. An inbox is filled again by the exchange after the next: whoever posts that has seen every CTA's
// post to the next, which came when it had read this one.
#pragma once

#include "emit.cuh"
#include "map.cuh"
#include "ptx_cluster.cuh"
#include "refine.cuh"
#include "stream.cuh"

namespace persistent_topk {

// The exchanges of a row, in this order: of the samples' histograms where chunks are streamed, of the
// chunks', of the digits of each pass over the row, of candidates.
inline constexpr int kOfSamples = 0;
inline constexpr int kOfChunks = 1;
inline constexpr int kOfFirstDigits = 2;
inline constexpr int kOfCandidates = kOfFirstDigits + kMaxPasses;
inline constexpr int kExchanges = kOfCandidates + 1;

template <Policy policy>
struct LargeStorage {
  static constexpr int kBins = 1 << policy.large_bin_bits;
  static constexpr int kMostCounters = kBins > kDigits ? kBins : kDigits;  // of an exchange
  static constexpr int kInboxes = 2;

  RefineStorage<policy> refine;  // its candidates are the chunk's
  alignas(16) uint32_t histogram[kBins];  // of the chunk
  DigitHistograms chunk_digits;
  alignas(16) uint32_t row_counters[kMostCounters];  // of the exchange that was read last
  ptx::Landing landings[kExchanges];
  int before_in_interval;  // columns of the chunks before in the interval that was found last,
  int in_interval;  // and of this chunk
  SurvivorList<policy> list;
  union {
    alignas(16) uint32_t inbox[kInboxes][policy.max_ctas][kMostCounters];  // of exchange e: e % kInboxes
    ColumnMap<policy.map> map;  // when these have been read
  };
  union {
    float row_candidates[policy.candidates];  // all CTAs': each writes its own to all
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
template <int kThreads, int kColumns>
PERSISTENT_TOPK_DEVICE void prepare_gather(const RegisterTile<kThreads, kColumns>&) {}

template <Policy policy>
PERSISTENT_TOPK_DEVICE void prepare_gather(const StreamedChunk<policy>& chunk) {
  if (!chunk.is_marked_by_gather()) return;
  clear_map<policy.threads>(chunk.map, chunk.chunk.length);
  __syncthreads();
}

// The CTAs that share a row, as one of their threads sees them.
template <Policy policy>
struct SharingTeam {
  using Storage = LargeStorage<policy>;
  Storage& storage;
  int ctas;
  int rank;
  int above_before = 0;  // this thread's part of the columns above the interval in the chunks before,
  int above_own = 0;  // and in this chunk

  // First of all: others may post to this CTA once they have passed await_peers().
  PERSISTENT_TOPK_DEVICE void invite_peers() const {
    if (threadIdx.x == 0) ptx::init_landings(storage.landings);
    ptx::cluster_arrive();
  }
  PERSISTENT_TOPK_DEVICE void await_peers() const { ptx::cluster_wait(); }

  // Posts counters of the chunk (complete: a barrier passed). Threads that have the same quad of them share
  // its receivers.
  template <int kCounters>
  PERSISTENT_TOPK_DEVICE void post(int exchange, const uint32_t* counters) const {
    constexpr int kQuads = kCounters / kQuad;
    constexpr int kShares = policy.threads > kQuads ? policy.threads / kQuads : 1;
    constexpr int kBytes = kCounters * static_cast<int>(sizeof(uint32_t));
    ptx::Landing& landing = storage.landings[exchange];
    if (threadIdx.x == 0) ptx::expect_landing(landing, ctas * kBytes);
    uint32_t* inbox = storage.inbox[exchange % Storage::kInboxes][rank];
#pragma unroll
    for (int i = threadIdx.x; i < kQuads * kShares; i += policy.threads) {
      const int first = i % kQuads * kQuad;
      uint32_t quad[kQuad];
      ptx::load_vector(counters + first, quad);
#pragma unroll 4
      for (int peer = i / kQuads; peer < ctas; peer += kShares)
        ptx::store_to_peer(inbox + first, landing, peer, quad);
    }
  }

  PERSISTENT_TOPK_DEVICE void await(int exchange) const { ptx::wait_for_landing(storage.landings[exchange]); }

  // Finds the coarse bin with the row's k-th key when the exchange has landed; of_quad(cta, own, quad) gets
  // to see each CTA's counters, with_found(found) is called by the warp that has found it.
  template <class OfQuad, class WithFound>
  PERSISTENT_TOPK_DEVICE Interval find_bin(int exchange, int k, OfQuad&& of_quad,
                                           WithFound&& with_found) const {
    const auto& inbox = storage.inbox[exchange % Storage::kInboxes];
    await(exchange);
    return find_among<policy.threads, Storage::kBins>(
        [&](int first, int own, uint32_t (&sum)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) sum[c] = 0;
#pragma unroll 4
          for (int cta = 0; cta < ctas; ++cta) {
            uint32_t quad[kQuad];
            ptx::load_vector(&inbox[cta][first], quad);
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

  // A bound of what is selected, when the samples' histograms are posted.
  PERSISTENT_TOPK_DEVICE float bound_of_samples(int k) const {
    return find_bin(kOfSamples, k, [](int, int, const uint32_t (&)[kQuad]) {}, [](const Found&) {}).at_least;
  }

  // The row's threshold bin, when the chunks' histograms are posted; counts what they hold above it and in
  // it.
  PERSISTENT_TOPK_DEVICE Interval find_row_bin(int k) {
    constexpr int kPerThread = kCountersPerThread<policy.threads, Storage::kBins>;
    uint32_t before[kPerThread] = {}, own[kPerThread] = {};
    const Interval interval = find_bin(
        kOfChunks, k,
        [&](int cta, int first, const uint32_t (&quad)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) {
            if (cta < rank) before[first + c] += quad[c];
            if (cta == rank) own[first + c] = quad[c];
          }
        },
        [&](const Found& found) { keep_count(storage.inbox[kOfChunks % Storage::kInboxes], found); });
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

  // How many columns of this chunk and those before it lie in the interval. Called by a converged warp.
  template <class Inbox>
  PERSISTENT_TOPK_DEVICE void keep_count(const Inbox& inbox, const Found& found) const {
    const uint32_t of_cta = lane_id() < ctas ? inbox[lane_id()][found.index] : 0;
    const uint32_t before = __reduce_add_sync(kFullWarp, lane_id() < rank ? of_cta : 0);
    if (lane_id() != rank) return;
    storage.before_in_interval = static_cast<int>(before);
    storage.in_interval = static_cast<int>(of_cta);
  }

  // What refine() asks of a team: see Alone.

  template <class Source>
  PERSISTENT_TOPK_DEVICE void count_row_digits(const Source& source, const Interval& interval, int shift,
                                               int pass) const {
    const int exchange = kOfFirstDigits + pass;
    const auto& inbox = storage.inbox[exchange % Storage::kInboxes];
    count_digits(source, interval, shift, storage.chunk_digits.of_pass[pass]);
    __syncthreads();
    post<kDigits>(exchange, storage.chunk_digits.of_pass[pass]);
    await(exchange);
#pragma unroll 1
    for (int i = threadIdx.x; i < kDigits; i += policy.threads) {
      uint32_t sum = 0;
      for (int cta = 0; cta < ctas; ++cta) sum += inbox[cta][i];
      storage.refine.digits.of_pass[pass][i] = sum;
    }
    __syncthreads();
  }

  PERSISTENT_TOPK_DEVICE void keep(int pass, const Found& found) {
    const auto& inbox = storage.inbox[(kOfFirstDigits + pass) % Storage::kInboxes];
#pragma unroll 1
    for (int i = threadIdx.x; i < kDigits; i += policy.threads)
      if (i > found.index) {
        for (int cta = 0; cta < rank; ++cta) above_before += static_cast<int>(inbox[cta][i]);
        above_own += static_cast<int>(inbox[rank][i]);
      }
    if (warp_id() == 0) keep_count(inbox, found);
    __syncthreads();
  }

  template <class Record>
  PERSISTENT_TOPK_DEVICE void record_counts(const Interval&, Record& record) const {
    record.chunk_counts_of_parts(above_own, storage.in_interval);
  }

  // Every CTA posts its candidates behind those of the chunks before.
  template <class Source>
  PERSISTENT_TOPK_DEVICE const float* gather_candidates(const Source& source,
                                                        const Interval& interval) const {
    ptx::Landing& landing = storage.landings[kOfCandidates];
    if (threadIdx.x == 0) ptx::expect_landing(landing, interval.count * static_cast<int>(sizeof(float)));
    const auto& candidates = storage.refine.candidates;
    prepare_gather(source);
    gather(source, interval, storage.refine.candidates);
    __syncthreads();
    const int count = static_cast<int>(candidates.used);
    float* const row_candidates = storage.row_candidates + storage.before_in_interval;
#pragma unroll 1
    for (int peer = warp_id(); peer < ctas; peer += policy.threads / kWarpSize)
#pragma unroll 1
      for (int i = lane_id(); i < count; i += kWarpSize)
        ptx::store_to_peer(row_candidates + i, landing, peer, candidates.values[i]);
    await(kOfCandidates);
    return storage.row_candidates;
  }

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
