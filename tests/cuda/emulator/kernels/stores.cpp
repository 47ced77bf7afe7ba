// Kernels with single asynchronous stores into a peer's shared memory: right ones and wrong ones.
#include "stores.hpp"

namespace {

// --- one store, from CTA 0 to CTA 1, and others beside it

// `received` is what CTA 1 does about it.
template <class Received>
void one_store(const Parameters& p, Received received) {
  if (threadIdx.x < 2) storage().buffers[0][threadIdx.x] = 7;
  begin();
  p.output[thread_id()] = 0;
  if (is_first_of(0)) store_word(1, 0, 5);
  if (cluster_cta_rank() == 1) received();
}
void wait_and_write(const Parameters& p) {
  mbarrier_wait(&storage().barriers[0], 0);
  p.output[thread_id()] = storage().buffers[0][0];
}

void outlives_its_issuer(const Parameters& p) {
  one_store(p, [&] {
    expect(4);
    wait_and_write(p);
  });
}

// Most of the CTA has exited when the store lands; one thread is there to wait for it.
void lands_beside_the_last_thread(const Parameters& p) {
  one_store(p, [&] {
    expect(4);
    if (threadIdx.x == 3) wait_and_write(p);
  });
}

void lands_before_it_is_expected(const Parameters& p) {
  if (is_first_of(1)) storage().buffers[0][0] = 7;
  begin();
  p.output[thread_id()] = 0;
  if (is_first_of(0)) {
    store_word(1, 0, 5);
    store_word(1, 0, 6, 1);
  }
  if (cluster_cta_rank() != 1) return;
  expect(4, 1);
  mbarrier_wait(&storage().barriers[1], 0);  // the first to land has landed, whatever the schedule
  assert(!mbarrier_test(&storage().barriers[0], 0));
  __syncthreads();
  expect(4);
  wait_and_write(p);
}

// All bytes have landed, one of two arrivals is left; it hands over what its thread wrote.
void waits_for_the_last_arrival(const Parameters& p) {
  Storage& s = storage();
  if (threadIdx.x == 0) mbarrier_init(&s.barriers[0], 2);
  if (threadIdx.x == 0) mbarrier_init(&s.barriers[1], 1);
  cluster_barrier();
  p.output[thread_id()] = 0;
  if (is_first_of(0))
    for (int which : {0, 1}) store_word(1, 0, 4, which);
  if (cluster_cta_rank() != 1) return;
  expect(4);
  expect(4, 1);
  if (threadIdx.x == 40) {
    mbarrier_wait(&s.barriers[1], 0);  // the first to land has landed, whatever the schedule
    assert(!mbarrier_test(&s.barriers[0], 0));
    s.buffers[0][1] = 1;
    mbarrier_arrive(&s.barriers[0]);
  }
  mbarrier_wait(&s.barriers[0], 0);
  if (threadIdx.x != 40) mbarrier_wait(&s.barriers[1], 0);
  p.output[thread_id()] = s.buffers[0][0] + s.buffers[0][1];
}

// Another lane, known through the barrier of their warp, and its issuer itself wrote the words before.
void follows_its_warp(const Parameters& p) {
  begin();
  uint32_t* words = storage().buffers[0];
  if (threadIdx.x == 33) words[1] = 7;
  __syncwarp();
  if (threadIdx.x == 32) {
    words[0] = 7;
    for (int at : {0, 1}) store_word(cluster_cta_rank(), at, 5);
  }
  expect(8);
  wait_and_write(p);
}

void passes_on_what_landed(const Parameters& p) {
  one_store(p, [] { expect(4); });
  if (is_first_of(1)) mbarrier_wait(&storage().barriers[0], 0);
  cluster_barrier();
  p.output[thread_id()] = *in_cta(1, &storage().buffers[0][0]);
  cluster_barrier();
}

// Waits for a store of the same thread, which says nothing of the one before.
void reads_another_store(const Parameters& p) {
  one_store(p, [] {});
  __syncthreads();
  if (is_first_of(0)) store_word(1, 1, 6, 1);
  if (cluster_cta_rank() != 1) return;
  expect(4);
  expect(4, 1);
  mbarrier_wait(&storage().barriers[1], 0);
  p.output[thread_id()] = storage().buffers[0][0];
  mbarrier_wait(&storage().barriers[0], 0);
}

void reads_without_waiting(const Parameters& p) {
  one_store(p, [&] {
    expect(4);
    p.output[thread_id()] = storage().buffers[0][0];
    mbarrier_wait(&storage().barriers[0], 0);
  });
}

void writes_without_waiting(const Parameters& p) {
  one_store(p, [] {
    expect(4);
    if (threadIdx.x == 5) storage().buffers[0][0] = 8;
    mbarrier_wait(&storage().barriers[0], 0);
  });
}

void two_ctas_one_word(const Parameters& p) {
  one_store(p, [] { expect(8); });
  if (is_first_of(2)) store_word(1, 0, 6);
  if (cluster_cta_rank() == 1) wait_and_write(p);
}

void two_threads_one_word(const Parameters& p) {
  one_store(p, [] { expect(8); });
  __syncthreads();  // orders threads, not stores
  if (cluster_cta_rank() == 0 && threadIdx.x == 40) store_word(1, 0, 6);
  if (cluster_cta_rank() == 1) wait_and_write(p);
}

void expects_too_little(const Parameters& p) {
  one_store(p, [] { expect(4); });
  if (is_first_of(2)) store_word(1, 1, 6);
  if (cluster_cta_rank() != 1) return;
  mbarrier_wait(&storage().barriers[0], 0);
  p.output[thread_id()] = storage().buffers[0][0] + storage().buffers[0][1];
}

void destination_exits(const Parameters& p) {
  one_store(p, [] {});
}

void destination_exits_after_expecting(const Parameters& p) {
  one_store(p, [] { expect(4); });
}

// --- wrong calls

void store_of(const Parameters& p, uint32_t bytes, void* to, int barrier_rank = 1) {
  begin();
  p.output[thread_id()] = 0;
  const uint4 value = {};
  if (is_first_of(0)) store_async(to, &value, bytes, in_cta(barrier_rank, &storage().barriers[0]));
  cluster_barrier();
}
uint32_t* word_of_1(int at) { return in_cta(1, &storage().buffers[0][at]); }
void wrong_bytes(const Parameters& p) { store_of(p, 8, word_of_1(0)); }
void misaligned_vector(const Parameters& p) { store_of(p, 16, word_of_1(2)); }
void misaligned_word(const Parameters& p) { store_of(p, 4, reinterpret_cast<char*>(word_of_1(0)) + 2); }
void barrier_of_another_cta(const Parameters& p) { store_of(p, 4, word_of_1(0), 2); }
void barrier_of_its_issuer(const Parameters& p) { store_of(p, 4, word_of_1(0), 0); }
void stores_to_global(const Parameters& p) { store_of(p, 4, p.output); }
void stores_behind_shared(const Parameters& p) { store_of(p, 16, in_cta(1, &storage() + 1)); }

void barrier_uninitialised(const Parameters& p) {
  if (threadIdx.x == 0) storage().barriers[0] = 0;
  cluster_barrier();
  p.output[thread_id()] = 0;
  if (is_first_of(0)) store_word(1, 0, 5);
  cluster_barrier();
}

void barrier_initialised_beside(const Parameters& p) {
  cluster_barrier();
  if (threadIdx.x == 0) mbarrier_init(&storage().barriers[0], 1);
  p.output[thread_id()] = 0;
  if (is_first_of(0)) store_word(1, 0, 5);
  if (!is_first_of(1)) return;
  expect(4);
  mbarrier_wait(&storage().barriers[0], 0);
}

void before_the_first_cluster_barrier(const Parameters& p) {
  p.output[thread_id()] = 0;
  if (threadIdx.x == 0) mbarrier_init(&storage().barriers[0], 1);
  if (is_first_of(0)) store_word(1, 0, 5);
  cluster_barrier();
}

const Kernel kKernels[] = {
    KERNEL(outlives_its_issuer),
    KERNEL(lands_beside_the_last_thread),
    KERNEL(lands_before_it_is_expected),
    KERNEL(waits_for_the_last_arrival),
    KERNEL(follows_its_warp),
    KERNEL(passes_on_what_landed),
    KERNEL(reads_another_store),
    KERNEL(reads_without_waiting),
    KERNEL(writes_without_waiting),
    KERNEL(two_ctas_one_word),
    KERNEL(two_threads_one_word),
    KERNEL(expects_too_little),
    KERNEL(destination_exits),
    KERNEL(destination_exits_after_expecting),
    KERNEL(wrong_bytes),
    KERNEL(misaligned_vector),
    KERNEL(misaligned_word),
    KERNEL(barrier_of_another_cta),
    KERNEL(barrier_of_its_issuer),
    KERNEL(stores_to_global),
    KERNEL(stores_behind_shared),
    KERNEL(barrier_uninitialised),
    KERNEL(barrier_initialised_beside),
    KERNEL(before_the_first_cluster_barrier),
};

}  // namespace

ENTRY_POINT(kKernels)
