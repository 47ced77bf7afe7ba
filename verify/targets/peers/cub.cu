// CUB's DeviceBatchedTopK behind a C interface: timed beside our kernel, an adapter of the checker, and a
// second oracle. The headers come from a package (see cub.py) and lie on the include path before the
// toolkit's own. Nothing here allocates or waits, so that a launch can be captured.
//
// CCCL 3.5 rejects every requirement but (not_guaranteed, unspecified, unsorted) when it is compiled, and a
// row must fit one block. From 3.6 on, sm_90 and newer also take (gpu_to_gpu, prefer_smaller_index,
// unsorted), and rows of 2^21 columns. Neither gives an order by index.
//
// nvcc 13.0 evaluates an assertion of CCCL 3.6 in a branch that is not taken; its own tests define this.
#define CUB_DISABLE_TOPK_UNSUPPORTED_ARCH_ASSERT
#include <cuda/__execution/determinism.h>
#include <cuda/__execution/output_ordering.h>
#include <cuda/__execution/require.h>
#include <cuda/__execution/tie_break.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cub/device/device_batched_topk.cuh>
#include <cuda/argument>
#include <cuda/iterator>
#include <cuda/std/execution>
#include <cuda/stream_ref>

namespace {

namespace execution = ::cuda::execution;

constexpr int kFirstWithTies = 3006000;  // CCCL_VERSION
constexpr bool kTakesTies = CCCL_VERSION >= kFirstWithTies;
constexpr int kFirstWithClusters = 9;    // sm_90
constexpr int32_t kMostK = 4096;
// Compile-time bounds of a row's length: CUB picks its algorithm by them, so short rows have one of theirs.
constexpr int32_t kShortColumns = 4096;
constexpr int32_t kBlockColumns = 8192;      // keys and indices that fit the block of CCCL 3.5
constexpr int32_t kClusterColumns = 1 << 21;
constexpr int32_t kMostColumns = kTakesTies ? kClusterColumns : kBlockColumns;

}  // namespace

extern "C" {

// `values` (rows x k) and `storage` are scratch; `output` (rows x k) is written in its first min(k, n)
// slots of a row alone.
struct CubCall {
  const float* logits;
  int64_t row_stride;  // elements
  const int32_t* lengths;
  float* values;
  int32_t* output;
  void* storage;
  size_t storage_bytes;
  cudaStream_t stream;
  int32_t rows;
  int32_t columns;
  int32_t k;
  int32_t ties;  // 1: prefer_smaller_index
};

}  // extern "C"

namespace {

// The start of each row: an iterator over pointers.
template <typename T>
struct RowStart {
  T* base;
  int64_t stride;
  __host__ __device__ T* operator()(int64_t row) const { return base + row * stride; }
};

template <typename T>
auto rows_of(T* base, int64_t stride) {
  return ::cuda::transform_iterator(::cuda::counting_iterator<int64_t>{0}, RowStart<T>{base, stride});
}

template <int32_t kBound, typename Requirements>
cudaError_t call_bounded(const CubCall& call, size_t& bytes, const Requirements& required) {
  const auto lengths = ::cuda::args::deferred_sequence{call.lengths, ::cuda::args::bounds<0, kBound>(),
                                                       ::cuda::args::bounds(0, call.columns)};
  const auto k = ::cuda::args::immediate{call.k, ::cuda::args::bounds<1, kMostK>()};
  const auto environment = ::cuda::std::execution::env{::cuda::stream_ref{call.stream}, required};
  return cub::DeviceBatchedTopK::MaxPairs(call.storage, bytes, rows_of(call.logits, call.row_stride),
                                          rows_of(call.values, static_cast<int64_t>(call.k)),
                                          ::cuda::constant_iterator{::cuda::counting_iterator<int32_t>{0}},
                                          rows_of(call.output, static_cast<int64_t>(call.k)), lengths, k,
                                          static_cast<int64_t>(call.rows), environment);
}

template <typename Requirements>
cudaError_t call_for(const CubCall& call, size_t& bytes, const Requirements& required) {
  if (call.columns > kMostColumns || call.k > kMostK) return cudaErrorNotSupported;
  if (call.columns <= kShortColumns) return call_bounded<kShortColumns>(call, bytes, required);
  return call_bounded<kMostColumns>(call, bytes, required);
}

cudaError_t run(const CubCall& call, size_t& bytes) {
  if (call.ties == 0)
    return call_for(
        call, bytes,
        execution::require(execution::determinism::not_guaranteed, execution::tie_break::unspecified,
                           execution::output_ordering::unsorted));
  if constexpr (kTakesTies)
    return call_for(
        call, bytes,
        execution::require(execution::determinism::gpu_to_gpu, execution::tie_break::prefer_smaller_index,
                           execution::output_ordering::unsorted));
  return cudaErrorNotSupported;
}

}  // namespace

extern "C" {

int persistent_topk_cub_version() { return CCCL_VERSION; }

// `major`: of the device's compute capability. What 3.6 takes of ties and long rows needs clusters.
int persistent_topk_cub_takes_ties(int major) { return kTakesTies && major >= kFirstWithClusters; }

int persistent_topk_cub_most_columns(int major) {
  return kTakesTies && major < kFirstWithClusters ? kShortColumns : kMostColumns;
}

// Bytes of `storage` that the call needs; its own `storage` is ignored.
int persistent_topk_cub_storage(const CubCall* call, size_t* bytes) {
  CubCall asked = *call;
  asked.storage = nullptr;
  *bytes = 0;
  return run(asked, *bytes);
}

int persistent_topk_cub_launch(const CubCall* call) {
  size_t bytes = call->storage_bytes;
  return run(*call, bytes);
}

const char* persistent_topk_cub_error(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // extern "C"
