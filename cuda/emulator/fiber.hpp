// A fiber: a stack and the place where it was left. One runs each CUDA thread.
#pragma once

#include <cstddef>

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(PERSISTENT_TOPK_UCONTEXT)
#define PERSISTENT_TOPK_SWITCH_BY_HAND 1
#else
#include <ucontext.h>
#endif

namespace persistent_topk::emulator {

// Where a fiber was left. The hand-written switch needs the stack pointer alone, since the rest lies
// on the stack; it takes a few nanoseconds, where swapcontext() makes two system calls.
struct Context {
#ifdef PERSISTENT_TOPK_SWITCH_BY_HAND
  void* stack_pointer = nullptr;
#else
  ucontext_t state;
#endif
};

// Makes `context` start `entry` on the given stack when it is first switched to; `entry` never returns.
void prepare_context(Context& context, std::byte* stack, size_t stack_bytes, void (*entry)());

// Leaves the running code in `from` and continues `to`.
void switch_context(Context& from, Context& to);

}  // namespace persistent_topk::emulator
