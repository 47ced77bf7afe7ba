// Special registers and addresses of the emulated device.
#include "device.hpp"

#include "arena.hpp"
#include "machine.hpp"

namespace persistent_topk::emulator {

uint3 thread_index() { return current->index; }
uint3 block_index() { return current->cta->index; }
dim3 block_shape() { return machine->options.block; }
dim3 grid_shape() { return machine->options.grid; }
void* dynamic_shared() { return shared_of(current->cta->slot); }
int cluster_cta_rank() { return current->cta->rank; }
int cluster_ctas() { return machine->options.cluster; }

void* peer_shared(void* mine, int rank) {
  const Cta& cta = *current->cta;
  const ptrdiff_t offset = static_cast<std::byte*>(mine) - shared_of(cta.slot);
  if (rank < 0 || rank >= machine->options.cluster)
    fail("out-of-bounds", __builtin_return_address(0),
         "asks for the shared memory of CTA rank %d in a cluster of %d", rank, machine->options.cluster);
  if (offset < 0 || offset > static_cast<ptrdiff_t>(machine->options.shared_bytes))
    fail("out-of-bounds", __builtin_return_address(0),
         "asks a peer for an address that is not in its own shared memory");
  return shared_of(cta.slot - cta.rank + rank) + offset;
}

void assertion_failed(const char* condition) {
  fail("assertion", __builtin_return_address(0), "assertion %s fails", condition);
}

void trap() { fail("assertion", __builtin_return_address(0), "traps"); }

}  // namespace persistent_topk::emulator
