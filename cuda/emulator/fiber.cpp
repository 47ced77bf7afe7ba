#include "fiber.hpp"

#include <algorithm>
#include <cstdint>

namespace persistent_topk::emulator {

#ifdef PERSISTENT_TOPK_SWITCH_BY_HAND

// The switch pushes the registers that a function must preserve, exchanges the stack pointer and pops them.
// The floating-point control registers are left alone, since no fiber changes them. `kFrameWords`: what lies
// on the stack of a fiber that does not run, of which `kEntryWord` is where it goes on. All others are zero
// at its start; so is what it could return to, which ends a debugger's backtrace.
#if defined(__x86_64__)

// Source: System V ABI, AMD64 supplement, 3.2.1: rbx, rbp, r12 to r15. At a function's first instruction
// the stack is 8 bytes off its alignment.
constexpr int kFrameWords = 8;
constexpr int kEntryWord = 6;  // behind it the return address of the entry
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

#elif defined(__aarch64__)

// Source: AAPCS64, 6.1: x19 to x28, the frame pointer x29, the link register x30, the low halves of v8 to
// v15.
constexpr int kFrameWords = 20;
constexpr int kEntryWord = 11;
asm(R"(
.text
.type persistent_topk_switch_stacks, @function
persistent_topk_switch_stacks:
  stp x19, x20, [sp, #-160]!
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x19, x20, [sp], #160
  ret
.size persistent_topk_switch_stacks, .-persistent_topk_switch_stacks
)");

#endif

extern "C" [[gnu::visibility("hidden")]] void persistent_topk_switch_stacks(void** from, void* to);

void prepare_context(Context& context, std::byte* stack, size_t stack_bytes, void (*entry)()) {
  constexpr size_t kAlignment = 16;  // of the stack at a call
  const uintptr_t top = (reinterpret_cast<uintptr_t>(stack) + stack_bytes) & ~(kAlignment - 1);
  auto* frame = reinterpret_cast<uintptr_t*>(top) - kFrameWords;
  std::fill_n(frame, kFrameWords, 0);
  frame[kEntryWord] = reinterpret_cast<uintptr_t>(entry);
  context.stack_pointer = frame;
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
