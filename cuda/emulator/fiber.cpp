#include "fiber.hpp"

#include <cstdint>

namespace persistent_topk::emulator {

#ifdef PERSISTENT_TOPK_SWITCH_X86_64

// Saves what the System V ABI calls callee-saved: six registers. The floating-point control words
// are left alone, since no fiber changes them.
asm(R"(
.text
.type persistent_topk_switch_stacks, @function
persistent_topk_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size persistent_topk_switch_stacks, .-persistent_topk_switch_stacks
)");
extern "C" [[gnu::visibility("hidden")]] void persistent_topk_switch_stacks(void** from, void* to);

void prepare_context(Context& context, std::byte* stack, size_t stack_bytes, void (*entry)()) {
  constexpr size_t kAlignment = 16;  // of the stack at a call
  constexpr int kSavedRegisters = 6;
  const uintptr_t top = (reinterpret_cast<uintptr_t>(stack) + stack_bytes) & ~(kAlignment - 1);
  auto* word = reinterpret_cast<uintptr_t*>(top);
  *--word = 0;  // the return address of `entry`: none, and it ends a debugger's backtrace
  *--word = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--word = 0;
  context.stack_pointer = word;
}

void switch_context(Context& from, Context& to) {
  persistent_topk_switch_stacks(&from.stack_pointer, to.stack_pointer);
}

#else

void prepare_context(Context& context, std::byte* stack, size_t stack_bytes, void (*entry)()) {
  getcontext(&context.state);
  context.state.uc_stack.ss_sp = stack;
  context.state.uc_stack.ss_size = stack_bytes;
  context.state.uc_link = nullptr;
  makecontext(&context.state, entry, 0);
}

void switch_context(Context& from, Context& to) { swapcontext(&from.state, &to.state); }

#endif

}  // namespace persistent_topk::emulator
