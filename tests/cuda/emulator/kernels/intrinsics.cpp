// One kernel an intrinsic: each thread's result goes to its slot of the output.
#include "harness.hpp"

namespace {

constexpr unsigned kAll = 0xFFFFFFFFu;

#define PER_THREAD(name, expression)                 \
  void name(const Parameters& p) {                   \
    const unsigned i = thread_id();                  \
    const uint32_t x = p.input[i];                   \
    p.output[i] = static_cast<uint32_t>(expression); \
  }

PER_THREAD(popc, __popc(x))
PER_THREAD(clz, __clz(static_cast<int>(x)))
PER_THREAD(ffs, __ffs(static_cast<int>(x)))
PER_THREAD(brev, __brev(x))
PER_THREAD(funnelshift_l, __funnelshift_l(x, ~x, i))
PER_THREAD(funnelshift_r, __funnelshift_r(x, ~x, i))
PER_THREAD(byte_perm, __byte_perm(x, ~x, 0xB4 + i))
PER_THREAD(byte_perm_of_bit_3, __byte_perm(x, ~x, 0xFEDC))
PER_THREAD(umulhi, __umulhi(x, x + i))

// The first word of each eight is one of eight numbers, which every thread compares another two of.
#define OF_NUMBERS(name, type, function)                                    \
  PER_THREAD(name, std::bit_cast<uint32_t>(static_cast<float>(              \
                       function(static_cast<type>(std::bit_cast<float>(x)), \
                                static_cast<type>(std::bit_cast<float>(p.input[i % 8 * 8]))))))
OF_NUMBERS(min_float, float, min)
OF_NUMBERS(max_float, float, max)
OF_NUMBERS(min_double, double, min)
OF_NUMBERS(max_double, double, max)

PER_THREAD(ballot, __ballot_sync(kAll, x & 1))
PER_THREAD(any, __any_sync(kAll, x == 77))
PER_THREAD(all, __all_sync(kAll, x < 1000))
PER_THREAD(shfl, __shfl_sync(kAll, x, static_cast<int>(i * 5)))
PER_THREAD(shfl_narrow, __shfl_sync(kAll, x, static_cast<int>(i * 5), 8))
PER_THREAD(shfl_up, __shfl_up_sync(kAll, x, 3))
PER_THREAD(shfl_up_narrow, __shfl_up_sync(kAll, x, 3, 16))
PER_THREAD(shfl_down, __shfl_down_sync(kAll, x, 5))
PER_THREAD(shfl_down_narrow, __shfl_down_sync(kAll, x, 5, 8))
PER_THREAD(shfl_xor, __shfl_xor_sync(kAll, x, 9))
PER_THREAD(shfl_xor_narrow, __shfl_xor_sync(kAll, x, 9, 8))
PER_THREAD(match_any, __match_any_sync(kAll, x % 3))
PER_THREAD(reduce_add, __reduce_add_sync(kAll, x))
PER_THREAD(reduce_min, __reduce_min_sync(kAll, x))
PER_THREAD(reduce_max_signed, __reduce_max_sync(kAll, static_cast<int>(x)))
PER_THREAD(reduce_and, __reduce_and_sync(kAll, x))
PER_THREAD(reduce_or, __reduce_or_sync(kAll, x))
PER_THREAD(reduce_xor, __reduce_xor_sync(kAll, x))
PER_THREAD(ballot_of_halves, __ballot_sync(i % 32 < 16 ? 0xFFFFu : 0xFFFF0000u, x & 1))
PER_THREAD(syncthreads_count, __syncthreads_count(x & 1))
PER_THREAD(syncthreads_and, __syncthreads_and(x < 1000))
PER_THREAD(syncthreads_or, __syncthreads_or(x == 77))

void match_all(const Parameters& p) {
  int all = 0;
  const unsigned equal = __match_all_sync(kAll, p.input[thread_id()] / 1000, &all);
  p.output[thread_id()] = equal ^ static_cast<unsigned>(all);
}

#define ON_SHARED_WORD(name, first, expression) \
  void name(const Parameters& p) {              \
    uint32_t* word = shared_words();            \
    const uint32_t x = p.input[threadIdx.x];    \
    if (threadIdx.x == 0) *word = first;        \
    __syncthreads();                            \
    expression;                                 \
    __syncthreads();                            \
    p.output[threadIdx.x] = *word;              \
  }

ON_SHARED_WORD(atomic_add, 5, atomicAdd(word, x))
ON_SHARED_WORD(atomic_sub, 5, atomicSub(word, x))
ON_SHARED_WORD(atomic_min, kAll, atomicMin(word, x))
ON_SHARED_WORD(atomic_max_signed, 0x80000000u, atomicMax(reinterpret_cast<int*>(word), static_cast<int>(x)))
ON_SHARED_WORD(atomic_and, kAll, atomicAnd(word, x))
ON_SHARED_WORD(atomic_or, 0, atomicOr(word, x))
ON_SHARED_WORD(atomic_xor, 0, atomicXor(word, x))
ON_SHARED_WORD(atomic_inc, 0, atomicInc(word, 9))
// Every thread swaps its own number in when it finds its predecessor's.
ON_SHARED_WORD(atomic_cas, 0,
               while (atomicCAS(word, threadIdx.x, threadIdx.x + 1) != threadIdx.x) spin_pause())

// Old values of an exchange: a permutation of what was brought and what was there.
void atomic_exchange(const Parameters& p) {
  if (threadIdx.x == 0) *shared_words() = 1000;
  __syncthreads();
  p.output[threadIdx.x] = atomicExch(shared_words(), threadIdx.x);
}

const Kernel kKernels[] = {
    KERNEL(popc),
    KERNEL(clz),
    KERNEL(ffs),
    KERNEL(brev),
    KERNEL(funnelshift_l),
    KERNEL(funnelshift_r),
    KERNEL(byte_perm),
    KERNEL(byte_perm_of_bit_3),
    KERNEL(umulhi),
    KERNEL(min_float),
    KERNEL(max_float),
    KERNEL(min_double),
    KERNEL(max_double),
    KERNEL(ballot),
    KERNEL(any),
    KERNEL(all),
    KERNEL(shfl),
    KERNEL(shfl_narrow),
    KERNEL(shfl_up),
    KERNEL(shfl_up_narrow),
    KERNEL(shfl_down),
    KERNEL(shfl_down_narrow),
    KERNEL(shfl_xor),
    KERNEL(shfl_xor_narrow),
    KERNEL(match_any),
    KERNEL(match_all),
    KERNEL(reduce_add),
    KERNEL(reduce_min),
    KERNEL(reduce_max_signed),
    KERNEL(reduce_and),
    KERNEL(reduce_or),
    KERNEL(reduce_xor),
    KERNEL(ballot_of_halves),
    KERNEL(syncthreads_count),
    KERNEL(syncthreads_and),
    KERNEL(syncthreads_or),
    KERNEL(atomic_add),
    KERNEL(atomic_sub),
    KERNEL(atomic_min),
    KERNEL(atomic_max_signed),
    KERNEL(atomic_and),
    KERNEL(atomic_or),
    KERNEL(atomic_xor),
    KERNEL(atomic_inc),
    KERNEL(atomic_cas),
    KERNEL(atomic_exchange),
};

}  // namespace

ENTRY_POINT(kKernels)
