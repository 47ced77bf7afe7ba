// What the dialect calls: the emulated device as a kernel's thread sees it. Compiled without
// instrumentation; dialect.hpp gives these their CUDA names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

#include "operations.hpp"
#include "types.hpp"

namespace persistent_topk::emulator {

using Where = std::source_location;

// The same for a thread's whole life, so that compilers may call them once.
[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] dim3 block_shape();
[[gnu::const]] dim3 grid_shape();
[[gnu::const]] void* dynamic_shared();
[[gnu::const]] int cluster_cta_rank();
[[gnu::const]] int cluster_ctas();

// The address in CTA `rank` of the cluster that `mine` is in this CTA.
void* peer_shared(void* mine, int rank);

// Barriers. The cluster's is split: what a thread wrote before it arrives, all see after they waited.
// `where` tells one __syncthreads() of the source from another.
int block_barrier(Vote vote, bool predicate, Where where);
void cluster_arrive();
void cluster_wait();
void grid_barrier();  // of cooperative launches

// Warp collectives: the lanes of `mask` meet; each brings a value and gets its result.
uint32_t meet(Collective collective, uint32_t mask, uint32_t value, int argument, int width);
uint32_t active_mask();

// Atomics of a word of 32 bits: the old value.
uint32_t update(Update operation, void* word, uint32_t operand, uint32_t compare, Order order);
uint32_t load_atomic(const void* word, Order order);
void store_atomic(void* word, uint32_t value, Order order);
void fence(Scope scope);

// A polling loop calls this once a round: the thread runs again when someone has written something.
void spin_pause();

// Vector accesses in full, whatever the compiler makes of their lanes; `bytes` is also the alignment
// that the hardware demands.
void load_bytes(void* to, const void* from, int bytes);
void store_bytes(void* to, const void* from, int bytes);

// Asynchronous copies and mbarriers; see copies.hpp. A bulk copy completes `bytes` of its mbarrier. The
// production kernel stores asynchronously and copies nothing so: the copies are for kernels that stage rows
// in shared memory, where a GPU hides a missing wait best.
void mbarrier_init(uint64_t* barrier, uint32_t arrivals);
void mbarrier_arrive(uint64_t* barrier, uint32_t expected_bytes = 0);
bool mbarrier_test(const uint64_t* barrier, uint32_t parity);
void mbarrier_wait(const uint64_t* barrier, uint32_t parity);
void bulk_copy(void* to, const void* from, uint32_t bytes, uint64_t* barrier);
// st.async: 4 or 16 bytes of a register to shared memory of the cluster, by an address from peer_shared();
// on landing they complete as many of an mbarrier there. The value is taken at the call.
void store_async(void* to, const void* value, uint32_t bytes, uint64_t* barrier);
// Copies of 4, 8 or 16 bytes that a thread waits for by itself, in the groups that it commits.
void copy_async(void* to, const void* from, uint32_t bytes);
void copy_async_commit();
void copy_async_wait(int groups_left);

[[noreturn]] void assertion_failed(const char* condition);
[[noreturn]] void trap();

}  // namespace persistent_topk::emulator
