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
  auto knowledge = std::make_shared<Knowledge>(*agent.acquired);
  knowledge->threads[stamp_thread(agent)] = agent.time + 1;
  return knowledge;
}

}  // namespace

void Copies::start(void* to, const void* from, size_t bytes, const void* barrier, const void* pc) {
  Thread& issuer = *current;
  Copy copy = {.agent = issuer,
               .issuer = &issuer,
               .to = to,
               .from = from,
               .bytes = bytes,
               .barrier = barrier,
               .group = issuer.copy_groups,
               .pc = pc};
  copy.agent.acquired = knowledge_of(issuer, Scope::kDevice);
  copy.agent.index.x = kMaxThreads + serial_++ % kMaxThreads;
  copy.agent.time = ++issuer.cta->clock;
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
  barriers_[barrier] = Barrier{.arrivals = arrivals, .left = arrivals, .gathered = {}, .handed = {}};
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
  barrier.gathered = joined(barrier.gathered, knowledge_of(*current, Scope::kDevice));
  barrier.bytes += expected_bytes;
  --barrier.left;
  complete(barrier);
}

void Copies::complete(Barrier& barrier) {
  if (barrier.left > 0 || barrier.bytes != 0) return;
  ++barrier.phase;
  barrier.left = barrier.arrivals;
  barrier.handed = joined(barrier.handed, barrier.gathered);
  barrier.gathered = nullptr;
  ++machine->progress;
  wake_waiters();
}

bool Copies::passed(const void* pointer, uint32_t parity, const void* pc) {
  const Barrier& barrier = at(pointer, pc);
  if ((barrier.phase & 1) == (parity & 1)) return false;
  current->acquired = joined(current->acquired, barrier.handed);
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
  memory->observe(copy.from, copy.bytes, Access::kRead, copy.pc);
  memory->observe(copy.to, copy.bytes, Access::kWrite, copy.pc);
  memmove(copy.to, copy.from, copy.bytes);
  const Known known = knowledge_after(copy.agent);
  if (copy.barrier == nullptr) {
    landed_.push_back({copy.issuer, copy.group, known});
    wake_waiters();
  } else {
    Barrier& barrier = at(copy.barrier, copy.pc);
    barrier.gathered = joined(barrier.gathered, known);
    barrier.bytes -= static_cast<int64_t>(copy.bytes);
    complete(barrier);
  }
  current = running;
}

void Copies::wake_waiters() {
  for (Thread* waiter : waiters_) machine->wake(*waiter);
  waiters_.clear();
}

bool Copies::has_issued(const Thread& thread) const {
  return std::ranges::any_of(flying_, [&](const Copy& copy) { return copy.issuer == &thread; });
}

void Copies::forget(uintptr_t begin, uintptr_t end) {
  std::erase_if(barriers_, [=](const auto& entry) {
    const auto address = reinterpret_cast<uintptr_t>(entry.first);
    return address >= begin && address < end;
  });
}

}  // namespace persistent_topk::emulator
