// The CUDA dialect on a CPU: what a kernel's source needs to be compiled by g++ and run by the
// emulator. Included by kernel/ptx.cuh where nvcc is not the compiler. An operation is here if a kernel uses
// it (ours, or one that a test re-creates), or if a GPU's recorded answers check it (tools/intrinsics).
#pragma once

#ifdef __CUDACC__
#error "the dialect is for compilers that do not know CUDA"
#endif

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "device.hpp"
#include "types.hpp"

// Calls that the compiler makes of struct copies and of memcpy() are not instrumented: send them
// through the emulator.
asm("memcpy = persistent_topk_memcpy\nmemmove = persistent_topk_memmove\nmemset = persistent_topk_memset");

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

#undef assert
#define assert(condition) ((condition) ? void() : ::persistent_topk::emulator::assertion_failed(#condition))

#define threadIdx (::persistent_topk::emulator::thread_index())
#define blockIdx (::persistent_topk::emulator::block_index())
#define blockDim (::persistent_topk::emulator::block_shape())
#define gridDim (::persistent_topk::emulator::grid_shape())
inline constexpr int warpSize = 32;

#include "dialect_atomics.hpp"
#include "dialect_bits.hpp"
#include "dialect_warp.hpp"

// Block barriers (`where` is filled in by the caller's place in the source), fences, traps.
inline void __syncthreads(std::source_location where = std::source_location::current()) {
  persistent_topk::emulator::block_barrier(persistent_topk::emulator::Vote::kNone, false, where);
}
inline int __syncthreads_count(int predicate, std::source_location where = std::source_location::current()) {
  return persistent_topk::emulator::block_barrier(persistent_topk::emulator::Vote::kCount, predicate != 0,
                                                  where);
}
inline int __syncthreads_and(int predicate, std::source_location where = std::source_location::current()) {
  return persistent_topk::emulator::block_barrier(persistent_topk::emulator::Vote::kAnd, predicate != 0,
                                                  where);
}
inline int __syncthreads_or(int predicate, std::source_location where = std::source_location::current()) {
  return persistent_topk::emulator::block_barrier(persistent_topk::emulator::Vote::kOr, predicate != 0,
                                                  where);
}
inline void __threadfence() { persistent_topk::emulator::fence(persistent_topk::emulator::Scope::kDevice); }
inline void __threadfence_block() {
  persistent_topk::emulator::fence(persistent_topk::emulator::Scope::kBlock);
}
[[noreturn]] inline void __trap() { persistent_topk::emulator::trap(); }

namespace persistent_topk::emulator {

// Vector accesses that the judge sees in full: g++ splits a load of a float4 and drops the lanes that
// are not used.
template <class Vector>
inline Vector load_vector(const Vector* from) {
  Vector value;
  load_bytes(&value, from, sizeof(Vector));
  return value;
}
template <class Vector>
inline void store_vector(Vector* to, const Vector& value) {
  store_bytes(to, &value, sizeof(Vector));
}

// Acquire and release on words through which threads talk to each other.
inline uint32_t load_acquire(const uint32_t* word) { return load_atomic(word, Order::kAcquire); }
inline void store_release(uint32_t* word, uint32_t value) { store_atomic(word, value, Order::kRelease); }
inline uint32_t add_release(uint32_t* word, uint32_t value) {
  return update(Update::kAdd, word, value, 0, Order::kRelease);
}
inline uint32_t add_acquire_release(uint32_t* word, uint32_t value) {
  return update(Update::kAdd, word, value, 0, Order::kAcquireRelease);
}

}  // namespace persistent_topk::emulator
