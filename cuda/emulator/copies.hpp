// Asynchronous copies: bulk copies and stores that complete an mbarrier, and copies that a thread waits
// for in groups. Each is an agent of its own. The schedule says when it lands, at the latest when nothing
// else can run, and the judge orders it after its issue and before whoever has waited for it: block barriers
// alone do not. (The difference between the generic and the asynchronous proxy is not modelled.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "machine_parts.hpp"

namespace persistent_topk::emulator {

inline constexpr size_t kMaxStoreBytes = 16;

class Copies {
 public:
  // By the running thread. `barrier`: the mbarrier that learns of the landing; null: its open group.
  void start(void* to, const void* from, size_t bytes, const void* barrier, const void* pc);
  // The same of a value that the store keeps, into shared memory of the cluster. Who issued it may exit
  // while it flies; the CTA that it is for may not, nor before one of its threads has waited for it.
  void store(void* to, const void* value, size_t bytes, const void* barrier, const void* pc);
  void commit();                            // closes its open group
  void wait_groups(int left, const void* pc);  // for all its groups but the last `left`

  void init(const void* barrier, uint32_t arrivals);
  void arrive(const void* barrier, int64_t expected_bytes, const void* pc);
  bool passed(const void* barrier, uint32_t parity, const void* pc);  // the phase of that parity is over
  void wait_phase(const void* barrier, uint32_t parity, const void* pc);

  bool empty() const { return flying_.empty(); }
  void land(size_t index);
  size_t size() const { return flying_.size(); }
  void finish_thread(const Thread& self);       // fails if it exits too early
  void forget(uintptr_t begin, uintptr_t end);  // barriers in memory that starts a new life

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
    const Cta* owner = nullptr;  // of a store: whose shared memory it is for; null: a copy
    std::array<std::byte, kMaxStoreBytes> value = {};  // of a store

    const void* source() const { return owner ? value.data() : from; }
  };
  struct Stored {  // a store that has landed
    uint32_t agent, time;  // as stamped
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
    int64_t bytes = 0;     // expected and not landed; negative while they land before they are expected
    uint32_t phase = 0;    // completed ones
    Handover handover;     // from who arrived and what landed, to who waits
  };

  Copy issued(void* to, const void* from, size_t bytes, const void* barrier, const void* pc);
  Barrier& at(const void* barrier, const void* pc);
  void complete(Barrier& barrier);
  bool groups_flying(const Thread& thread, uint32_t before) const;
  void wake_waiters();

  std::vector<Copy> flying_;
  std::vector<Landed> landed_;
  std::unordered_map<const Cta*, std::vector<Stored>> stored_;  // in CTAs that have not exited
  std::vector<Thread*> waiters_;
  std::unordered_map<const void*, Barrier> barriers_;
};

}  // namespace persistent_topk::emulator
