// The mail of a team that is a cluster: counters and candidates are stored into the shared memory of all its
// CTAs, where an mbarrier a CTA and exchange counts the bytes.
//
// So there is no barrier over the cluster but one, under way while the chunk is counted: before it a peer may
// not have started. An inbox is filled again by the exchange after the next: whoever posts that has seen
// every CTA's post to the next, which came when it had read this one.
#pragma once

#include "exchanges.cuh"
#include "ptx_cluster.cuh"
#include "tile.cuh"

namespace persistent_topk {

template <Policy policy>
struct ClusterMail {
  // Of the CTA's shared memory: what the whole row needs, and what is free when the inboxes have been read.
  struct Landings {
    ptx::Landing of[kExchanges];
  };
  struct Inboxes {
    static constexpr int kInboxes = 2;
    alignas(16) uint32_t words[kInboxes][policy.max_ctas][kMostWords<policy>];
    PERSISTENT_TOPK_DEVICE auto& of(int exchange) { return words[exchange % kInboxes]; }
  };

  Landings& landings;
  Inboxes& inboxes;
  int ctas;
  int rank;
  int first;  // the team's first CTA in the cluster, which may hold several teams

  PERSISTENT_TOPK_DEVICE static int team_index(int ctas) { return ptx::cluster_index(ctas); }
  PERSISTENT_TOPK_DEVICE static ClusterMail open(Landings& landings, Inboxes& inboxes, void*, int ctas, int) {
    return {landings, inboxes, ctas, ptx::cluster_rank(), 0};
  }

  // First of all: others may post to this CTA once they have passed await_peers(), which each calls once.
  PERSISTENT_TOPK_DEVICE void invite_peers() const {
    if (threadIdx.x == 0) ptx::init_landings(landings.of);
    ptx::cluster_arrive();
  }
  PERSISTENT_TOPK_DEVICE void await_peers() const { ptx::cluster_wait(); }

  // Posts words of the chunk, of which quad_at(first, quad) gives four (complete: a barrier passed). Threads
  // that have the same quad of them share its receivers.
  template <int kWords, class QuadAt>
  PERSISTENT_TOPK_DEVICE void post(int exchange, QuadAt&& quad_at) const {
    constexpr int kQuads = kWords / kQuad;
    constexpr int kShares = policy.threads > kQuads ? policy.threads / kQuads : 1;
    constexpr int kBytes = kWords * static_cast<int>(sizeof(uint32_t));
    ptx::Landing& landing = landings.of[exchange];
    if (threadIdx.x == 0) ptx::expect_landing(landing, ctas * kBytes);
    uint32_t* inbox = inboxes.of(exchange)[rank];
#pragma unroll
    for (int i = threadIdx.x; i < kQuads * kShares; i += policy.threads) {
      const int word = i % kQuads * kQuad;
      if (i / kQuads >= ctas) break;
      uint32_t quad[kQuad];
      quad_at(word, quad);
#pragma unroll 4
      for (int peer = i / kQuads; peer < ctas; peer += kShares)
        ptx::store_to_peer(inbox + word, landing, first + peer, quad);
    }
  }

  // What was posted to an exchange, when await() has passed and until the exchange after the next.
  PERSISTENT_TOPK_DEVICE Inbox<policy> inbox(int exchange) const { return inboxes.of(exchange); }
  PERSISTENT_TOPK_DEVICE void await(int exchange) const { ptx::wait_for_landing(landings.of[exchange]); }

  // Candidates: how many there will be of all CTAs, then this CTA's, which go behind those of the `before`.
  PERSISTENT_TOPK_DEVICE void expect_candidates(int count) const {
    if (threadIdx.x == 0)
      ptx::expect_landing(landings.of[kOfCandidates], count * static_cast<int>(sizeof(float)));
  }
  PERSISTENT_TOPK_DEVICE void post_candidates(const float* values, int count, int before,
                                              float* row_candidates) const {
    ptx::Landing& landing = landings.of[kOfCandidates];
    float* const to = row_candidates + before;
#pragma unroll 1
    for (int peer = warp_id(); peer < ctas; peer += policy.threads / kWarpSize)
#pragma unroll 1
      for (int i = lane_id(); i < count; i += kWarpSize)
        ptx::store_to_peer(to + i, landing, first + peer, values[i]);
  }
  PERSISTENT_TOPK_DEVICE void await_candidates(int, float*) const { await(kOfCandidates); }
};

}  // namespace persistent_topk
