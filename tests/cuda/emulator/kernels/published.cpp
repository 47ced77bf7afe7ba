// Synchronisation bugs that top-k kernels were shipped with, as small kernels, beside correct twins.
// Where the production kernel keeps state between CTAs in global memory, it clears it before a barrier over
// the grid, and uses none of it twice.
#include "harness.hpp"

namespace {

// Adds this CTA's arrival to a counter and waits until `expected` have arrived.
void arrive_and_wait(uint32_t* counter, uint32_t expected) {
  __syncthreads();
  if (threadIdx.x == 0) {
    add_acquire_release(counter, 1);
    while (load_acquire(counter) < expected) spin_pause();
  }
  __syncthreads();
}

// State that one CTA initialises while others already use it.
void counts_after_initialising(const Parameters& p, bool waits) {
  uint32_t* count = p.workspace + 1;
  if (thread_id() == 0) *count = 0;
  if (waits) arrive_and_wait(p.workspace, gridDim.x);
  atomicAdd(count, 1u);
  p.output[thread_id()] = 0;
}
void state_initialised_in_time(const Parameters& p) { counts_after_initialising(p, true); }
void state_initialised_while_used(const Parameters& p) { counts_after_initialising(p, false); }

// A barrier over CTAs whose leader resets the counter: peers that have not looked yet never see it full.
void passes_barriers(const Parameters& p, bool resets) {
  for (unsigned round = 1; round <= 3; ++round) {
    if (!resets) {
      arrive_and_wait(p.workspace, round * gridDim.x);
      continue;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      add_acquire_release(p.workspace, 1);
      while (load_acquire(p.workspace) != gridDim.x) spin_pause();
      if (blockIdx.x == 0) store_release(p.workspace, 0);
    }
    __syncthreads();
  }
  p.output[thread_id()] = 0;
}
void counter_that_only_grows(const Parameters& p) { passes_barriers(p, false); }
void counter_reset_under_spinners(const Parameters& p) { passes_barriers(p, true); }

// Two histograms in turn, the next one cleared while this one is used; rows 0 and 2 are long, row 1 is
// short and needs none. Advancing the turn by row leaves the histogram of row 2 uncleared.
void counts_in_turn(const Parameters& p, bool by_row) {
  uint32_t turn = 0, sum = 0;
  for (int row = 0; row < 3; ++row) {
    const bool is_long = row != 1;
    if (is_long) {
      uint32_t* histogram = shared_words() + turn % 2;
      uint32_t* next = shared_words() + (turn + 1) % 2;
      if (row == 0 && threadIdx.x == 0) *histogram = 0;
      if (threadIdx.x == 0) *next = 0;
      __syncthreads();
      atomicAdd(histogram, 1u);
      __syncthreads();
      sum = *histogram;
      __syncthreads();
    }
    if (is_long || by_row) ++turn;
  }
  p.output[thread_id()] = sum;
}
void ring_advanced_by_use(const Parameters& p) { counts_in_turn(p, false); }
void ring_advanced_by_row(const Parameters& p) { counts_in_turn(p, true); }

// __activemask() says who happens to run, not who takes the branch.
void counts_branch(const Parameters& p, bool by_active_mask) {
  const bool takes = threadIdx.x % 32 < 20;
  const unsigned branch = __ballot_sync(0xFFFFFFFFu, takes);
  p.output[thread_id()] = 0;
  if (takes) {
    const unsigned mask = by_active_mask ? __activemask() : branch;
    p.output[thread_id()] = __reduce_add_sync(mask, 1u);
  }
}
void branch_by_ballot(const Parameters& p) { counts_branch(p, false); }
void branch_by_active_mask(const Parameters& p) { counts_branch(p, true); }

const Kernel kKernels[] = {
    KERNEL(state_initialised_in_time), KERNEL(state_initialised_while_used),
    KERNEL(counter_that_only_grows),   KERNEL(counter_reset_under_spinners),
    KERNEL(ring_advanced_by_use),      KERNEL(ring_advanced_by_row),
    KERNEL(branch_by_ballot),          KERNEL(branch_by_active_mask),
};

}  // namespace

ENTRY_POINT(kKernels)
