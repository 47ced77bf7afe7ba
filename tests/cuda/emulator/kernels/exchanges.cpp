// Kernels in which each CTA of a cluster has words for each, by asynchronous stores.
#include "stores.hpp"

namespace {

// Thread t has a word for CTA t % 4.
void send(uint32_t word, int which) {
  const int peer = threadIdx.x % kCtas;
  store_word(peer, cluster_cta_rank() * (kWords / kCtas) + threadIdx.x / kCtas, word, which);
}

// No barrier behind it: CTAs exit while what they sent to others flies.
void exchange(const Parameters& p) {
  begin();
  expect(sizeof storage().buffers[0]);
  send(thread_id(), 0);
  mbarrier_wait(&storage().barriers[0], 0);
  p.output[thread_id()] = storage().buffers[0][threadIdx.x];
}

// The same words, gathered into vectors of 4 first.
void exchange_vectors(const Parameters& p) {
  storage().buffers[1][threadIdx.x % kCtas * (kWords / kCtas) + threadIdx.x / kCtas] = thread_id();
  begin();
  expect(sizeof storage().buffers[0]);
  const int vector = static_cast<int>(threadIdx.x);  // of the 16 that this CTA sends
  if (vector < kWords / 4) {
    uint4 value = load_vector(reinterpret_cast<const uint4*>(storage().buffers[1]) + vector);
    const int peer = vector / 4;
    auto* to = &storage().buffers[0][cluster_cta_rank() * (kWords / kCtas) + vector % 4 * 4];
    store_async(in_cta(peer, to), &value, sizeof value, in_cta(peer, &storage().barriers[0]));
    value = {};
  }
  mbarrier_wait(&storage().barriers[0], 0);
  p.output[thread_id()] = storage().buffers[0][threadIdx.x];
}

// Four exchanges bring every word back to where it was.
template <class Between>
void exchange_often(const Parameters& p, int buffers, Between between) {
  constexpr int kRounds = 8;
  begin();
  uint32_t word = thread_id();
  for (int round = 0; round < kRounds; ++round) {
    const int which = round % buffers;
    expect(sizeof storage().buffers[0], which);
    send(word, which);
    mbarrier_wait(&storage().barriers[which], round / buffers & 1);
    const int other = threadIdx.x ^ 1;  // sends to another CTA than this thread
    word = storage().buffers[which][other % kCtas * (kWords / kCtas) + other / kCtas];
    between();
  }
  p.output[thread_id()] = word;
}
// Who has the peers' words of the next round knows that they have read this round's.
void exchange_in_two_buffers(const Parameters& p) {
  exchange_often(p, 2, [] { __syncthreads(); });
}
void exchange_in_one_buffer(const Parameters& p) { exchange_often(p, 1, cluster_barrier); }
void exchange_in_two_buffers_unordered(const Parameters& p) {
  exchange_often(p, 2, [] {});
}
void exchange_in_one_buffer_unordered(const Parameters& p) {
  exchange_often(p, 1, [] { __syncthreads(); });
}

const Kernel kKernels[] = {
    KERNEL(exchange),
    KERNEL(exchange_vectors),
    KERNEL(exchange_in_two_buffers),
    KERNEL(exchange_in_one_buffer),
    KERNEL(exchange_in_two_buffers_unordered),
    KERNEL(exchange_in_one_buffer_unordered),
};

}  // namespace

ENTRY_POINT(kKernels)
