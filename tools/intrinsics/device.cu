// Runs intrinsics.cuh on a GPU. Operations are numbered scalar, warp, atomic, vote.
#include <cuda_runtime.h>

#include "intrinsics.cuh"

namespace {

using namespace persistent_topk::intrinsics;

void launch(Parameters parameters) {
  const int operation = parameters.operation;
  if (operation < kScalars) {
    scalar_kernel<<<1, kLanes>>>(parameters);
  } else if (operation < kScalars + kWarps) {
    parameters.operation = operation - kScalars;
    warp_kernel<<<1, kLanes>>>(parameters);
  } else if (operation < kScalars + kWarps + kAtomics) {
    parameters.operation = operation - kScalars - kWarps;
    atomic_kernel<<<1, kLanes>>>(parameters);
  } else {
    parameters.operation = operation - kScalars - kWarps - kAtomics;
    vote_kernel<<<1, kVoteThreads>>>(parameters);
  }
}

}  // namespace

extern "C" int intrinsics_count() { return kOperations; }
extern "C" const char* intrinsics_name(int operation) { return kNames[operation]; }

extern "C" int intrinsics_run(const Parameters* parameters) {
  launch(*parameters);
  const cudaError_t error = cudaGetLastError();
  return error != cudaSuccess ? error : cudaDeviceSynchronize();
}
