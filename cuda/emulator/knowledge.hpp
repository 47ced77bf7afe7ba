// What threads learn of each other through words of memory: releases and acquires, and fences beside
// relaxed atomics and volatile accesses; and mbarriers. Barriers of threads, the common case, need none of
// this (judge.hpp), but pass on what was learnt so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "operations.hpp"

namespace persistent_topk::emulator {

struct Stamp;
struct Thread;

// Accesses that came before: of whole CTAs and of single threads, up to a tick of their CTA's clock.
struct Knowledge {
  std::map<uint32_t, uint32_t> ctas;     // by index
  std::map<uint32_t, uint32_t> threads;  // by Stamp::thread
  int64_t only_cta = -1;                 // released with block scope: for this CTA alone; -1: for all

  bool covers(const Stamp& stamp) const;
  void add(const Knowledge& other);
  // Adds what `self` did before `time`, and what barriers of its CTA and its warp have told it.
  void add_own(const Thread& self, uint32_t time);
};
using Known = std::shared_ptr<const Knowledge>;

Known joined(const Known& a, const Known& b);  // what either knows

// Words that carry knowledge from those who release to those who acquire.
class SyncWords {
 public:
  // The running thread has read the word, or is about to write it, atomically.
  void read(uintptr_t word, Order order);
  void write(uintptr_t word, Order order, bool updates);  // updates: it is a read-modify-write
  void forget(uintptr_t begin, uintptr_t end);            // memory that starts a new life

 private:
  std::unordered_map<uintptr_t, Known> known_;
};

// Where some leave what they know and others take it: mbarriers, barriers of clusters and grids. Who
// knows the same brings it once and gets the same: thousands of stores may share a barrier.
class Handover {
 public:
  void bring(const Known& known);
  void bring(const Thread& self, uint32_t time);  // with its own accesses before `time`
  void close();  // what was brought is for those who take from now on
  Known take(const Known& known);  // with what they knew

 private:
  Knowledge brought_;
  std::set<Known> parts_;  // of it
  Known handed_;
  std::map<Known, Known> taken_;  // by what the taker knew
};

void fence_memory(Scope scope);  // by the running thread

// Everything that comes before what the thread does from now on.
Known knowledge_of(Thread& self, Scope scope);

}  // namespace persistent_topk::emulator
