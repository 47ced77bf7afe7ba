// What the test kernels with asynchronous stores share: clusters of 4 CTAs, and what each keeps.
#pragma once

#include "harness.hpp"

constexpr int kCtas = 4;
constexpr int kWords = 64;  // a thread each

// Buffers and their mbarriers, for rounds that alternate.
struct Storage {
  alignas(16) uint64_t barriers[2];
  alignas(16) uint32_t buffers[2][kWords];
};

inline Storage& storage() { return *static_cast<Storage*>(dynamic_shared()); }

template <class T>
T* in_cta(int rank, T* mine) {
  return static_cast<T*>(peer_shared(mine, rank));
}

inline void cluster_barrier() {
  cluster_arrive();
  cluster_wait();
}

inline void begin() {
  if (threadIdx.x == 0)
    for (uint64_t& barrier : storage().barriers) mbarrier_init(&barrier, 1);
  cluster_barrier();
}

inline void expect(uint32_t bytes, int which = 0) {
  if (threadIdx.x == 0) mbarrier_arrive(&storage().barriers[which], bytes);
}

inline void store_word(int rank, int at, uint32_t word, int which = 0) {
  store_async(in_cta(rank, &storage().buffers[which][at]), &word, sizeof word,
              in_cta(rank, &storage().barriers[which]));
}

inline bool is_first_of(int rank) { return cluster_cta_rank() == rank && threadIdx.x == 0; }
