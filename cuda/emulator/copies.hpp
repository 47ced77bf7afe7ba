// Asynchronous copies: bulk copies that complete an mbarrier, and copies that a thread waits for in
// groups. Each is an agent of its own. The schedule says when it lands, at the latest when nothing else
// can run, and the judge orders it after its issue and before whoever has waited for it: block barriers
// alone do not. (The difference between the generic and the asynchronous proxy is not modelled.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "machine_parts.hpp"

namespace persistent_topk::emulator {

class Copies {
 public:
  // By the running thread. `barrier`: the mbarrier that learns of the landing; null: its open group.
  void start(void* to, const void* from, size_t bytes, const void* barrier, const void* pc);
  void commit();                            // closes its open group
  void wait_groups(int left, const void* pc);  // for all its groups but the last `left`

  void init(const void* barrier, uint32_t arrivals);
  void arrive(const void* barrier, int64_t expected_bytes, const void* pc);
  bool passed(const void* barrier, uint32_t parity, const void* pc);  // the phase of that parity is over
  void wait_phase(const void* barrier, uint32_t parity, const void* pc);

  bool empty() const { return flying_.empty(); }
  void land(size_t index);
  size_t size() const { return flying_.size(); }
  bool has_issued(const Thread& thread) const;   // something that still flies
  void forget(uintptr_t begin, uintptr_t end);   // barriers in memory that starts a new life

 private:
  struct Copy {
    Thread agent;  // as the judge sees it: what its issuer knew, under another name
    Thread* issuer;
    void* to;
    const void* from;
    size_t bytes;
    const void* barrier;
    uint32_t group;
    const void* pc;
  };
  struct Landed {
    const Thread* issuer;
    uint32_t group;
    Known known;
  };
  struct Barrier {
    uint32_t arrivals;     // of each phase
    int64_t left;          // in this one
    int64_t bytes = 0;     // expected and not landed
    uint32_t phase = 0;    // completed ones
    Known gathered, handed;  // from who arrived in this phase; to who waits for those before
  };

  Barrier& at(const void* barrier, const void* pc);
  void complete(Barrier& barrier);
  bool groups_flying(const Thread& thread, uint32_t before) const;
  void wake_waiters();

  std::vector<Copy> flying_;
  std::vector<Landed> landed_;
  std::vector<Thread*> waiters_;
  std::unordered_map<const void*, Barrier> barriers_;
  uint32_t serial_ = 0;
};

}  // namespace persistent_topk::emulator
