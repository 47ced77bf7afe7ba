// What every timing is held against: two kernels that only read each logit once and write k integers
// a row, an empty launch, and the kernels that put the caches into a known state before a replay.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

constexpr int kRowThreads = 1024;     // one block a row
constexpr int kPartThreads = 512;     // rows cut over blocks
constexpr int kPartBlocksPerSm = 4;   // 2048 threads, all that an SM holds
constexpr int kLoadsInFlight = 4;     // float4 a thread before the first use
constexpr uint32_t kNeverSeen = 0x7FC0DEADu;  // keeps the compiler from dropping the loads

// Combines the bits of columns [begin, end) so that each must be read.
template <int kThreads>
__device__ uint32_t read_all(const float* row, int begin, int end) {
  const uint4* vectors = reinterpret_cast<const uint4*>(row + begin);
  const int count = (end - begin) / 4;
  uint32_t sum = 0;
  int at = threadIdx.x;
  for (; at + (kLoadsInFlight - 1) * kThreads < count; at += kLoadsInFlight * kThreads) {
    uint4 loaded[kLoadsInFlight];
#pragma unroll
    for (int i = 0; i < kLoadsInFlight; ++i) loaded[i] = vectors[at + i * kThreads];
#pragma unroll
    for (int i = 0; i < kLoadsInFlight; ++i) sum |= loaded[i].x ^ loaded[i].y ^ loaded[i].z ^ loaded[i].w;
  }
  for (; at < count; at += kThreads) {
    const uint4 last = vectors[at];
    sum |= last.x ^ last.y ^ last.z ^ last.w;
  }
  return sum;
}

__global__ void __launch_bounds__(kRowThreads)
    floor_block_a_row(const float* logits, int64_t stride, const int32_t* lengths, int32_t* output, int k) {
  const int row = blockIdx.x;
  const uint32_t sum = read_all<kRowThreads>(logits + row * stride, 0, lengths[row]);
  for (int slot = threadIdx.x; slot < k; slot += kRowThreads)
    output[static_cast<int64_t>(row) * k + slot] = slot + (sum == kNeverSeen);
}

__global__ void __launch_bounds__(kPartThreads)
    floor_rows_cut(const float* logits, int64_t stride, const int32_t* lengths, int32_t* output, int rows,
                   int k, int parts) {
  for (int item = blockIdx.x; item < rows * parts; item += gridDim.x) {
    const int row = item / parts, part = item % parts;
    const int length = lengths[row];
    const int chunk = (length / parts + 3) / 4 * 4;
    const int begin = min(part * chunk, length);
    const int end = part == parts - 1 ? length : min(begin + chunk, length);
    const uint32_t sum = read_all<kPartThreads>(logits + row * stride, begin, end);
    const int slots = (k + parts - 1) / parts;
    for (int slot = part * slots + threadIdx.x; slot < min((part + 1) * slots, k); slot += kPartThreads)
      output[static_cast<int64_t>(row) * k + slot] = slot + (sum == kNeverSeen);
  }
}

__global__ void empty() {}

__global__ void __launch_bounds__(kPartThreads)
    read_bytes(const float* bytes, int64_t floats_a_block, int32_t* sink) {
  const float* mine = bytes + blockIdx.x * floats_a_block;
  if (read_all<kPartThreads>(mine, 0, static_cast<int>(floats_a_block)) == kNeverSeen) *sink = 1;
}

__global__ void spin(int64_t nanoseconds) {
  int64_t start, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < nanoseconds);
}

}  // namespace

extern "C" {

int bench_floor_block_a_row(const float* logits, int64_t stride, const int32_t* lengths, int32_t* output,
                            int rows, int k, cudaStream_t stream) {
  floor_block_a_row<<<rows, kRowThreads, 0, stream>>>(logits, stride, lengths, output, k);
  return cudaGetLastError();
}

int bench_floor_rows_cut(const float* logits, int64_t stride, const int32_t* lengths, int32_t* output,
                         int rows, int k, int sms, cudaStream_t stream) {
  const int blocks = sms * kPartBlocksPerSm;
  const int parts = rows < blocks ? blocks / rows : 1;
  const int grid = rows * parts < blocks ? rows * parts : blocks;
  floor_rows_cut<<<grid, kPartThreads, 0, stream>>>(logits, stride, lengths, output, rows, k, parts);
  return cudaGetLastError();
}

int bench_empty(int blocks, int threads, cudaStream_t stream) {
  empty<<<blocks, threads, 0, stream>>>();
  return cudaGetLastError();
}

int bench_read(const float* bytes, int64_t floats, int32_t* sink, int blocks, cudaStream_t stream) {
  read_bytes<<<blocks, kPartThreads, 0, stream>>>(bytes, floats / blocks / 4 * 4, sink);
  return cudaGetLastError();
}

// `shared_bytes` a block keep other kernels off the SMs that the blocks are on.
int bench_spin(int64_t nanoseconds, int blocks, int shared_bytes, cudaStream_t stream) {
  cudaError_t error = cudaFuncSetAttribute(spin, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (error != cudaSuccess) return error;
  spin<<<blocks, 1, shared_bytes, stream>>>(nanoseconds);
  return cudaGetLastError();
}

}  // extern "C"
