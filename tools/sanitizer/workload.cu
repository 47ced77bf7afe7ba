// A program without torch for compute-sanitizer to watch: every path of the kernel under the small
// policies, or one planted bug that a tool must catch.
//   workload clean POLICY       exit 0: every row is the contract's, 1: some row is wrong
//   workload plant BUG          out-of-bounds, race, uninitialised, uninitialised-shared, barrier
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include "batches.cuh"
#include "host/launch.cuh"

namespace workload {  // nvcc cannot register kernels of two unnamed namespaces

using persistent_topk::Plan;

constexpr int kOk = 0, kWrong = 1, kUsage = 2, kCudaFailed = 3;
constexpr int kDevice = 0;

#define CUDA_CHECK(call)                                                  \
  do {                                                                    \
    if (const cudaError_t error = (call); error != cudaSuccess) {         \
      std::fprintf(stderr, "%s: %s\n", #call, cudaGetErrorString(error)); \
      std::exit(kCudaFailed);                                             \
    }                                                                     \
  } while (false)

std::vector<int32_t> expected_row(const float* row, int length, int k) {
  std::vector<int32_t> columns(std::max(length, 0));
  std::iota(columns.begin(), columns.end(), 0);
  std::stable_sort(columns.begin(), columns.end(), [&](int a, int b) {
    return persistent_topk::ordered_key(row[a]) > persistent_topk::ordered_key(row[b]);
  });
  if (static_cast<int>(columns.size()) > k) columns.resize(k);
  std::sort(columns.begin(), columns.end());
  columns.resize(k, persistent_topk::kPadding);
  return columns;
}

template <class T>
T* on_device(const std::vector<T>& values, size_t count) {
  T* memory = nullptr;
  CUDA_CHECK(cudaMalloc(&memory, std::max<size_t>(count, 1) * sizeof(T)));
  if (!values.empty())
    CUDA_CHECK(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return memory;
}

// How a batch is run; `cooperative`: rows are shared as where there are no clusters.
struct Way {
  bool tracing;
  bool cooperative;
};

// How many rows of the output are not the contract's.
int wrong_rows(const Batch& batch, const std::vector<float>& logits, const std::vector<int32_t>& output) {
  int wrong = 0;
  for (int row = 0; row < batch.rows; ++row) {
    const float* begin = logits.data() + static_cast<size_t>(row) * batch.stride() + kFirstColumn;
    const auto expected = expected_row(begin, batch.columns_of(row), batch.k);
    const int32_t* selected = &output[static_cast<size_t>(row) * batch.k];
    wrong += std::memcmp(expected.data(), selected, batch.k * sizeof(int32_t)) != 0;
  }
  return wrong;
}

// Its tensors are missing.
persistent_topk::Call plain_call(const Batch& batch) {
  persistent_topk::Call call{};
  call.rows = batch.rows, call.columns = batch.columns, call.k = batch.k;
  call.row_stride = batch.stride(), call.output_stride = batch.k;
  call.queries = call.compress_ratio = 1;
  return call;
}

// True if every row is right.
bool run_batch(int policy, const Batch& batch, Way way) {
  TopkCall call{};
  call.call = plain_call(batch);
  call.policy = policy, call.device = kDevice, call.cooperative = way.cooperative;
  int64_t workspace_bytes = 0;
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_workspace(&call, &workspace_bytes)));
  Plan plan{};
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_plan(&call, &plan)));
  const std::vector<float> logits = logits_of(batch, plan.ctas, persistent_topk::kPolicies[policy]);
  std::vector<int32_t> lengths(batch.rows), output(static_cast<size_t>(batch.rows) * batch.k);
  for (int row = 0; row < batch.rows; ++row) lengths[row] = batch.length(row);
  float* device_logits = on_device(logits, logits.size());
  int32_t* device_lengths = on_device(lengths, lengths.size());
  int32_t* device_output = on_device(std::vector<int32_t>{}, output.size());
  if (way.tracing) {
    const size_t bytes = sizeof(persistent_topk::Trace) * batch.rows * persistent_topk::most_ctas(plan);
    CUDA_CHECK(cudaMalloc(&call.trace, bytes));
    CUDA_CHECK(cudaMemset(call.trace, 0, bytes));
  }
  call.call.logits = device_logits + kFirstColumn;
  call.call.lengths = device_lengths, call.call.output = device_output;
  call.workspace = on_device(std::vector<char>{}, workspace_bytes);
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_launch(&call)));
  CUDA_CHECK(cudaDeviceSynchronize());
  CUDA_CHECK(
      cudaMemcpy(output.data(), device_output, output.size() * sizeof(int32_t), cudaMemcpyDeviceToHost));
  const int wrong = wrong_rows(batch, logits, output);
  std::printf("%d rows x %d, k %d, %d CTAs a row%s%s: %d wrong\n", batch.rows, batch.columns, batch.k,
              plan.ctas, way.cooperative ? ", cooperative" : "", way.tracing ? ", traced" : "", wrong);
  for (void* memory : {static_cast<void*>(device_logits), static_cast<void*>(device_lengths),
                       static_cast<void*>(device_output), call.trace, call.workspace})
    CUDA_CHECK(cudaFree(memory));
  return wrong == 0;
}

// Every path and stage, by every entry of the kernel: tests/tools/test_sanitizer_batches.py holds the
// batches to that.
int run_clean(int policy) {
  DeviceLimits limits{};
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_limits(kDevice, &limits)));
  bool right = true;
  for (const Way way : {Way{false, false}, {true, false}, {false, true}, {true, true}})
    for (const Batch& batch : batches_of(persistent_topk::kPolicies[policy], limits, way.cooperative))
      right &= run_batch(policy, batch, way);
  return right ? kOk : kWrong;
}

constexpr int kPlantedThreads = 64;

__global__ void out_of_bounds(int* memory) { memory[kPlantedThreads + threadIdx.x] = 1; }

__global__ void race(int* memory) {
  __shared__ int shared[kPlantedThreads];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  memory[threadIdx.x] = shared[kPlantedThreads - 1 - threadIdx.x];  // no barrier in between
}

__global__ void uninitialised(int* memory) { memory[threadIdx.x] += 1; }

__global__ void uninitialised_shared(int* memory) {
  __shared__ int shared[kPlantedThreads];
  if (threadIdx.x == 0) shared[0] = 1;
  __syncthreads();
  memory[threadIdx.x] = shared[threadIdx.x];
}

__global__ void barrier(int* memory) {
  if (threadIdx.x < 16) __syncthreads();  // half of a warp
  memory[threadIdx.x] = 1;
}

int run_planted(const char* bug) {
  int* memory = nullptr;
  CUDA_CHECK(cudaMalloc(&memory, kPlantedThreads * sizeof(int)));
  const struct {
    const char* name;
    void (*kernel)(int*);
  } planted[] = {{"out-of-bounds", out_of_bounds},
                 {"race", race},
                 {"uninitialised", uninitialised},
                 {"uninitialised-shared", uninitialised_shared},
                 {"barrier", barrier}};
  for (const auto& plant : planted)
    if (std::strcmp(plant.name, bug) == 0) {
      plant.kernel<<<1, kPlantedThreads>>>(memory);
      cudaDeviceSynchronize();  // the tool reports; what the launch says does not matter
      return kOk;
    }
  return kUsage;
}

}  // namespace workload

int main(int count, char** words) {
  using namespace workload;
  if (count != 3) return kUsage;
  if (std::strcmp(words[1], "plant") == 0) return run_planted(words[2]);
  for (int index = 0; index < persistent_topk::kPolicyCount; ++index)
    if (std::strcmp(persistent_topk::kPolicyNames[index], words[2]) == 0) return run_clean(index);
  return kUsage;
}
