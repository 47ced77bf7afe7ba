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

  // Posts the chunk's candidates (complete: a barrier passed), behind the `before` of the chunks before it.
  PERSISTENT_TOPK_DEVICE void post_candidates(int before, int of_row) const {
    ptx::Landing& landing = storage.landings[kOfCandidates];
    if (threadIdx.x == 0) ptx::expect_landing(landing, of_row * static_cast<int>(sizeof(float)));
    const auto& candidates = storage.refine.candidates;
    const int count = static_cast<int>(candidates.used);
#pragma unroll 1
    for (int peer = warp_id(); peer < ctas; peer += policy.threads / kWarpSize)
#pragma unroll 1
      for (int i = lane_id(); i < count; i += kWarpSize)
        ptx::store_to_peer(&storage.row_candidates[before + i], landing, peer, candidates.values[i]);
  }

  PERSISTENT_TOPK_DEVICE void await(int exchange) const { ptx::wait_for_landing(storage.landings[exchange]); }

  // Finds a counter of the row (see find_among) when all CTAs' have landed. of_quad(cta, first, quad) also
  // gets to see each CTA's; with_found(counts), `counts` being lane i's of CTA i, is called by the warp that
  // has it.
  template <int kCounters, class Refine, class OfQuad, class WithFound>
  PERSISTENT_TOPK_DEVICE Interval find(int exchange, int rank_from_top, Refine&& refine, OfQuad&& of_quad,
                                       WithFound&& with_found) const {
    const auto& inbox = storage.inbox[exchange % Storage::kInboxes];
    await(exchange);
    return find_among<policy.threads, kCounters>(
        [&](int first, uint32_t (&sum)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) sum[c] = 0;
#pragma unroll 4
          for (int cta = 0; cta < ctas; ++cta) {
            uint32_t quad[kQuad];
            ptx::load_vector(&inbox[cta][first], quad);
#pragma unroll
            for (int c = 0; c < kQuad; ++c) sum[c] += quad[c];
            of_quad(cta, first, quad);
          }
          ptx::store_vector(storage.row_counters + first, sum);
        },
        rank_from_top, storage.refine.scratch,
        [&](const Found& found) {
          with_found(lane_id() < ctas ? inbox[lane_id()][found.index] : 0);
          return refine(found);
        });
  }

  // The same for the threshold: adds to the thread's parts, and tells how many columns of which chunks lie in
  // the interval.
  template <int kCounters, class Refine>
  PERSISTENT_TOPK_DEVICE Interval find_and_place(int exchange, int rank_from_top, Refine&& refine) {
    constexpr int kPerThread = kCounters / policy.threads > kQuad ? kCounters / policy.threads : kQuad;
    uint32_t before[kPerThread] = {}, own[kPerThread] = {};
    const int lowest = kCounters - (static_cast<int>(threadIdx.x) + 1) * kPerThread;
    const Interval interval = find<kCounters>(
        exchange, rank_from_top, refine,
        [&](int cta, int first, const uint32_t (&quad)[kQuad]) {
#pragma unroll
          for (int c = 0; c < kQuad; ++c) {
            if (cta < rank) before[first - lowest + c] += quad[c];
            if (cta == rank) own[first - lowest + c] = quad[c];
          }
        },
        [&](uint32_t count) {
          const uint32_t sum = __reduce_add_sync(kFullWarp, lane_id() < rank ? count : 0);
          if (lane_id() != rank) return;
          storage.before_in_interval = static_cast<int>(sum);
          storage.in_interval = static_cast<int>(count);
        });
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

  template <class Refine>
  PERSISTENT_TOPK_DEVICE Interval find_digit(const uint32_t* digits, int pass, int rank_from_top,
                                             Refine&& refine) {
    post<kDigits>(kOfFirstDigits + pass, digits);
    return find_and_place<kDigits>(kOfFirstDigits + pass, rank_from_top, refine);
  }
  PERSISTENT_TOPK_DEVICE const uint32_t* row_digits(int) const { return storage.row_counters; }
};

}  // namespace persistent_topk
