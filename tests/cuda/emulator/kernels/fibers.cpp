// Two fibers that take turns, on whichever switch the build chose. Each has a value of its own in every
// register that a function must preserve.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "fiber.hpp"

using namespace persistent_topk::emulator;

#if defined(__x86_64__)
#define INTEGERS(of) of(rbx) of(rbp) of(r12) of(r13) of(r14) of(r15)
#define FLOATS(of)
#elif defined(__aarch64__)
#define INTEGERS(of) of(x19) of(x20) of(x21) of(x22) of(x23) of(x24) of(x25) of(x26) of(x27) of(x28)
#define FLOATS(of) of(d8) of(d9) of(d10) of(d11) of(d12) of(d13) of(d14) of(d15)
#else
#define INTEGERS(of)
#define FLOATS(of)
#endif

namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kAlignment = 16;  // of the stack at a call
constexpr int kTurns = 4;
Context host, first, second;
int turns = 0;
volatile int seed = 1;  // so that the compiler knows no value

void check(const char* name, double found, int expected) {
  if (found != expected) std::printf(" %s is lost ", name);
}

// A fiber's life: it says its letter and lets the other one run, over and over.
template <char kLetter, Context& kOwn, Context& kOther>
void take_turns() {
  for (;;) {
    std::putchar(kLetter);
    Context& next = ++turns == 2 * kTurns ? host : kOther;
    int value = kLetter * seed;
#define LOAD(name)                            \
  register int64_t name asm(#name) = ++value; \
  asm volatile("" : "+r"(name));
    INTEGERS(LOAD)
#undef LOAD
#define LOAD(name)                           \
  register double name asm(#name) = ++value; \
  asm volatile("" : "+w"(name));
    FLOATS(LOAD)
#undef LOAD
    switch_context(kOwn, next);
    int expected = kLetter * seed;
#define CHECK(name)              \
  asm volatile("" : "+r"(name)); \
  const int64_t kept_##name = name;
    INTEGERS(CHECK)
#undef CHECK
#define CHECK(name)              \
  asm volatile("" : "+w"(name)); \
  const double kept_##name = name;
    FLOATS(CHECK)
#undef CHECK
#define CHECK(name) check(#name, static_cast<double>(kept_##name), ++expected);
    INTEGERS(CHECK)
    FLOATS(CHECK)
#undef CHECK
  }
}

void tell_alignment() {
  const bool aligned = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % kAlignment == 0;
  std::puts(aligned ? "aligned" : "not aligned");
  switch_context(first, host);
}

}  // namespace

int main() {
  std::vector<std::byte> stacks(2 * kStackBytes);
  prepare_context(first, stacks.data(), kStackBytes, tell_alignment);
  switch_context(host, first);
  prepare_context(first, stacks.data(), kStackBytes, take_turns<'a', first, second>);
  prepare_context(second, stacks.data() + kStackBytes, kStackBytes, take_turns<'b', second, first>);
  switch_context(host, first);
}
