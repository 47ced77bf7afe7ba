// What the compiler calls from instrumented code: __tsan_* before every load and store
// (-fsanitize=thread), __ubsan_handle_* on undefined behaviour (-fsanitize=undefined). They stand in
// for the sanitizers' runtimes, which are not linked.
#include <cstring>

#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {
namespace {

[[gnu::always_inline]] inline void observe(const void* address, size_t bytes, Access access, const void* pc) {
  if (current) memory->observe(address, bytes, access, pc);  // host code of the same file is not judged
}

// A volatile access is where a kernel polls or publishes without atomics: others may get in first. The
// hardware makes it a relaxed one.
[[gnu::always_inline]] inline void observe_volatile(const void* address, size_t bytes, Access access,
                                                    const void* pc) {
  if (!current) return;
  machine->poll(address, pc);
  memory->observe(address, bytes, access, pc);
  const auto word = reinterpret_cast<uintptr_t>(address);
  if (access == Access::kAtomicRead)
    memory->sync_words.read(word, Order::kRelaxed);
  else
    memory->sync_words.write(word, Order::kRelaxed, false);
}

}  // namespace
}  // namespace persistent_topk::emulator

using persistent_topk::emulator::Access;
using persistent_topk::emulator::observe;
using persistent_topk::emulator::observe_volatile;

#define CALLBACK extern "C" [[gnu::visibility("hidden")]] void
#define ACCESS_CALLBACKS(bytes)                                                                             \
  CALLBACK __tsan_read##bytes(void* p) { observe(p, bytes, Access::kRead, __builtin_return_address(0)); }   \
  CALLBACK __tsan_write##bytes(void* p) { observe(p, bytes, Access::kWrite, __builtin_return_address(0)); } \
  CALLBACK __tsan_unaligned_read##bytes(void* p) {                                                          \
    observe(p, bytes, Access::kRead, __builtin_return_address(0));                                          \
  }                                                                                                         \
  CALLBACK __tsan_unaligned_write##bytes(void* p) {                                                         \
    observe(p, bytes, Access::kWrite, __builtin_return_address(0));                                         \
  }                                                                                                         \
  CALLBACK __tsan_volatile_read##bytes(void* p) {                                                           \
    observe_volatile(p, bytes, Access::kAtomicRead, __builtin_return_address(0));                           \
  }                                                                                                         \
  CALLBACK __tsan_volatile_write##bytes(void* p) {                                                          \
    observe_volatile(p, bytes, Access::kAtomicWrite, __builtin_return_address(0));                          \
  }                                                                                                         \
  CALLBACK __tsan_unaligned_volatile_read##bytes(void* p) {                                                 \
    observe_volatile(p, bytes, Access::kAtomicRead, __builtin_return_address(0));                           \
  }                                                                                                         \
  CALLBACK __tsan_unaligned_volatile_write##bytes(void* p) {                                                \
    observe_volatile(p, bytes, Access::kAtomicWrite, __builtin_return_address(0));                          \
  }

ACCESS_CALLBACKS(1)
ACCESS_CALLBACKS(2)
ACCESS_CALLBACKS(4)
ACCESS_CALLBACKS(8)
ACCESS_CALLBACKS(16)

CALLBACK __tsan_read_range(void* p, size_t bytes) {
  observe(p, bytes, Access::kRead, __builtin_return_address(0));
}
CALLBACK __tsan_write_range(void* p, size_t bytes) {
  observe(p, bytes, Access::kWrite, __builtin_return_address(0));
}
CALLBACK __tsan_init() {}
CALLBACK __tsan_func_entry(void*) {}
CALLBACK __tsan_func_exit() {}

// dialect.hpp renames the instrumented file's memory functions to these, since calls to them are not
// instrumented. (Not built-ins here: they would be turned into calls of themselves.)
extern "C" [[gnu::visibility("hidden")]] void* persistent_topk_memcpy(void* to, const void* from,
                                                                      size_t bytes) {
  observe(from, bytes, Access::kRead, __builtin_return_address(0));
  observe(to, bytes, Access::kWrite, __builtin_return_address(0));
  return memcpy(to, from, bytes);
}

extern "C" [[gnu::visibility("hidden")]] void* persistent_topk_memmove(void* to, const void* from,
                                                                       size_t bytes) {
  observe(from, bytes, Access::kRead, __builtin_return_address(0));
  observe(to, bytes, Access::kWrite, __builtin_return_address(0));
  return memmove(to, from, bytes);
}

extern "C" [[gnu::visibility("hidden")]] void* persistent_topk_memset(void* to, int value, size_t bytes) {
  observe(to, bytes, Access::kWrite, __builtin_return_address(0));
  return memset(to, value, bytes);
}

// Undefined behaviour. Every report begins with the place in the source.
namespace persistent_topk::emulator {
namespace {

struct SourceLocation {
  const char* file;
  uint32_t line;
  uint32_t column;
};

void undefined(const char* what, const void* data) {
  if (!current) return;
  const auto& place = *static_cast<const SourceLocation*>(data);
  const char* slash = strrchr(place.file, '/');
  fail("undefined-behaviour", nullptr, "%s, at %s:%u", what, slash ? slash + 1 : place.file, place.line);
}

}  // namespace
}  // namespace persistent_topk::emulator

#define UNDEFINED(name, what, ...)                                        \
  CALLBACK __ubsan_handle_##name(void* data __VA_OPT__(, ) __VA_ARGS__) { \
    persistent_topk::emulator::undefined(what, data);                     \
  }

UNDEFINED(shift_out_of_bounds, "shift by more than the width, or of a negative value", void*, void*)
UNDEFINED(out_of_bounds, "array index out of bounds", void*)
UNDEFINED(add_overflow, "signed addition overflows", void*, void*)
UNDEFINED(sub_overflow, "signed subtraction overflows", void*, void*)
UNDEFINED(mul_overflow, "signed multiplication overflows", void*, void*)
UNDEFINED(negate_overflow, "negation overflows", void*)
UNDEFINED(divrem_overflow, "division by zero or overflowing division", void*, void*)
UNDEFINED(load_invalid_value, "a value that its type does not have", void*)
UNDEFINED(nonnull_arg, "null where an argument must not be")
UNDEFINED(builtin_unreachable, "code that must not be reached")
UNDEFINED(missing_return, "no return from a function with a result")
UNDEFINED(pointer_overflow, "pointer arithmetic overflows", void*, void*)
UNDEFINED(type_mismatch_v1, "misaligned or null pointer", void*)
