// The device's asynchronous copies and mbarriers, as kernels call them.
#include "copies.hpp"
#include "device.hpp"
#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

namespace {

constexpr size_t kBulkAlignment = 16;

bool is_aligned(const void* address, size_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

}  // namespace

void mbarrier_init(uint64_t* barrier, uint32_t arrivals) {
  memory->observe(barrier, sizeof *barrier, Access::kWrite, __builtin_return_address(0));
  machine->copies.init(barrier, arrivals);
}

void mbarrier_arrive(uint64_t* barrier, uint32_t expected_bytes) {
  const void* pc = __builtin_return_address(0);
  machine->decide();
  memory->observe(barrier, sizeof *barrier, Access::kAtomicUpdate, pc);
  machine->copies.arrive(barrier, expected_bytes, pc);
}

bool mbarrier_test(const uint64_t* barrier, uint32_t parity) {
  const void* pc = __builtin_return_address(0);
  machine->poll(barrier, pc);
  memory->observe(barrier, sizeof *barrier, Access::kAtomicRead, pc);
  return machine->copies.passed(barrier, parity, pc);
}

void mbarrier_wait(const uint64_t* barrier, uint32_t parity) {
  const void* pc = __builtin_return_address(0);
  machine->decide();
  memory->observe(barrier, sizeof *barrier, Access::kAtomicRead, pc);
  machine->copies.wait_phase(barrier, parity, pc);
}

void bulk_copy(void* to, const void* from, uint32_t bytes, uint64_t* barrier) {
  const void* pc = __builtin_return_address(0);
  if (!is_aligned(to, kBulkAlignment) || !is_aligned(from, kBulkAlignment) || bytes % kBulkAlignment != 0)
    fail("misaligned", pc, "copies %u bytes in bulk from %p to %p; all must be multiples of %zu", bytes, from,
         to, kBulkAlignment);
  machine->copies.start(to, from, bytes, barrier, pc);
  machine->decide();
}

void store_async(void* to, const void* value, uint32_t bytes, uint64_t* barrier) {
  const void* pc = __builtin_return_address(0);
  if ((bytes != 4 && bytes != 16) || !is_aligned(to, bytes) || !is_aligned(barrier, sizeof *barrier))
    fail("misaligned", pc, "stores %u bytes asynchronously to %p, with the mbarrier at %p", bytes, to,
         barrier);
  machine->copies.store(to, value, bytes, barrier, pc);
  machine->decide();
}

void copy_async(void* to, const void* from, uint32_t bytes) {
  const void* pc = __builtin_return_address(0);
  if ((bytes != 4 && bytes != 8 && bytes != 16) || !is_aligned(to, bytes) || !is_aligned(from, bytes))
    fail("misaligned", pc, "copies %u bytes asynchronously from %p to %p", bytes, from, to);
  machine->copies.start(to, from, bytes, nullptr, pc);
  machine->decide();
}

void copy_async_commit() { machine->copies.commit(); }

void copy_async_wait(int groups_left) {
  machine->copies.wait_groups(groups_left, __builtin_return_address(0));
}

}  // namespace persistent_topk::emulator
