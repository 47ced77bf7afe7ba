// What the kernel may touch: tensors, and the shared memory of resident CTAs. Every load and store of
// the kernel comes here, from the callbacks of -fsanitize=thread and from the dialect's atomics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "judge.hpp"
#include "launch.hpp"
#include "machine.hpp"

namespace persistent_topk::emulator {

// Zeroed lazily by the operating system: most launches touch little of a large array.
struct FreeMemory {
  void operator()(void* memory) const { free(memory); }
};
using Histories = std::unique_ptr<WordHistory[], FreeMemory>;

class Memory {
 public:
  explicit Memory(bool judges) : judges_(judges) {}
  void add(const Tensor& tensor);
  void prepare(int slots, size_t shared_bytes);
  void start_cta(int slot);
  void finish_thread(const Thread& thread);

  // Checks one access of the running thread; `pc` is the instruction behind it.
  void observe(const void* address, size_t bytes, Access access, const void* pc);
  // The CTA to whose shared memory an asynchronous store of the running thread goes, and its mbarrier.
  const Cta& owner_of_store(const void* to, size_t bytes, const void* barrier, const void* pc) const;
  // After the launch: the first element of a kMustBe tensor that nothing wrote, or "".
  std::string first_unwritten() const;

  SyncWords sync_words;

 private:
  struct Region {
    Tensor tensor;
    uintptr_t begin, end;             // end: behind the last row's last column
    int64_t row_bytes, stride_bytes;
    std::vector<uint8_t> written;     // a byte each, where reads need a write before
    Histories histories;              // a word each, where the kernel may write
  };

  // Judges an access of words whose history begins with that of the word at `base`; `name` tells them.
  void judge_words(WordHistory* histories, uintptr_t base, uintptr_t address, size_t bytes, Access access,
                   const void* pc, const char* name);
  size_t offset_of(uintptr_t address, size_t bytes, const char* verb, const void* pc) const;
  void check_reach(const Cta& owner, const char* verb, const void* pc) const;
  void check_peer(Cta& owner, Access access, const void* pc) const;
  void observe_shared(uintptr_t address, size_t bytes, Access access, const void* pc);
  void observe_region(Region& region, uintptr_t address, size_t bytes, Access access, const void* pc);
  void observe_elsewhere(uintptr_t address, size_t bytes, Access access, const void* pc);
  std::string describe_near(uintptr_t address) const;

  bool judges_;
  std::vector<Region> regions_;
  size_t last_region_ = 0;  // most accesses hit the one that the access before hit
  uintptr_t row_begin_ = 0, row_end_ = 0;  // of the row read last from a read-only tensor
  size_t shared_bytes_ = 0;
  std::vector<uint8_t> shared_written_;  // a byte each of every slot's shared memory
  size_t shared_words_ = 0;
  Histories shared_histories_;  // a word each of it
};

extern Memory* memory;

}  // namespace persistent_topk::emulator
