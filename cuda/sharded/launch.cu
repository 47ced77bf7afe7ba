// The host side of what ranks do beside the local selection, behind a plain C interface as the kernel's own.
// Every function that prepares or launches returns a cudaError_t.
#include <cuda_runtime.h>

#include "digits.cuh"
#include "merge.cuh"

namespace persistent_topk {
namespace {

constexpr int kMergePolicy = 0;  // kLatency: its tile has room for eight lists of 2048

thread_local const char* failed_call = "";

int checked(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return error;
  failed_call = call;
  cudaGetLastError();  // a code that is kept would fail the caller's next call
  return error;
}

// One CTA a row.
template <class Params>
int launch(void (*kernel)(Params), const Params& params, int threads, size_t shared_bytes, int overlaps,
           void* stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(params.rows);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream);
  config.attrs = &attribute;
  config.numAttrs = overlaps ? 1 : 0;
  return checked(cudaLaunchKernelEx(&config, kernel, params), "cudaLaunchKernelEx");
}

}  // namespace
}  // namespace persistent_topk

extern "C" {

using namespace persistent_topk;

int persistent_topk_merge_slots() { return MergeStorage<kPolicies[kMergePolicy]>::kSlots; }
int persistent_topk_merge_ranks() { return kMaxRanks; }

// Once for each device, which is the current one, and before a graph is captured: it loads the code.
int persistent_topk_sharded_prepare() {
  cudaFuncAttributes attributes{};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, stage_kernel);
  if (error != cudaSuccess) return checked(error, "cudaFuncGetAttributes");
  return checked(cudaFuncSetAttribute(merge_kernel<kMergePolicy>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      sizeof(MergeStorage<kPolicies[kMergePolicy]>)),
                 "cudaFuncSetAttribute");
}

// On the current device; neither allocates nor waits. `overlaps`: whether the device lets launches start
// early.
int persistent_topk_merge_launch(const MergeParams* params, int overlaps, void* stream) {
  constexpr int kThreads = kPolicies[kMergePolicy].threads;
  constexpr size_t kSharedBytes = sizeof(MergeStorage<kPolicies[kMergePolicy]>);
  return launch(merge_kernel<kMergePolicy>, *params, kThreads, kSharedBytes, overlaps, stream);
}

int persistent_topk_stage_launch(const StageParams* params, int overlaps, void* stream) {
  return launch(stage_kernel, *params, kStageThreads, sizeof(StageStorage), overlaps, stream);
}

const char* persistent_topk_failed_call() { return failed_call; }
const char* persistent_topk_error_name(int error) {
  return cudaGetErrorName(static_cast<cudaError_t>(error));
}
const char* persistent_topk_error_text(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // extern "C"
