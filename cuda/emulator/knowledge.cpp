#include "knowledge.hpp"

#include <algorithm>

#include "judge.hpp"
#include "machine.hpp"

namespace persistent_topk::emulator {

namespace {

void raise(std::map<uint32_t, uint32_t>& times, const std::map<uint32_t, uint32_t>& others) {
  auto at = times.begin();  // both are sorted: the next key is most often the next one here
  for (const auto& [key, time] : others) {
    at = times.try_emplace(at, key, time);
    at->second = std::max(at->second, time);
    ++at;
  }
}

bool acquires(Order order) { return order == Order::kAcquire || order == Order::kAcquireRelease; }
bool releases(Order order) { return order == Order::kRelease || order == Order::kAcquireRelease; }

bool is_for(const Known& known, const Thread& self) {
  return known && (known->only_cta < 0 || known->only_cta == self.cta->index.x);
}

}  // namespace

Known knowledge_of(Thread& self, Scope scope) {
  auto knowledge = std::make_shared<Knowledge>();
  if (self.acquired) *knowledge = *self.acquired;
  const uint32_t cta = self.cta->index.x;
  knowledge->only_cta = scope == Scope::kBlock ? static_cast<int64_t>(cta) : -1;
  self.time = ++self.cta->clock;  // what it does later is not part of this
  knowledge->add_own(self, self.time);
  return knowledge;
}

void Knowledge::add(const Knowledge& other) {
  raise(ctas, other.ctas);
  raise(threads, other.threads);
}

void Knowledge::add_own(const Thread& self, uint32_t time) {
  raise(ctas, {{self.cta->index.x, self.block_known}});
  raise(threads, {{stamp_thread(self), time}});
  for (int lane = 0; lane < kLanes; ++lane)
    if (self.lane_known[lane] > self.block_known)
      raise(threads, {{stamp_thread(self.warp->threads[lane]), self.lane_known[lane]}});
}

// Of copies, only those that somebody has waited for: their CTA's barriers say nothing.
bool Knowledge::covers(const Stamp& stamp) const {
  const auto cta = ctas.find(stamp.cta());
  if (cta != ctas.end() && stamp.time < cta->second && !stamp.by_copy()) return true;
  const auto thread = threads.find(stamp.thread);
  return thread != threads.end() && stamp.time < thread->second;
}

Known joined(const Known& a, const Known& b) {
  if (!a || a == b) return b;
  if (!b) return a;
  if (a->only_cta != b->only_cta) return a->only_cta < 0 ? a : b;  // what few may know is left out
  auto both = std::make_shared<Knowledge>(*a);
  both->add(*b);
  return both;
}

void Handover::bring(const Known& known) {
  if (known && parts_.insert(known).second) brought_.add(*known);
}

void Handover::bring(const Thread& self, uint32_t time) {
  bring(self.acquired);
  brought_.add_own(self, time);
}

void Handover::close() {
  if (!brought_.ctas.empty() || !brought_.threads.empty())
    handed_ = joined(handed_, std::make_shared<Knowledge>(std::move(brought_)));
  brought_ = {};
  parts_.clear();
  taken_.clear();
}

Known Handover::take(const Known& known) {
  if (!handed_) return known;
  const auto [entry, is_new] = taken_.try_emplace(known);
  if (is_new) entry->second = joined(known, handed_);
  return entry->second;
}

void SyncWords::read(uintptr_t word, Order order) {
  const auto found = known_.find(word);
  if (found == known_.end() || !is_for(found->second, *current)) return;
  Known& learns = acquires(order) ? current->acquired : current->pending;
  learns = joined(learns, found->second);
}

void SyncWords::write(uintptr_t word, Order order, bool updates) {
  const Known released = releases(order) ? knowledge_of(*current, Scope::kDevice) : current->released;
  if (!released && known_.empty()) return;
  Known& known = known_[word];
  // An update goes on with what was released to the word before it; a store starts anew.
  known = updates ? joined(known, released) : released;
}

void SyncWords::forget(uintptr_t begin, uintptr_t end) {
  std::erase_if(known_, [=](const auto& entry) { return entry.first >= begin && entry.first < end; });
}

void fence_memory(Scope scope) {
  Thread& self = *current;
  self.acquired = joined(self.acquired, self.pending);
  self.pending = nullptr;
  self.released = knowledge_of(self, scope);
}

}  // namespace persistent_topk::emulator
