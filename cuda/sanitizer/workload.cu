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

#include "launch.cuh"

namespace workload {  // nvcc cannot register kernels of two unnamed namespaces

using persistent_topk::Plan;

constexpr int kOk = 0, kWrong = 1, kUsage = 2, kCudaFailed = 3;
constexpr int kColumnOffset = 1;  // rows start misaligned
constexpr int kManyRows = 150;    // more than an H100 has SMs: one CTA a row

#define CUDA_CHECK(call)                                                  \
  do {                                                                    \
    if (const cudaError_t error = (call); error != cudaSuccess) {         \
      std::fprintf(stderr, "%s: %s\n", #call, cudaGetErrorString(error)); \
      std::exit(kCudaFailed);                                             \
    }                                                                     \
  } while (false)

uint32_t random_state = 12345;
float uniform() {
  random_state = random_state * 1664525u + 1013904223u;
  return static_cast<float>(random_state >> 8) / static_cast<float>(1 << 24);
}

// What fills a row: spread values, one coarse bin (spills), many ties, special values.
enum Content { kSpread, kOneBin, kTies, kSpecial, kContents };

float logit(int content) {
  const float x = uniform();
  switch (content) {
    case kSpread: return 8 * x - 4;
    case kOneBin: return 1 + x / 64;
    case kTies: return static_cast<float>(static_cast<int>(x * 3));
    default: return x < 0.2f ? NAN : x < 0.4f ? INFINITY : x < 0.6f ? -0.0f : x < 0.8f ? 0.0f : 1e-40f;
  }
}

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

// One batch whose rows go through `lengths` and all contents; true if every row is right.
bool run_batch(int policy, const std::vector<int>& lengths, int rows, int columns, int k, Way way) {
  const int stride = columns + kColumnOffset;
  std::vector<float> logits(static_cast<size_t>(rows) * stride + kColumnOffset);
  std::vector<int32_t> row_lengths(rows), output(static_cast<size_t>(rows) * k);
  for (int row = 0; row < rows; ++row) {
    row_lengths[row] = lengths[row % lengths.size()];
    const int content = static_cast<int>(row / lengths.size()) % kContents;
    for (int column = 0; column < columns; ++column)
      logits[static_cast<size_t>(row) * stride + kColumnOffset + column] = logit(content);
  }
  TopkCall call{};
  call.rows = rows, call.columns = columns, call.k = k, call.policy = policy, call.row_stride = stride;
  call.cooperative = way.cooperative;
  int64_t workspace_bytes = 0;
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_workspace(&call, &workspace_bytes)));
  Plan plan{};
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_plan(&call, &plan)));
  float* device_logits = on_device(logits, logits.size());
  int32_t* device_lengths = on_device(row_lengths, row_lengths.size());
  int32_t* device_output = on_device(std::vector<int32_t>{}, output.size());
  void* trace = nullptr;
  if (way.tracing) {
    const size_t bytes = sizeof(persistent_topk::Trace) * rows * plan.ctas;
    CUDA_CHECK(cudaMalloc(&trace, bytes));
    CUDA_CHECK(cudaMemset(trace, 0, bytes));
  }
  call.logits = device_logits + kColumnOffset, call.lengths = device_lengths, call.output = device_output;
  call.trace = trace;
  call.workspace = on_device(std::vector<char>{}, workspace_bytes);
  CUDA_CHECK(static_cast<cudaError_t>(persistent_topk_launch(&call)));
  CUDA_CHECK(cudaDeviceSynchronize());
  CUDA_CHECK(
      cudaMemcpy(output.data(), device_output, output.size() * sizeof(int32_t), cudaMemcpyDeviceToHost));
  int wrong = 0;
  for (int row = 0; row < rows; ++row) {
    const int length = std::clamp(row_lengths[row], 0, columns);
    const float* begin = logits.data() + static_cast<size_t>(row) * stride + kColumnOffset;
    const auto expected = expected_row(begin, length, k);
    wrong += std::memcmp(expected.data(), &output[static_cast<size_t>(row) * k], k * sizeof(int32_t)) != 0;
  }
  std::printf("%d rows x %d, k %d, %d CTAs a row%s%s: %d wrong\n", rows, columns, k, plan.ctas,
              way.cooperative ? ", cooperative" : "", way.tracing ? ", traced" : "", wrong);
  for (void* memory : {static_cast<void*>(device_logits), static_cast<void*>(device_lengths),
                       static_cast<void*>(device_output), trace, call.workspace})
    CUDA_CHECK(cudaFree(memory));
  return wrong == 0;
}

// Rows of every path: trivial, decode, medium and large, at the policy's boundaries and well inside.
int run_clean(int policy_index) {
  const auto& policy = persistent_topk::kPolicies[policy_index];
  const int longest = 2 * policy.medium_max + 5;
  const std::vector<int> shared_rows = {0,      3, policy.decode_max, policy.split_min, policy.split_min + 1,
                                        longest};
  const std::vector<int> alone = {
      -1, 7, policy.decode_max - 1, policy.decode_max + 1, policy.medium_max, policy.medium_max + 1};
  bool right = true;
  for (const Way way : {Way{false, false}, {true, false}, {false, true}, {true, true}}) {
    right &= run_batch(policy_index, shared_rows, 4 * static_cast<int>(shared_rows.size()), longest, 20, way);
    right &= run_batch(policy_index, shared_rows, 3, longest, 1, way);
    right &= way.cooperative || run_batch(policy_index, alone, kManyRows, policy.medium_max + 1, 20, way);
  }
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
