// Where the operators find the kernel: its libraries are compiled and loaded by Python, one a device and
// dtype, when the first call asks for one.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>

#include "host/launch.cuh"

extern "C" {

// The C interface of a kernel's library, as far as a call needs it.
struct KernelLibrary {
  int (*launch)(const TopkCall* call);
  int (*workspace)(const TopkCall* call, int64_t* bytes);
};

// What Python answers. Texts live until the thread asks again.
struct Python {
  // Null, and *found is filled; or why there is none.
  const char* (*find)(int32_t device, int32_t dtype, KernelLibrary* found);
  // What to tell of a cudaError_t of this library.
  const char* (*explain)(int32_t device, int32_t dtype, int32_t error);
  // torch's current stream of a device; returns 0.
  int32_t (*current_stream)(int32_t device, void** stream);
};

}  // extern "C"

namespace persistent_topk::operators {

inline constexpr int kDevices = 64;
inline constexpr int kDtypes = 3;

// Which of the kernel's libraries takes these logits.
struct KernelKey {
  int32_t device;
  int32_t dtype;  // in the order of LOGITS_NAMES of structs.py
};

class Kernels {
 public:
  void ask(const Python& python) { python_ = python; }

  const KernelLibrary& of(const KernelKey& key) {
    if (key.device < 0 || key.device >= kDevices)
      throw std::runtime_error("the operators know 64 devices; expected one of them");
    std::atomic<const KernelLibrary*>& known = known_[key.device][key.dtype];
    const KernelLibrary* found = known.load(std::memory_order_acquire);
    if (found == nullptr) {
      // Two threads may both find it: the same library, kept as long as the process.
      KernelLibrary* made = new KernelLibrary;
      if (const char* why = python_.find(key.device, key.dtype, made); why != nullptr) {
        delete made;
        throw std::runtime_error(why);
      }
      known.store(made, std::memory_order_release);
      found = made;
    }
    return *found;
  }

  void check(const KernelKey& key, int error) const {
    if (error != 0) throw std::runtime_error(python_.explain(key.device, key.dtype, error));
  }

  cudaStream_t stream(int32_t device) const {
    void* stream = nullptr;
    if (python_.current_stream(device, &stream) != 0)
      throw std::runtime_error("torch has no current stream for the device of logits");
    return static_cast<cudaStream_t>(stream);
  }

 private:
  Python python_{};
  std::atomic<const KernelLibrary*> known_[kDevices][kDtypes] = {};
};

}  // namespace persistent_topk::operators
