#include "copies.hpp"

#include <algorithm>
#include <cstring>

#include "judge.hpp"
#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

namespace {

// What holds once the copy has landed: all that its issuer knew, and the copy itself.
Known knowledge_after(const Thread& agent) {
  auto knowledge = std::make_shared<Knowledge>();
  if (agent.acquired) knowledge->add(*agent.acquired);
  knowledge->add_own(agent, agent.time + 1);
  return knowledge;
}

}  // namespace

Copies::Copy Copies::issued(void* to, const void* from, size_t bytes, const void* barrier, const void* pc) {
  Thread& issuer = *current;
  Copy copy = {.agent = issuer,
               .issuer = &issuer,
               .to = to,
               .from = from,
               .bytes = bytes,
               .barrier = barrier,
               .group = issuer.copy_groups,
               .pc = pc};
  // It comes after all that its issuer has done up to here, as after a lane at a barrier of the warp.
  copy.agent.lane_known[issuer.lane] = issuer.time = ++issuer.cta->clock;
  copy.agent.index.x = kMaxThreads + issuer.cta->copies++ % kCopyNames;
  copy.agent.time = ++issuer.cta->clock;
  return copy;
}

void Copies::start(void* to, const void* from, size_t bytes, const void* barrier, const void* pc) {
  flying_.push_back(issued(to, from, bytes, barrier, pc));
}

void Copies::store(void* to, const void* value, size_t bytes, const void* barrier, const void* pc) {
  const Cta& owner = memory->owner_of_store(to, bytes, barrier, pc);
  at(barrier, pc);  // initialised: later would be too late, even if it came before the landing
  Copy copy = issued(to, nullptr, bytes, barrier, pc);
  copy.owner = &owner;
  copy.agent.is_store = true;
  memcpy(copy.value.data(), value, bytes);
  flying_.push_back(std::move(copy));
}

void Copies::commit() { ++current->copy_groups; }

bool Copies::groups_flying(const Thread& thread, uint32_t before) const {
  return std::ranges::any_of(flying_, [&](const Copy& copy) {
    return copy.issuer == &thread && copy.barrier == nullptr && copy.group < before;
  });
}

void Copies::wait_groups(int left, const void* pc) {
  Thread& self = *current;
  const uint32_t before = self.copy_groups - std::min<uint32_t>(left, self.copy_groups);
  while (groups_flying(self, before)) {
    waiters_.push_back(&self);
    machine->wait(Wait::kCopy, pc);
  }
  std::erase_if(landed_, [&](const Landed& landed) {
    const bool waited_for = landed.issuer == &self && landed.group < before;
    if (waited_for) self.acquired = joined(self.acquired, landed.known);
    return waited_for;
  });
}

void Copies::init(const void* barrier, uint32_t arrivals) {
  barriers_[barrier] = Barrier{.arrivals = arrivals, .left = arrivals, .handover = {}};
}

Copies::Barrier& Copies::at(const void* barrier, const void* pc) {
  const auto found = barriers_.find(barrier);
  if (found == barriers_.end()) fail("barrier-mismatch", pc, "uses an mbarrier that nobody has initialised");
  return found->second;
}

void Copies::arrive(const void* pointer, int64_t expected_bytes, const void* pc) {
  Barrier& barrier = at(pointer, pc);
  if (barrier.left == 0)
    fail("barrier-mismatch", pc, "arrives at an mbarrier at which all %u of this phase have arrived",
         barrier.arrivals);
  current->time = ++current->cta->clock;  // what it does later is not part of this
  barrier.handover.bring(*current, current->time);
  barrier.bytes += expected_bytes;
  --barrier.left;
  complete(barrier);
}

void Copies::complete(Barrier& barrier) {
  if (barrier.left > 0 || barrier.bytes != 0) return;
  ++barrier.phase;
  barrier.left = barrier.arrivals;
  barrier.handover.close();
  ++machine->progress;
  wake_waiters();
}

bool Copies::passed(const void* pointer, uint32_t parity, const void* pc) {
  Barrier& barrier = at(pointer, pc);
  if ((barrier.phase & 1) == (parity & 1)) return false;
  current->acquired = barrier.handover.take(current->acquired);
  return true;
}

void Copies::wait_phase(const void* barrier, uint32_t parity, const void* pc) {
  while (!passed(barrier, parity, pc)) {
    waiters_.push_back(current);
    machine->wait(Wait::kCopy, pc);
  }
}

void Copies::land(size_t index) {
  std::swap(flying_[index], flying_.back());
  Copy copy = std::move(flying_.back());
  flying_.pop_back();
  Thread* const running = current;
  current = &copy.agent;
  if (copy.owner == nullptr) memory->observe(copy.from, copy.bytes, Access::kRead, copy.pc);
  memory->observe(copy.to, copy.bytes, Access::kWrite, copy.pc);
  memmove(copy.to, copy.source(), copy.bytes);
  if (copy.barrier == nullptr) {
    landed_.push_back({copy.issuer, copy.group, knowledge_after(copy.agent)});
    wake_waiters();
  } else {
    Barrier& barrier = at(copy.barrier, copy.pc);
    memory->observe(copy.barrier, sizeof(uint64_t), Access::kAtomicUpdate, copy.pc);
    barrier.handover.bring(copy.agent, copy.agent.time + 1);
    barrier.bytes -= static_cast<int64_t>(copy.bytes);
    complete(barrier);
  }
  if (copy.owner != nullptr)
    stored_[copy.owner].push_back({stamp_thread(copy.agent), copy.agent.time, copy.pc});
  current = running;
}

void Copies::wake_waiters() {
  for (Thread* waiter : waiters_) machine->wake(*waiter);
  waiters_.clear();
}

void Copies::finish_thread(const Thread& self) {
  for (const Copy& copy : flying_)
    if (copy.issuer == &self && copy.owner == nullptr)
      fail("copy-in-flight", copy.pc, "exits before a copy that it issued has landed");
  const Cta& cta = *self.cta;
  std::vector<Stored>& stored = stored_[&cta];
  std::erase_if(stored, [&](const Stored& store) {
    return self.acquired && self.acquired->covers({.thread = store.agent, .time = store.time});
  });
  if (cta.running > 1) return;
  for (const Copy& copy : flying_)
    if (copy.owner == &cta)
      fail("peer-exited", copy.pc, "exits, the last of its CTA, before a store of CTA %u to it has landed",
           copy.agent.cta->index.x);
  // Luck must not hide it: a store has landed in time only if someone here has waited for it.
  if (!stored.empty())
    fail("peer-exited", stored[0].pc,
         "exits, the last of its CTA, in which nobody has waited for a store of CTA %u to it",
         Stamp{.thread = stored[0].agent}.cta());
}

void Copies::forget(uintptr_t begin, uintptr_t end) {
  std::erase_if(barriers_, [=](const auto& entry) {
    const auto address = reinterpret_cast<uintptr_t>(entry.first);
    return address >= begin && address < end;
  });
}

}  // namespace persistent_topk::emulator
