// Kernels whose outcome, or whose races, depend on the order of threads.
#include "harness.hpp"

namespace {

// --- races, and the barriers that prevent them

void between_warps(const Parameters& p, bool synchronised) {
  shared_words()[threadIdx.x] = threadIdx.x;
  if (synchronised) __syncthreads();
  p.output[thread_id()] = shared_words()[(threadIdx.x + 32) % blockDim.x];
}
void writes_then_others_read(const Parameters& p) { between_warps(p, true); }
void writes_then_others_read_at_once(const Parameters& p) { between_warps(p, false); }

void between_lanes(const Parameters& p, bool synchronised) {
  if (threadIdx.x % 32 == 0) shared_words()[threadIdx.x / 32] = 5;
  if (synchronised)
    __syncwarp();
  else
    __ballot_sync(0xFFFFFFFFu, 1);  // a vote orders no memory
  p.output[thread_id()] = shared_words()[threadIdx.x / 32];
}
void lanes_read_after_syncwarp(const Parameters& p) { between_lanes(p, true); }
void lanes_read_after_vote(const Parameters& p) { between_lanes(p, false); }

// All read a word that thread 0 then replaces.
void reused(const Parameters& p, bool synchronised) {
  if (threadIdx.x == 0) *shared_words() = 1;
  __syncthreads();
  const uint32_t first = *shared_words();
  if (synchronised) __syncthreads();
  if (threadIdx.x == 0) *shared_words() = 2;
  __syncthreads();
  p.output[thread_id()] = first + *shared_words();
}
void replaced_after_barrier(const Parameters& p) { reused(p, true); }
void replaced_without_barrier(const Parameters& p) { reused(p, false); }

void counted(const Parameters& p, bool synchronised) {
  if (threadIdx.x == 0) *shared_words() = 0;
  __syncthreads();
  atomicAdd(shared_words(), 1u);
  if (synchronised) __syncthreads();
  p.output[thread_id()] = *shared_words();
}
void counts_then_reads(const Parameters& p) { counted(p, true); }
void counts_and_reads_at_once(const Parameters& p) { counted(p, false); }

void same_slot_twice(const Parameters& p) {
  p.output[thread_id()] = 1;
  p.output[thread_id() ^ 1] = 1;
}

void bytes_of_one_word(const Parameters& p) {  // neighbours, but no byte is shared: legal
  auto* bytes = static_cast<uint8_t*>(dynamic_shared());
  bytes[threadIdx.x] = 1;
  p.output[thread_id()] = bytes[threadIdx.x];
}

// --- outcomes

// The order in which warps get their tickets.
void tickets(const Parameters& p) {
  uint32_t ticket = 0;
  if (threadIdx.x % 32 == 0) ticket = atomicAdd(p.workspace, 1u);
  p.output[thread_id()] = __shfl_sync(0xFFFFFFFFu, ticket, 0);
}

// The order in which CTAs start, one behind the other.
void cta_tickets(const Parameters& p) {
  if (threadIdx.x == 0) *shared_words() = atomicAdd(p.workspace, 1u);
  __syncthreads();
  p.output[thread_id()] = *shared_words();
}

// A bug of order: warp 1 takes the message for sent if it comes between the flag and the message.
// Needs warp 0 to be overtaken at one place.
void flag_before_message(const Parameters& p) {
  p.output[thread_id()] = 1;
  if (threadIdx.x == 0) {
    store_release(p.workspace, 1);      // flag
    store_release(p.workspace + 1, 1);  // message
  }
  if (threadIdx.x == 32 && load_acquire(p.workspace) == 1) assert(load_acquire(p.workspace + 1) == 1);
}

void spins_until_released(const Parameters& p) {
  p.output[thread_id()] = 1;
  if (threadIdx.x == 0)
    while (load_acquire(p.workspace) == 0) spin_pause();
  if (threadIdx.x == blockDim.x - 1) store_release(p.workspace, 1);
}

// CTA 0 waits for the last one: needs all of them resident.
void waits_for_last_cta(const Parameters& p) {
  p.output[thread_id()] = 1;
  if (thread_id() == 0)
    while (load_acquire(p.workspace) == 0) spin_pause();
  if (blockIdx.x == gridDim.x - 1 && threadIdx.x == 0) store_release(p.workspace, 1);
}

void grid_wide_sum(const Parameters& p) {
  if (threadIdx.x == 0) p.workspace[blockIdx.x] = blockIdx.x;
  grid_barrier();
  uint32_t sum = 0;
  for (unsigned cta = 0; cta < gridDim.x; ++cta) sum += p.workspace[cta];
  p.output[thread_id()] = sum;
}

// --- words that hand data over from CTA 0 to CTA 1

void hands_over(const Parameters& p, bool by_fence_before, bool by_fence_after) {
  p.output[thread_id()] = 0;
  if (blockIdx.x == 0) {
    if (threadIdx.x == 1) p.workspace[1] = 5;
    __syncthreads();
    if (threadIdx.x == 0) {
      if (by_fence_before) __threadfence();
      atomicAdd(p.workspace, 1u);
    }
  } else if (threadIdx.x == 0) {
    while (atomicAdd(p.workspace, 0u) == 0) spin_pause();
    if (by_fence_after) __threadfence();
    p.output[thread_id()] = p.workspace[1];
  }
}
void hands_over_with_fences(const Parameters& p) { hands_over(p, true, true); }
void hands_over_without_first_fence(const Parameters& p) { hands_over(p, false, true); }
void hands_over_without_second_fence(const Parameters& p) { hands_over(p, true, false); }

// The signal comes before all of the block's data: no barrier before the release.
void signals(const Parameters& p, bool after_barrier) {
  p.output[thread_id()] = 0;
  if (blockIdx.x == 0) {
    if (threadIdx.x == 33) p.workspace[1] = 5;
    if (after_barrier) __syncthreads();
    if (threadIdx.x == 0) store_release(p.workspace, 1);
  } else if (threadIdx.x == 0) {
    while (load_acquire(p.workspace) == 0) spin_pause();
    p.output[thread_id()] = p.workspace[1];
  }
}
void signals_after_barrier(const Parameters& p) { signals(p, true); }
void signals_too_early(const Parameters& p) { signals(p, false); }

void hands_over_with_block_fence(const Parameters& p) {
  p.output[thread_id()] = 0;
  if (thread_id() == 0) {
    p.workspace[1] = 5;
    __threadfence_block();
    *static_cast<volatile uint32_t*>(p.workspace) = 1;
  }
  if (blockIdx.x == 1 && threadIdx.x == 0) {
    while (*static_cast<volatile uint32_t*>(p.workspace) == 0) {
    }
    __threadfence_block();
    p.output[thread_id()] = p.workspace[1];
  }
}

const Kernel kKernels[] = {
    KERNEL(writes_then_others_read),
    KERNEL(writes_then_others_read_at_once),
    KERNEL(lanes_read_after_syncwarp),
    KERNEL(lanes_read_after_vote),
    KERNEL(replaced_after_barrier),
    KERNEL(replaced_without_barrier),
    KERNEL(counts_then_reads),
    KERNEL(counts_and_reads_at_once),
    KERNEL(same_slot_twice),
    KERNEL(bytes_of_one_word),
    KERNEL(tickets),
    KERNEL(cta_tickets),
    KERNEL(flag_before_message),
    KERNEL(spins_until_released),
    KERNEL(waits_for_last_cta),
    KERNEL(grid_wide_sum),
    KERNEL(hands_over_with_fences),
    KERNEL(hands_over_without_first_fence),
    KERNEL(hands_over_without_second_fence),
    KERNEL(signals_after_barrier),
    KERNEL(signals_too_early),
    KERNEL(hands_over_with_block_fence),
};

}  // namespace

ENTRY_POINT(kKernels)
