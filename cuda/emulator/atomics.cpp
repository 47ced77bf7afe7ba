// Atomics, fences and polling. One thread runs at a time, so an atomic is a plain access, with a
// decision point before it: others may get in first.
#include <cstring>

#include "device.hpp"
#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

namespace {

constexpr int kBytes = sizeof(uint32_t);

uint32_t load(const void* word) {
  uint32_t value;
  memcpy(&value, word, kBytes);
  return value;
}

uint32_t updated(Update operation, uint32_t old, uint32_t operand, uint32_t compare) {
  const auto less = [](uint32_t a, uint32_t b) { return static_cast<int32_t>(a) < static_cast<int32_t>(b); };
  switch (operation) {
    case Update::kAdd: return old + operand;
    case Update::kMinI: return less(operand, old) ? operand : old;
    case Update::kMaxI: return less(old, operand) ? operand : old;
    case Update::kMinU: return operand < old ? operand : old;
    case Update::kMaxU: return old < operand ? operand : old;
    case Update::kExchange: return operand;
    case Update::kCompareSwap: return old == compare ? operand : old;
    case Update::kAnd: return old & operand;
    case Update::kOr: return old | operand;
    case Update::kXor: return old ^ operand;
    case Update::kInc: return old >= operand ? 0 : old + 1;
    case Update::kDec: return old == 0 || old > operand ? operand : old - 1;
  }
  return old;
}

void begin(const void* word, Access access, const void* pc) {
  ++machine->statistics.atomics;
  machine->poll(word, pc);
  if (reinterpret_cast<uintptr_t>(word) % kBytes != 0)
    fail("misaligned", pc, "accesses %d bytes atomically at address %p", kBytes, word);
  memory->observe(word, kBytes, access, pc);
}

}  // namespace

uint32_t update(Update operation, void* word, uint32_t operand, uint32_t compare, Order order) {
  begin(word, Access::kAtomicUpdate, __builtin_return_address(0));
  const auto address = reinterpret_cast<uintptr_t>(word);
  memory->sync_words.read(address, order);
  const uint32_t old = load(word);
  const uint32_t now = updated(operation, old, operand, compare);
  memcpy(word, &now, kBytes);
  memory->sync_words.write(address, order, true);
  machine->progress += now != old;
  return old;
}

uint32_t load_atomic(const void* word, Order order) {
  begin(word, Access::kAtomicRead, __builtin_return_address(0));
  memory->sync_words.read(reinterpret_cast<uintptr_t>(word), order);
  return load(word);
}

void store_atomic(void* word, uint32_t value, Order order) {
  begin(word, Access::kAtomicWrite, __builtin_return_address(0));
  memory->sync_words.write(reinterpret_cast<uintptr_t>(word), order, false);
  memcpy(word, &value, kBytes);
}

void fence(Scope scope) {
  machine->decide();
  fence_memory(scope);
}

void spin_pause() {
  Thread& self = *current;
  // A second look without a store in between sees what the first saw: only a store can wake it then.
  self.spin_needs_store = self.spin_progress == machine->progress;
  self.spin_progress = machine->progress;
  machine->wait(Wait::kSpin, __builtin_return_address(0));
}

void load_bytes(void* to, const void* from, int bytes) {
  if (reinterpret_cast<uintptr_t>(from) % bytes != 0)
    fail("misaligned", __builtin_return_address(0), "reads a vector of %d bytes at address %p", bytes, from);
  memory->observe(from, bytes, Access::kRead, __builtin_return_address(0));
  memcpy(to, from, bytes);
}

void store_bytes(void* to, const void* from, int bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0)
    fail("misaligned", __builtin_return_address(0), "writes a vector of %d bytes at address %p", bytes, to);
  memory->observe(to, bytes, Access::kWrite, __builtin_return_address(0));
  memcpy(to, from, bytes);
}

}  // namespace persistent_topk::emulator
