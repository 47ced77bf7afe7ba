#include "judge.hpp"

#include <algorithm>
#include <bit>

namespace persistent_topk::emulator {

namespace {

// Whether the stamped access comes before whatever the running thread does now.
bool is_ordered(const Stamp& stamp, const Thread& self) {
  if (stamp.thread == 0 || stamp.thread == stamp_thread(self)) return true;
  if (self.acquired && self.acquired->covers(stamp)) return true;
  if (stamp.by_copy()) return false;  // no barrier of threads orders it
  if (stamp.cta() == self.cta->index.x) {
    if (stamp.time < self.block_known || stamp.phase < self.waits_known) return true;
    const bool same_warp = stamp.index() / kLanes == static_cast<uint32_t>(self.warp->id % kWarpsPerSlot);
    return same_warp && stamp.time < self.lane_known[stamp.index() % kLanes];
  }
  const int cluster = machine->options.cluster;
  const bool same_group =
      machine->options.cooperative || stamp.cta() / cluster == self.cta->index.x / cluster;
  return same_group && stamp.phase < self.waits_known;
}

const Stamp* unordered(const Stamp* stamps, int count, uint32_t bytes, const Thread& self) {
  for (int i = 0; i < count; ++i)
    if ((stamps[i].bytes() & bytes) && !is_ordered(stamps[i], self)) return &stamps[i];
  return nullptr;
}

bool same_warp(const Stamp& a, const Stamp& b) {
  return a.cta() == b.cta() && a.index() / kLanes == b.index() / kLanes;
}

// Room is for two accesses that are not ordered with each other. A third takes the second's place if
// that makes the two less alike: a later write by one CTA (or warp) is then still compared with an
// access from another.
void keep(Stamp (&kept)[kKept], const Stamp& stamp, const Thread& self) {
  for (Stamp& old : kept)
    if (is_ordered(old, self)) {
      old = stamp;
      return;
    }
  const bool one_cta = kept[0].cta() == kept[1].cta();
  if ((one_cta && stamp.cta() != kept[0].cta()) ||
      (same_warp(kept[0], kept[1]) && !same_warp(kept[0], stamp)))
    kept[1] = stamp;
}

bool seen_already(const Stamp& old, const Stamp& stamp) {
  return old.thread == stamp.thread && old.time == stamp.time && old.phase == stamp.phase &&
         (old.bytes() & stamp.bytes()) == stamp.bytes();
}

}  // namespace

uint32_t stamp_thread(const Thread& thread) { return thread.cta->index.x * kNames + thread.index.x + 1; }

Conflict judge(WordHistory& word, uint32_t bytes, Access access, uint32_t code) {
  const Thread& self = *current;
  const Stamp stamp = {stamp_thread(self), self.time, self.arrivals, code << 4 | bytes};
  // The commonest case: the thread has this word to itself for now.
  if (access == Access::kRead && seen_already(word.reads[0], stamp)) return {};
  if (access == Access::kWrite && seen_already(word.write, stamp) && word.reads[0].thread == 0 &&
      word.atomics[0].thread == 0)
    return {};
  if (const Stamp* other = unordered(&word.write, 1, bytes, self)) return {other, "writes"};
  if (!is_atomic(access))
    if (const Stamp* other = unordered(word.atomics, kKept, bytes, self))
      return {other, "atomically accesses"};
  if (writes(access))
    if (const Stamp* other = unordered(word.reads, kKept, bytes, self)) return {other, "reads"};
  if (access == Access::kRead)
    keep(word.reads, stamp, self);
  else if (access == Access::kWrite)
    word = WordHistory{.write = stamp, .reads = {}, .atomics = {}};
  else
    keep(word.atomics, stamp, self);
  return {};
}

void order_block(Cta& cta) {
  const uint32_t now = ++cta.clock;
  Thread* threads = cta.warps[0].threads;
  uint32_t waits = 0;
  Known acquired;
  for (int i = 0; i < machine->block_threads(); ++i) {
    waits = std::max(waits, threads[i].waits_known);
    if (threads[i].acquired) acquired = joined(acquired, threads[i].acquired);
  }
  for (int i = 0; i < machine->block_threads(); ++i) {
    threads[i].time = threads[i].block_known = now;
    threads[i].waits_known = waits;
    if (acquired) threads[i].acquired = acquired;
  }
}

void order_lanes(Warp& warp, uint32_t mask) {
  const uint32_t now = ++warp.cta->clock;
  uint32_t known[kLanes] = {};
  Known acquired;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const Thread& thread = warp.threads[std::countr_zero(lanes)];
    for (int lane = 0; lane < kLanes; ++lane) known[lane] = std::max(known[lane], thread.lane_known[lane]);
    if (thread.acquired) acquired = joined(acquired, thread.acquired);
  }
  for (int lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1) known[lane] = now;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    Thread& thread = warp.threads[std::countr_zero(lanes)];
    thread.time = now;
    if (acquired) thread.acquired = acquired;
    std::copy(known, known + kLanes, thread.lane_known);
  }
}

}  // namespace persistent_topk::emulator
