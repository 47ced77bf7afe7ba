// The mail of a team where there are no clusters: counters and candidates lie in the caller's workspace, an
// area of its own for each row, exchange and CTA.
//
// The launch is cooperative, so that all CTAs run at the same time and may wait for each other. Each exchange
// has a counter of arrivals, and since none is used twice there is nothing to wait for before a post. The
// workspace may hold any bytes when the launch begins: the row's first CTA clears the counters, and one
// barrier over the grid, reached when the chunk has been counted, precedes the first arrival. Nothing else is
// read before it was written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exchanges.cuh"
#include "ptx_grid.cuh"
#include "tile.cuh"

namespace persistent_topk {

inline constexpr size_t kMailAlignment = 128;  // a cache line

// Where the mail begins in a workspace, and the bytes that one of `areas` bytes for it must have.
inline void* mail_in(void* workspace) {
  const auto address = reinterpret_cast<uintptr_t>(workspace);
  return reinterpret_cast<void*>((address + kMailAlignment - 1) / kMailAlignment * kMailAlignment);
}
constexpr size_t workspace_bytes(size_t areas) { return areas == 0 ? 0 : areas + kMailAlignment; }

template <Policy policy>
struct WorkspaceMail {
  // No shared memory is needed.
  struct Landings {};
  struct Inboxes {};

  // A row's.
  struct alignas(kMailAlignment) Area {
    uint32_t arrivals[kExchanges];
    alignas(kMailAlignment) uint32_t words[kOfCandidates][policy.max_ctas][kMostWords<policy>];
    float candidates[policy.candidates];
  };

  Area& area;
  int ctas;
  int rank;

  PERSISTENT_TOPK_DEVICE static int team_index(int ctas) { return static_cast<int>(blockIdx.x) / ctas; }
  PERSISTENT_TOPK_DEVICE static WorkspaceMail open(Landings&, Inboxes&, void* areas, int ctas, int index) {
    return {static_cast<Area*>(areas)[index], ctas, static_cast<int>(blockIdx.x) % ctas};
  }

  PERSISTENT_TOPK_DEVICE void invite_peers() const {
    if (rank == 0 && threadIdx.x < kExchanges) area.arrivals[threadIdx.x] = 0;
  }
  PERSISTENT_TOPK_DEVICE void await_peers() const { ptx::grid_barrier(); }

  template <int kWords, class QuadAt>
  PERSISTENT_TOPK_DEVICE void post(int exchange, QuadAt&& quad_at) const {
    uint32_t* const to = area.words[exchange][rank];
#pragma unroll
    for (int first = threadIdx.x * kQuad; first < kWords; first += policy.threads * kQuad) {
      uint32_t quad[kQuad];
      quad_at(first, quad);
      ptx::store_vector(to + first, quad);
    }
    arrive(exchange);
  }

  // What was posted to an exchange, when await() has passed.
  PERSISTENT_TOPK_DEVICE Inbox<policy> inbox(int exchange) const { return area.words[exchange]; }
  PERSISTENT_TOPK_DEVICE void await(int exchange) const {
    if (threadIdx.x == 0) ptx::await_arrivals(area.arrivals[exchange], ctas);
    __syncthreads();
  }

  PERSISTENT_TOPK_DEVICE void expect_candidates(int) const {}
  PERSISTENT_TOPK_DEVICE void post_candidates(const float* values, int count, int before, float*) const {
#pragma unroll 1
    for (int i = threadIdx.x; i < count; i += policy.threads) area.candidates[before + i] = values[i];
    arrive(kOfCandidates);
  }
  // They are looked at several times.
  PERSISTENT_TOPK_DEVICE void await_candidates(int count, float* row_candidates) const {
    await(kOfCandidates);
#pragma unroll 1
    for (int i = threadIdx.x; i < count; i += policy.threads) row_candidates[i] = area.candidates[i];
    __syncthreads();
  }

 private:
  // One thread tells of what all have stored.
  PERSISTENT_TOPK_DEVICE void arrive(int exchange) const {
    __syncthreads();
    if (threadIdx.x == 0) ptx::arrive(area.arrivals[exchange]);
  }
};

}  // namespace persistent_topk
