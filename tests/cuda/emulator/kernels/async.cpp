// Kernels with asynchronous copies: right ones, and ones that touch what is still in flight.
#include "harness.hpp"

namespace {

// Shared memory: an mbarrier in the first 16 bytes, a buffer of a word a thread behind it.
struct Storage {
  alignas(16) uint64_t barrier;
  alignas(16) uint32_t buffer[64];
};

Storage& storage() { return *static_cast<Storage*>(dynamic_shared()); }

// Thread 0 fetches the input into the buffer.
void begin_fetch(const Parameters& p, uint32_t expected_bytes) {
  if (threadIdx.x == 0) mbarrier_init(&storage().barrier, 1);
  __syncthreads();
  if (threadIdx.x != 0) return;
  mbarrier_arrive(&storage().barrier, expected_bytes);
  bulk_copy(storage().buffer, p.input, sizeof storage().buffer, &storage().barrier);
}

void bulk_fetch(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  mbarrier_wait(&storage().barrier, 0);
  p.output[thread_id()] = storage().buffer[threadIdx.x ^ 1];
}

void bulk_fetch_polled(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  while (!mbarrier_test(&storage().barrier, 0)) {
  }
  p.output[thread_id()] = storage().buffer[threadIdx.x ^ 1];
}

// One thread waits, a barrier tells the others.
void bulk_fetch_by_proxy(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  if (threadIdx.x == 0) mbarrier_wait(&storage().barrier, 0);
  __syncthreads();
  p.output[thread_id()] = storage().buffer[threadIdx.x ^ 1];
}

void reads_before_landing(const Parameters& p) {
  storage().buffer[threadIdx.x] = 0;
  begin_fetch(p, sizeof storage().buffer);
  __syncthreads();  // orders threads, not copies
  p.output[thread_id()] = storage().buffer[threadIdx.x];
  mbarrier_wait(&storage().barrier, 0);
}

void writes_while_in_flight(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  if (threadIdx.x == 5) storage().buffer[5] = 1;
  mbarrier_wait(&storage().barrier, 0);
  p.output[thread_id()] = 0;
}

void waits_for_the_phase_after(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  mbarrier_wait(&storage().barrier, 0);
  mbarrier_wait(&storage().barrier, 1);
  p.output[thread_id()] = 0;
}

void expects_too_much(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer + 16);
  mbarrier_wait(&storage().barrier, 0);
  p.output[thread_id()] = 0;
}

void exits_in_flight(const Parameters& p) {
  begin_fetch(p, sizeof storage().buffer);
  p.output[thread_id()] = 0;
}

void fetches_beyond_input(const Parameters& p) {
  if (threadIdx.x == 0) {
    mbarrier_init(&storage().barrier, 1);
    mbarrier_arrive(&storage().barrier, 32);
    bulk_copy(storage().buffer, p.input + p.words - 4, 32, &storage().barrier);
    mbarrier_wait(&storage().barrier, 0);
  }
  p.output[thread_id()] = 0;
}

void arrives_uninitialised(const Parameters& p) {
  p.output[thread_id()] = 0;
  if (threadIdx.x != 0) return;
  storage().barrier = 0;
  mbarrier_arrive(&storage().barrier);
}

// Each thread fetches its own word and waits for all but `left` of its groups.
void own_words(const Parameters& p, int left, int neighbour) {
  copy_async(&storage().buffer[threadIdx.x], p.input + threadIdx.x, 4);
  copy_async_commit();
  copy_async_wait(left);
  if (neighbour == 0)
    __syncwarp();
  else
    __syncthreads();
  p.output[thread_id()] = storage().buffer[threadIdx.x ^ neighbour];
  copy_async_wait(0);
}
void copies_own_words(const Parameters& p) { own_words(p, 0, 32); }
void copies_without_waiting(const Parameters& p) { own_words(p, 1, 0); }

const Kernel kKernels[] = {
    KERNEL(bulk_fetch),
    KERNEL(bulk_fetch_polled),
    KERNEL(bulk_fetch_by_proxy),
    KERNEL(reads_before_landing),
    KERNEL(writes_while_in_flight),
    KERNEL(waits_for_the_phase_after),
    KERNEL(expects_too_much),
    KERNEL(exits_in_flight),
    KERNEL(fetches_beyond_input),
    KERNEL(arrives_uninitialised),
    KERNEL(copies_own_words),
    KERNEL(copies_without_waiting),
};

}  // namespace

ENTRY_POINT(kKernels)
