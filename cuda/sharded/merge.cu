// The host side of the merge behind a plain C interface, as launch.cu is that of the kernel. Every function
// that returns an int returns a cudaError_t.
#include <cuda_runtime.h>

#include "merge.cuh"

namespace persistent_topk {
namespace {

constexpr int kMergePolicy = 0;  // kLatency: its tile has room for eight lists of 2048
using Storage = MergeStorage<kPolicies[kMergePolicy]>;

thread_local const char* failed_call = "";

int checked(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return error;
  failed_call = call;
  cudaGetLastError();  // a code that is kept would fail the caller's next call
  return error;
}

}  // namespace
}  // namespace persistent_topk

extern "C" {

using namespace persistent_topk;

int persistent_topk_merge_slots() { return Storage::kSlots; }
int persistent_topk_merge_ranks() { return kMaxRanks; }

// Once for each device, which is the current one, and before a graph is captured: it loads the code.
int persistent_topk_merge_prepare() {
  return checked(cudaFuncSetAttribute(merge_kernel<kMergePolicy>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      sizeof(Storage)),
                 "cudaFuncSetAttribute");
}

// On the current device; neither allocates nor waits. `overlaps`: whether the device lets it start early.
int persistent_topk_merge_launch(const MergeParams* params, int overlaps, void* stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(params->rows);
  config.blockDim = dim3(kPolicies[kMergePolicy].threads);
  config.dynamicSmemBytes = sizeof(Storage);
  config.stream = static_cast<cudaStream_t>(stream);
  config.attrs = &attribute;
  config.numAttrs = overlaps ? 1 : 0;
  return checked(cudaLaunchKernelEx(&config, merge_kernel<kMergePolicy>, *params), "cudaLaunchKernelEx");
}

const char* persistent_topk_failed_call() { return failed_call; }
const char* persistent_topk_error_name(int error) {
  return cudaGetErrorName(static_cast<cudaError_t>(error));
}
const char* persistent_topk_error_text(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // extern "C"
