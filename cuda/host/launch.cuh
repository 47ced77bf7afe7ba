// What the parts of the library share: a compiled policy as launch.cu sees it, and the C interface.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernel/persistent.cuh"
#include "kernel/plan.cuh"

namespace persistent_topk {

using Kernel = void (*)(TopkParams);

struct EntryPoint {
  Kernel kernels[2];  // [tracing]
  size_t shared_bytes;
};

// One compiled policy.
struct Instance {
  EntryPoint entries[kEntries];
  int threads;
  size_t area_bytes;  // of a row's mail in the workspace
};

// Defined by instance.cu, which is compiled once a policy, all at the same time.
template <int kPolicyIndex>
Instance instance();

}  // namespace persistent_topk

extern "C" {

// What Python passes: `policy` is an index into kPolicies or kChoosePolicy; `trace` is null or room
// for [rows, plan.records] zeroed records.
struct TopkCall {
  persistent_topk::Call call;
  void* trace;
  void* workspace;
  cudaStream_t stream;
  int32_t policy;
  int32_t device;
  int32_t cooperative;  // for tests: teams without clusters, on devices that have them too
};

// Each returns a cudaError_t; none allocates device memory or waits for the device.
int persistent_topk_limits(int device, persistent_topk::DeviceLimits* limits);
int persistent_topk_plan(const TopkCall* call, persistent_topk::Plan* plan);
int persistent_topk_launch(const TopkCall* call);
// Bytes of workspace for the call, or for any of as many rows and columns at most and the same policy.
int persistent_topk_workspace(const TopkCall* call, int64_t* bytes);
// Registers a thread and bytes of local memory (spills) of an instantiation, for records.
int persistent_topk_usage(int policy, int tracing, int* registers, int* local_bytes);

int persistent_topk_trace_bytes();
const char* persistent_topk_failed_call();
const char* persistent_topk_error_name(int error);
const char* persistent_topk_error_text(int error);

}  // extern "C"
