// Every intrinsic that the emulator re-implements, over inputs given as words. The same source runs on
// a GPU (device.cu), where its answers are recorded, and on the emulator (emulated.cpp), which is held
// to them.
#pragma once

#include <cstdint>
#include <ptx.cuh>

namespace persistent_topk::intrinsics {

inline constexpr int kLanes = 32;
inline constexpr int kVoteThreads = 64;  // two warps, so that block votes meet across warps

struct Parameters {
  const uint32_t* a;  // [count] words; of warp operations [count * 32], a lane each
  const uint32_t* b;  // [count]; of warp operations the mask
  const uint32_t* c;  // [count]; of warp operations the argument in the low half, the width in the high
  uint32_t* result;   // [count]; of warp operations [count * 32]; of atomics [count * 2]: old, new
  int32_t operation;
  int32_t count;
};

__device__ __forceinline__ float f(uint32_t word) { return float_of(word); }
__device__ __forceinline__ int32_t i(uint32_t word) { return static_cast<int32_t>(word); }
__device__ __forceinline__ unsigned long long wide(uint32_t high, uint32_t low) {
  return static_cast<unsigned long long>(high) << 32 | low;
}

// The bits of a float. Any NaN is one: which of them a comparison gives is nobody's promise.
__device__ __forceinline__ uint32_t number_bits(float x) {
  return ordered_key(x) == kGreatestKey ? kGreatestKey : bits_of(x);
}

#define SCALAR_OPERATIONS(X)                                                      \
  X(popc, __popc(a))                                                              \
  X(popcll, __popcll(wide(a, b)))                                                 \
  X(clz, __clz(i(a)))                                                             \
  X(clzll, __clzll(static_cast<long long>(wide(a, b))))                           \
  X(ffs, __ffs(i(a)))                                                             \
  X(ffsll, __ffsll(static_cast<long long>(wide(a, b))))                           \
  X(brev, __brev(a))                                                              \
  X(funnelshift_l, __funnelshift_l(a, b, c))                                      \
  X(funnelshift_r, __funnelshift_r(a, b, c))                                      \
  X(funnelshift_lc, __funnelshift_lc(a, b, c))                                    \
  X(funnelshift_rc, __funnelshift_rc(a, b, c))                                    \
  X(byte_perm, __byte_perm(a, b, c))                                              \
  X(mulhi, __mulhi(i(a), i(b)))                                                   \
  X(umulhi, __umulhi(a, b))                                                       \
  X(min_signed, min(i(a), i(b)))                                                  \
  X(max_signed, max(i(a), i(b)))                                                  \
  X(min_unsigned, min(a, b))                                                      \
  X(max_unsigned, max(a, b))                                                      \
  X(half_codes, ptx::half_codes(f(a), f(b)))                                      \
  X(or_if_above, ptx::or_if_above(0x10, f(a), f(b), 0x3))                         \
  X(min_float, number_bits(min(f(a), f(b))))                                      \
  X(max_float, number_bits(max(f(a), f(b))))                                      \
  X(min_double, number_bits(static_cast<float>(min(double{f(a)}, double{f(b)})))) \
  X(max_double, number_bits(static_cast<float>(max(double{f(a)}, double{f(b)})))) \
  X(bin_floor_key_8, ptx::bin_floor_key<8>(a))                                    \
  X(bin_floor_key_9, ptx::bin_floor_key<9>(a))                                    \
  X(bin_floor_key_10, ptx::bin_floor_key<10>(a))                                  \
  X(bin_floor_key_11, ptx::bin_floor_key<11>(a))

#define WARP_OPERATIONS(X)                                     \
  X(shfl, __shfl_sync(mask, value, argument, width))           \
  X(shfl_up, __shfl_up_sync(mask, value, argument, width))     \
  X(shfl_down, __shfl_down_sync(mask, value, argument, width)) \
  X(shfl_xor, __shfl_xor_sync(mask, value, argument, width))   \
  X(ballot, __ballot_sync(mask, i(value)))                     \
  X(any, __any_sync(mask, i(value)) != 0)                      \
  X(all, __all_sync(mask, i(value)) != 0)                      \
  X(match_any, __match_any_sync(mask, value))                  \
  X(match_all, match_all(mask, value))                         \
  X(reduce_add, __reduce_add_sync(mask, value))                \
  X(reduce_add_signed, __reduce_add_sync(mask, i(value)))      \
  X(reduce_min, __reduce_min_sync(mask, value))                \
  X(reduce_min_signed, __reduce_min_sync(mask, i(value)))      \
  X(reduce_max, __reduce_max_sync(mask, value))                \
  X(reduce_max_signed, __reduce_max_sync(mask, i(value)))      \
  X(reduce_and, __reduce_and_sync(mask, value))                \
  X(reduce_or, __reduce_or_sync(mask, value))                  \
  X(reduce_xor, __reduce_xor_sync(mask, value))                \
  X(active_mask, __activemask())

#define ATOMIC_OPERATIONS(X)                                          \
  X(atomic_add, atomicAdd(word, b))                                   \
  X(atomic_sub, atomicSub(word, b))                                   \
  X(atomic_min, atomicMin(word, b))                                   \
  X(atomic_min_signed, atomicMin(reinterpret_cast<int*>(word), i(b))) \
  X(atomic_max, atomicMax(word, b))                                   \
  X(atomic_max_signed, atomicMax(reinterpret_cast<int*>(word), i(b))) \
  X(atomic_exch, atomicExch(word, b))                                 \
  X(atomic_and, atomicAnd(word, b))                                   \
  X(atomic_or, atomicOr(word, b))                                     \
  X(atomic_xor, atomicXor(word, b))                                   \
  X(atomic_inc, atomicInc(word, b))                                   \
  X(atomic_dec, atomicDec(word, b))                                   \
  X(atomic_cas, atomicCAS(word, b, c))

#define VOTE_OPERATIONS(X)                          \
  X(syncthreads_count, __syncthreads_count(value))  \
  X(syncthreads_and, __syncthreads_and(value) != 0) \
  X(syncthreads_or, __syncthreads_or(value) != 0)

#define COUNT_ONE(name, expression) +1
inline constexpr int kScalars = SCALAR_OPERATIONS(COUNT_ONE);
inline constexpr int kWarps = WARP_OPERATIONS(COUNT_ONE);
inline constexpr int kAtomics = ATOMIC_OPERATIONS(COUNT_ONE);
inline constexpr int kVotes = VOTE_OPERATIONS(COUNT_ONE);
#undef COUNT_ONE

// The mask where all lanes of it hold the same value, else 0; the flag must say the same.
__device__ __forceinline__ uint32_t match_all(uint32_t mask, uint32_t value) {
  int all = -1;
  const uint32_t equal = __match_all_sync(mask, value, &all);
  return (all != 0) == (equal != 0) ? equal : 0xBAD;
}

#define RETURN_CASE(name, expression) \
  if (operation == number++) return static_cast<uint32_t>(expression);

__device__ inline uint32_t scalar(int operation, uint32_t a, uint32_t b, uint32_t c) {
  int number = 0;
  SCALAR_OPERATIONS(RETURN_CASE)
  return 0;
}

__device__ inline uint32_t warp(int operation, uint32_t mask, uint32_t value, int argument, int width) {
  int number = 0;
  WARP_OPERATIONS(RETURN_CASE)
  return 0;
}

__device__ inline uint32_t atomic(int operation, uint32_t* word, uint32_t b, uint32_t c) {
  int number = 0;
  ATOMIC_OPERATIONS(RETURN_CASE)
  return 0;
}

__device__ inline uint32_t vote(int operation, int value) {
  int number = 0;
  VOTE_OPERATIONS(RETURN_CASE)
  return 0;
}
#undef RETURN_CASE

// One warp; cases are shared out over its lanes.
__global__ void scalar_kernel(const Parameters p) {
  for (int at = static_cast<int>(threadIdx.x); at < p.count; at += kLanes)
    p.result[at] = scalar(p.operation, p.a[at], p.b[at], p.c[at]);
}

// One warp; the lanes of a case's mask take part, the others leave 0.
__global__ void warp_kernel(const Parameters p) {
  const int lane = static_cast<int>(threadIdx.x);
  for (int at = 0; at < p.count; ++at) {
    const uint32_t mask = p.b[at];
    const uint32_t value = p.a[at * kLanes + lane];
    const int argument = static_cast<int16_t>(p.c[at] & 0xFFFFu);
    const int width = static_cast<int>(p.c[at] >> 16);
    uint32_t result = 0;
    if (mask >> lane & 1) result = warp(p.operation, mask, value, argument, width);
    __syncwarp();
    p.result[at * kLanes + lane] = result;
  }
}

// One warp; each case on a word of its own, which is left in result[2 * at + 1].
__global__ void atomic_kernel(const Parameters p) {
  for (int at = static_cast<int>(threadIdx.x); at < p.count; at += kLanes) {
    uint32_t* word = p.result + 2 * at + 1;
    *word = p.a[at];
    p.result[2 * at] = atomic(p.operation, word, p.b[at], p.c[at]);
  }
}

// Two warps; thread t brings bit t of (b, a).
__global__ void vote_kernel(const Parameters p) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int at = 0; at < p.count; ++at) {
    const int value = static_cast<int>(wide(p.b[at], p.a[at]) >> thread & 1);
    const uint32_t result = vote(p.operation, value);
    if (thread == 0) p.result[at] = result;
    __syncthreads();
  }
}

inline const char* const kNames[] = {
#define NAME(name, expression) #name,
    SCALAR_OPERATIONS(NAME) WARP_OPERATIONS(NAME) ATOMIC_OPERATIONS(NAME) VOTE_OPERATIONS(NAME)
#undef NAME
};
inline constexpr int kOperations = kScalars + kWarps + kAtomics + kVotes;

}  // namespace persistent_topk::intrinsics
