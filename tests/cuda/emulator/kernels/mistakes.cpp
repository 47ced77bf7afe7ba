// Kernels with one mistake each, that the emulator must name, and their correct twins.
#include "harness.hpp"

namespace {

constexpr unsigned kAll = 0xFFFFFFFFu;

void finish(const Parameters& p) { p.output[thread_id()] = threadIdx.x; }

// --- barriers and collectives

void barrier_missed_by_a_warp(const Parameters& p) {
  finish(p);
  if (threadIdx.x / 32 != 1) __syncthreads();
}

void barrier_in_two_places(const Parameters& p) {
  finish(p);
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

void deadlock_of_barrier_and_collective(const Parameters& p) {
  finish(p);
  if (threadIdx.x < 32 && threadIdx.x != 7) __syncwarp();
  __syncthreads();
}

void collective_masks_differ(const Parameters& p) {
  finish(p);
  __ballot_sync(threadIdx.x == 3 ? 0xFFFFFFF0u | 8u : kAll, 1);
}

void collective_operations_differ(const Parameters& p) {
  finish(p);
  if (threadIdx.x < 16)
    __ballot_sync(kAll, 1);
  else
    __any_sync(kAll, 1);
}

void collective_without_its_lane(const Parameters& p) {
  finish(p);
  __syncwarp(kAll & ~1u);
}

void collective_with_exited_lane(const Parameters& p) {
  finish(p);
  if (threadIdx.x == 5) return;
  __syncwarp();
}

// Groups with masks of their own inside a warp, then all together: legal.
void collectives_of_groups(const Parameters& p) {
  const unsigned group = 0xFu << (threadIdx.x % 32 / 4 * 4);
  const unsigned of_group = __reduce_add_sync(group, threadIdx.x % 32);
  p.output[thread_id()] = __reduce_max_sync(kAll, of_group);
}

void cluster_wait_without_arrival(const Parameters& p) {
  finish(p);
  cluster_wait();
}

void cluster_barrier_missed_by_a_cta(const Parameters& p) {
  finish(p);
  if (cluster_cta_rank() == 1) return;
  cluster_arrive();
  cluster_wait();
}

void assertion_fails(const Parameters& p) {
  finish(p);
  assert(threadIdx.x != 9);
}

void traps(const Parameters&) { __trap(); }

// --- memory

void reads_beyond_input(const Parameters& p) { p.output[thread_id()] = p.input[thread_id() + 1]; }
void reads_before_input(const Parameters& p) {
  p.output[thread_id()] = p.input[static_cast<int>(thread_id()) - 1];
}
void writes_input(const Parameters& p) {
  finish(p);
  const_cast<uint32_t*>(p.input)[thread_id()] = 0;
}
void writes_beyond_output(const Parameters& p) { p.output[thread_id() + 1] = 0; }
void leaves_a_slot(const Parameters& p) {
  if (thread_id() != 17) finish(p);
}
void reads_output_unwritten(const Parameters& p) { p.output[thread_id()] += 1; }
void reads_shared_unwritten(const Parameters& p) {
  if (threadIdx.x != 3) shared_words()[threadIdx.x] = 1;
  p.output[thread_id()] = shared_words()[threadIdx.x];
}
void reads_beyond_shared(const Parameters& p) {
  shared_words()[threadIdx.x] = 1;
  p.output[thread_id()] = shared_words()[threadIdx.x == 40 ? blockDim.x : threadIdx.x];
}
void copies_beyond_shared(const Parameters& p) {  // through memcpy, which is not instrumented
  finish(p);
  memcpy(shared_words(), p.input, p.words * 4 + 4 * threadIdx.x);
}
void misaligned_vector(const Parameters& p) {
  const uint4 vector = load_vector(reinterpret_cast<const uint4*>(p.input + 1));
  p.output[thread_id()] = vector.x;
}
void vector_beyond_input(const Parameters& p) {
  const uint4 vector = load_vector(reinterpret_cast<const uint4*>(p.input + (p.words & ~3)));
  p.output[thread_id()] = vector.x;
}
void shifts_too_far(const Parameters& p) { p.output[thread_id()] = 1u << (threadIdx.x + 1); }
void overflows(const Parameters& p) { p.output[thread_id()] = static_cast<int>(threadIdx.x) + 0x7FFFFFF0; }
void runs_away(const Parameters& p) {
  while (p.input[0] != 1) {
  }
  finish(p);
}

void runs_away_in_registers(const Parameters& p) {
  finish(p);
  for (unsigned x = 1; x != 0 || threadIdx.x == 3; x = x * 2 + 1)
    if (threadIdx.x != 3) break;
}
void touches_anothers_variable(const Parameters& p) {
  auto** shown = static_cast<uint32_t**>(dynamic_shared());
  volatile uint32_t own = threadIdx.x;
  if (threadIdx.x == 0) *shown = const_cast<uint32_t*>(&own);
  __syncthreads();
  p.output[thread_id()] = **shown;
}

// --- holes of the instrumentation, closed

struct Odd {
  uint8_t bytes[7];
};
void copies_odd_struct_beyond_shared(const Parameters& p) {
  finish(p);
  auto* odd = static_cast<Odd*>(dynamic_shared());
  if (threadIdx.x < 2) odd[threadIdx.x * 36] = *reinterpret_cast<const Odd*>(p.input + threadIdx.x);
}
void clears_beyond_shared(const Parameters& p) {
  finish(p);
  if (threadIdx.x == 0) memset(dynamic_shared(), 0, 4 * blockDim.x + 3);
}
void reads_vector_for_one_lane(
    const Parameters& p) {  // only its first half is memory, only its first lane is used
  if (threadIdx.x < 2) shared_words()[blockDim.x + threadIdx.x] = 1;
  __syncthreads();
  p.output[thread_id()] = load_vector(reinterpret_cast<const uint4*>(shared_words() + blockDim.x)).x;
}

// --- distributed shared memory

void exchange_in_cluster(const Parameters& p, bool before, bool after) {
  shared_words()[threadIdx.x] = blockIdx.x;
  if (before) {
    cluster_arrive();
    cluster_wait();
  }
  auto* peer = static_cast<uint32_t*>(
      peer_shared(shared_words() + threadIdx.x, (cluster_cta_rank() + 1) % cluster_ctas()));
  p.output[thread_id()] = *peer;
  if (after) {
    cluster_arrive();
    cluster_wait();
  }
}
void reads_peer(const Parameters& p) { exchange_in_cluster(p, true, true); }
void reads_peer_too_early(const Parameters& p) { exchange_in_cluster(p, false, true); }
void reads_peer_too_late(const Parameters& p) { exchange_in_cluster(p, true, false); }
void overwrites_what_peers_read(const Parameters& p) {
  exchange_in_cluster(p, true, false);
  shared_words()[threadIdx.x] = 7;
  cluster_arrive();
  cluster_wait();
}

// --- polling

void waits_for_nobody(const Parameters& p) {
  finish(p);
  if (threadIdx.x == 0)
    while (load_acquire(p.workspace) == 0) spin_pause();
}

void waits_for_nobody_in_a_volatile(const Parameters& p) {
  finish(p);
  if (threadIdx.x == 40)
    while (*static_cast<volatile uint32_t*>(p.workspace) == 0) {
    }
}

const Kernel kKernels[] = {
    KERNEL(barrier_missed_by_a_warp),
    KERNEL(barrier_in_two_places),
    KERNEL(deadlock_of_barrier_and_collective),
    KERNEL(collective_masks_differ),
    KERNEL(collective_operations_differ),
    KERNEL(collective_without_its_lane),
    KERNEL(collective_with_exited_lane),
    KERNEL(collectives_of_groups),
    KERNEL(cluster_wait_without_arrival),
    KERNEL(cluster_barrier_missed_by_a_cta),
    KERNEL(assertion_fails),
    KERNEL(traps),
    KERNEL(reads_beyond_input),
    KERNEL(reads_before_input),
    KERNEL(writes_input),
    KERNEL(writes_beyond_output),
    KERNEL(leaves_a_slot),
    KERNEL(reads_output_unwritten),
    KERNEL(reads_shared_unwritten),
    KERNEL(reads_beyond_shared),
    KERNEL(copies_beyond_shared),
    KERNEL(misaligned_vector),
    KERNEL(vector_beyond_input),
    KERNEL(shifts_too_far),
    KERNEL(overflows),
    KERNEL(runs_away),
    KERNEL(reads_peer),
    KERNEL(reads_peer_too_early),
    KERNEL(reads_peer_too_late),
    KERNEL(overwrites_what_peers_read),
    KERNEL(waits_for_nobody),
    KERNEL(waits_for_nobody_in_a_volatile),
    KERNEL(runs_away_in_registers),
    KERNEL(touches_anothers_variable),
    KERNEL(copies_odd_struct_beyond_shared),
    KERNEL(clears_beyond_shared),
    KERNEL(reads_vector_for_one_lane),
};

}  // namespace

ENTRY_POINT(kKernels)
