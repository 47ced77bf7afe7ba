// Barriers of blocks, clusters and grids. Each counts who arrives; the last to arrive wakes the rest.
#include <algorithm>

#include "device.hpp"
#include "judge.hpp"
#include "machine.hpp"

namespace persistent_topk::emulator {

namespace {

int vote_result(Vote vote, int true_count, int threads) {
  switch (vote) {
    case Vote::kNone: return 0;
    case Vote::kCount: return true_count;
    case Vote::kAnd: return true_count == threads;
    case Vote::kOr: return true_count > 0;
  }
  return 0;
}

bool same_place(Where a, Where b) { return a.line() == b.line() && a.file_name() == b.file_name(); }

void check_arrival(const Cta& cta, Vote vote, Where where, const void* pc) {
  if (cta.running < machine->block_threads())
    fail("barrier-mismatch", pc, "waits at a __syncthreads() that %d exited threads never reach",
         machine->block_threads() - cta.running);
  if (cta.arrived > 0 && (cta.vote != vote || !same_place(cta.barrier_where, where)))
    fail("barrier-mismatch", pc, "waits at one __syncthreads() while %d threads wait at that of %s",
         cta.arrived, describe_pc(cta.barrier_pc).c_str());
}

void wake_all(Wait reason, int first_slot, int slots) {
  for (int slot = first_slot; slot < first_slot + slots; ++slot)
    for (int i = 0; i < machine->block_threads(); ++i) {
      Thread& thread = machine->thread(machine->cta_in(slot), i);
      if (thread.wait == reason) machine->wake(thread);
    }
}

// The running thread now knows of all accesses before its group's barriers up to here.
void pass_barrier(Thread& self, Handover& handover) {
  ++self.waits;
  self.waits_known = std::max(self.waits_known, self.waits);
  self.acquired = handover.take(self.acquired);
}

int first_slot_of(const Cta& cta) { return cta.slot - cta.rank; }

}  // namespace

int block_barrier(Vote vote, bool predicate, Where where) {
  Cta& cta = *current->cta;
  const void* pc = __builtin_return_address(0);
  check_arrival(cta, vote, where, pc);
  if (cta.arrived == 0) {
    cta.vote = vote;
    cta.vote_true = 0;
    cta.barrier_where = where;
    cta.barrier_pc = pc;
  }
  cta.vote_true += predicate;
  if (++cta.arrived < machine->block_threads()) {
    machine->wait(Wait::kBlockBarrier, pc);
    return cta.vote_result;
  }
  ++machine->statistics.block_barriers;
  cta.vote_result = vote_result(vote, cta.vote_true, machine->block_threads());
  cta.arrived = 0;
  order_block(cta);
  wake_all(Wait::kBlockBarrier, cta.slot, 1);
  machine->decide();
  return cta.vote_result;  // the next barrier, which may change it, needs this thread too
}

void cluster_arrive() {
  Thread& self = *current;
  Cluster& cluster = *self.cta->cluster;
  if (self.arrivals != self.waits)
    fail("barrier-mismatch", __builtin_return_address(0),
         "arrives twice at the cluster barrier without waiting");
  if (cluster.running < machine->options.cluster * machine->block_threads())
    fail("barrier-mismatch", __builtin_return_address(0),
         "arrives at the cluster barrier, which %d exited threads never reach",
         machine->options.cluster * machine->block_threads() - cluster.running);
  ++self.arrivals;
  cluster.handover.bring(self.acquired);
  if (++cluster.arrived == machine->options.cluster * machine->block_threads()) {
    cluster.arrived = 0;
    ++cluster.phase;
    cluster.handover.close();
    wake_all(Wait::kClusterBarrier, first_slot_of(*self.cta), machine->options.cluster);
  }
  machine->decide();
}

void cluster_wait() {
  Thread& self = *current;
  if (self.arrivals != self.waits + 1)
    fail("barrier-mismatch", __builtin_return_address(0),
         "waits at the cluster barrier without having arrived");
  if (self.cta->cluster->phase < self.arrivals)
    machine->wait(Wait::kClusterBarrier, __builtin_return_address(0));
  pass_barrier(self, self.cta->cluster->handover);
}

void grid_barrier() {
  if (!machine->options.cooperative)
    fail("barrier-mismatch", __builtin_return_address(0),
         "waits at the grid barrier in a launch that is not cooperative");
  ++current->arrivals;
  machine->grid_handover.bring(current->acquired);
  if (++machine->grid_arrived < machine->cta_count() * machine->block_threads()) {
    machine->wait(Wait::kGridBarrier, __builtin_return_address(0));
    return pass_barrier(*current, machine->grid_handover);
  }
  machine->grid_arrived = 0;
  machine->grid_handover.close();
  wake_all(Wait::kGridBarrier, 0, machine->cta_count());
  machine->decide();
  pass_barrier(*current, machine->grid_handover);
}

}  // namespace persistent_topk::emulator
