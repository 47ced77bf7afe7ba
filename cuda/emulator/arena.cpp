#include "arena.hpp"

#include <sys/mman.h>

#include <new>

namespace persistent_topk::emulator {

Arena stacks;
Arena shared_arena;

std::byte* Arena::reserve(size_t bytes) {
  if (bytes <= bytes_) return begin_;
  if (begin_) munmap(begin_, bytes_);
  begin_ = nullptr;
  bytes_ = 0;
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(memory);
  bytes_ = bytes;
  return begin_;
}

}  // namespace persistent_topk::emulator
