// As ptx.cuh, of clusters of CTAs and of launches one behind the other.
#pragma once

#include <cstdint>

#include "ptx.cuh"

namespace persistent_topk::ptx {

// This CTA's rank in its cluster.
PERSISTENT_TOPK_DEVICE int cluster_rank() {
#if !defined(__CUDACC__)
  return emulator::cluster_cta_rank();
#elif __CUDA_ARCH__ >= 900
  uint32_t rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
#else
  return 0;
#endif
}

// This CTA's cluster among those of the grid; CTAs launched without clusters are one each.
PERSISTENT_TOPK_DEVICE int cluster_index(int ctas) {
#if !defined(__CUDACC__) || __CUDA_ARCH__ < 900
  return static_cast<int>(blockIdx.x) / ctas;
#else
  uint32_t index;
  asm("mov.u32 %0, %%clusterid.x;" : "=r"(index));
  return static_cast<int>(index);
#endif
}

// Barrier over all threads of the cluster. Of what was written before arrive(), the landings that were
// initialised are seen after wait(), and nothing else is promised: releasing more costs 1,000 cycles.
PERSISTENT_TOPK_DEVICE void cluster_arrive() {
#if !defined(__CUDACC__)
  emulator::cluster_arrive();
#elif __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

PERSISTENT_TOPK_DEVICE void cluster_wait() {
#if !defined(__CUDACC__)
  emulator::cluster_wait();
#elif __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// Programmatic dependent launch. What the launches before this one wrote is there after the wait, and what
// they read may be overwritten; until then this one touches no memory but its own.
PERSISTENT_TOPK_DEVICE void wait_for_launches_before() {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Launches behind this one may be set up once all its CTAs have said so; theirs wait as these do.
PERSISTENT_TOPK_DEVICE void allow_next_launch() {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Stores to other CTAs of a cluster that count themselves. A landing is an mbarrier in the receiver's shared
// memory, passed when as many bytes have landed as its owner expects, once in its life; who has waited for it
// sees them.
using Landing = uint64_t;

// By one thread, before the cluster barrier that precedes the first store.
template <int kCount>
PERSISTENT_TOPK_DEVICE void init_landings(Landing (&landings)[kCount]) {
#pragma unroll
  for (Landing& landing : landings) {
#if !defined(__CUDACC__)
    emulator::mbarrier_init(&landing, 1);
#elif __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(&landing)) : "memory");
#endif
  }
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

// By one thread of the receiver, once.
PERSISTENT_TOPK_DEVICE void expect_landing(Landing& landing, int bytes) {
#if !defined(__CUDACC__)
  emulator::mbarrier_arrive(&landing, bytes);
#elif __CUDA_ARCH__ >= 900
  const uint32_t at = shared_address(&landing);
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
#endif
}

PERSISTENT_TOPK_DEVICE void wait_for_landing(const Landing& landing) {
#if !defined(__CUDACC__)
  emulator::mbarrier_wait(&landing, 0);
#elif __CUDA_ARCH__ >= 900
  asm volatile(
      "{\n.reg .pred landed;\nwaiting:\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 landed, [%0], 0;\n"
      "@!landed bra waiting;\n}" ::"r"(shared_address(&landing))
      : "memory");
#endif
}

#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
// The address in the cluster's shared memory of what `mine` is in CTA `rank`.
PERSISTENT_TOPK_DEVICE uint32_t peer_address(const void* mine, int rank) {
  uint32_t address;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared_address(mine)), "r"(rank));
  return address;
}
#endif

// Stores to where `mine` is in CTA `rank`, where `landing` counts the bytes.
PERSISTENT_TOPK_DEVICE void store_to_peer(float* mine, Landing& landing, int rank, float x) {
#if !defined(__CUDACC__)
  emulator::store_async(emulator::peer_shared(mine, rank), &x, sizeof(x),
                        static_cast<Landing*>(emulator::peer_shared(&landing, rank)));
#elif __CUDA_ARCH__ >= 900
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.f32 [%0], %1, [%2];" ::"r"(
                   peer_address(mine, rank)),
               "f"(x), "r"(peer_address(&landing, rank))
               : "memory");
#endif
}

PERSISTENT_TOPK_DEVICE void store_to_peer(uint32_t* mine, Landing& landing, int rank,
                                          const uint32_t (&words)[4]) {
#if !defined(__CUDACC__)
  emulator::store_async(emulator::peer_shared(mine, rank), words, sizeof(words),
                        static_cast<Landing*>(emulator::peer_shared(&landing, rank)));
#elif __CUDA_ARCH__ >= 900
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(
          peer_address(mine, rank)),
      "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3]), "r"(peer_address(&landing, rank))
      : "memory");
#endif
}

}  // namespace persistent_topk::ptx
