// The host side of the kernel behind a plain C interface: no torch headers, so one library serves every
// torch version, and Python reaches it through ctypes. Every function returns a cudaError_t as int.
#include <mutex>

#include "launch.cuh"

namespace persistent_topk {
namespace {

constexpr int kMaxDevices = 64;
constexpr int kClusterComputeMajor = 9;  // clusters exist from sm_90 on

thread_local const char* failed_call = "";

// Remembers the call's text, so that the Python error can name it.
cudaError_t checked(cudaError_t error, const char* call) {
  if (error != cudaSuccess) failed_call = call;
  return error;
}

#define RETURN_IF_FAILED(call)                                                  \
  do {                                                                          \
    if (const cudaError_t error = checked(call, #call); error != cudaSuccess) { \
      cudaGetLastError(); /* a sticky code would fail the caller's next call */ \
      return error;                                                             \
    }                                                                           \
  } while (false)

// Makes `device` current for the scope; the caller's choice is restored.
class DeviceScope {
 public:
  explicit DeviceScope(int device) {
    error_ = checked(cudaGetDevice(&previous_), "cudaGetDevice");
    if (error_ == cudaSuccess && previous_ != device) {
      error_ = checked(cudaSetDevice(device), "cudaSetDevice");
      switched_ = error_ == cudaSuccess;
    }
  }
  ~DeviceScope() {
    if (switched_) cudaSetDevice(previous_);
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  cudaError_t error() const { return error_; }

 private:
  int previous_ = 0;
  bool switched_ = false;
  cudaError_t error_;
};

const Instance kInstances[kPolicyCount] = {instance<0>(), instance<1>(), instance<2>(), instance<3>(),
                                           instance<4>()};

struct Device {
  std::once_flag once;
  cudaError_t error = cudaSuccess;
  const char* failed_call = "";
  DeviceLimits limits{};
};
Device devices[kMaxDevices];

// Attributes are set for every instantiation at once, on first use of a device. That also loads the
// kernels' code, which must not happen while a graph is captured beside a running kernel.
cudaError_t allow_large_launches(const DeviceLimits& limits, bool clusters) {
  for (const Instance& instance : kInstances)
    for (int kernel = 0; kernel < 2 * kEntries; ++kernel) {
      const void* function = reinterpret_cast<const void*>(instance.entries[kernel / 2].kernels[kernel % 2]);
      RETURN_IF_FAILED(
          cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, limits.shared_bytes));
      if (clusters)
        RETURN_IF_FAILED(cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    }
  return cudaSuccess;
}

// How many clusters of each size the device holds of CTAs of the widest policy with all their shared memory.
cudaError_t query_resident(bool clusters, DeviceLimits* limits) {
  const Instance& widest = kInstances[kLatencyIndex];
  const EntryPoint& entry = widest.entries[kShared];
  limits->resident[0] = limits->sms;
  for (int ctas = 2; clusters && ctas <= kMaxCtas; ++ctas) {
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {static_cast<unsigned>(ctas), 1, 1};
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(ctas * limits->sms);
    config.blockDim = dim3(widest.threads);
    config.dynamicSmemBytes = entry.shared_bytes;
    config.attrs = &cluster;
    config.numAttrs = 1;
    RETURN_IF_FAILED(
        cudaOccupancyMaxActiveClusters(&limits->resident[ctas - 1], entry.kernels[false], &config));
  }
  return cudaSuccess;
}

cudaError_t query_limits(int device, DeviceLimits* limits) {
  int major = 0;
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&limits->sms, cudaDevAttrMultiProcessorCount, device));
  RETURN_IF_FAILED(
      cudaDeviceGetAttribute(&limits->shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  const bool clusters = major >= kClusterComputeMajor;
  RETURN_IF_FAILED(allow_large_launches(*limits, clusters));
  return query_resident(clusters, limits);
}

cudaError_t device_limits(int device, DeviceLimits* limits) {
  if (device < 0 || device >= kMaxDevices) return checked(cudaErrorInvalidDevice, "device_limits");
  Device& entry = devices[device];
  std::call_once(entry.once, [&] {
    const DeviceScope scope(device);
    entry.error = scope.error();
    if (entry.error == cudaSuccess) entry.error = query_limits(device, &entry.limits);
    entry.failed_call = failed_call;
  });
  if (entry.error != cudaSuccess) failed_call = entry.failed_call;
  *limits = entry.limits;
  return entry.error;
}

cudaError_t launch(const Plan& plan, const DeviceLimits& limits, bool tracing, const TopkParams& params,
                   cudaStream_t stream) {
  const Instance& instance = kInstances[plan.policy];
  const EntryPoint& entry = instance.entries[entry_of(params.columns, plan.ctas, kPolicies[plan.policy])];
  cudaLaunchAttribute attributes[2] = {};
  unsigned count = 0;
  if (limits.resident[1] > 0) {  // sm_90 and newer have both
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (plan.ctas > 1) {  // a cluster of one would still pay for the attribute
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {static_cast<unsigned>(plan.ctas), 1, 1};
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(params.rows * plan.ctas);
  config.blockDim = dim3(instance.threads);
  config.dynamicSmemBytes = entry.shared_bytes;
  // CTAs of the next launch may come while this one's still run. They are packed to the SMs with the most
  // room, and run slower there, unless no SM has room for more CTAs than its share.
  const size_t share = (static_cast<size_t>(params.rows) * plan.ctas + limits.sms - 1) / limits.sms;
  const size_t least = static_cast<size_t>(limits.shared_bytes) / (share + 1) + 1;
  if (config.dynamicSmemBytes < least) config.dynamicSmemBytes = least;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = count;
  RETURN_IF_FAILED(cudaLaunchKernelEx(&config, entry.kernels[tracing], params));
  return cudaSuccess;
}

}  // namespace
}  // namespace persistent_topk

extern "C" {

using namespace persistent_topk;

int persistent_topk_limits(int device, DeviceLimits* limits) { return device_limits(device, limits); }

int persistent_topk_plan(const TopkCall* call, Plan* plan) {
  DeviceLimits limits;
  const cudaError_t error = device_limits(call->device, &limits);
  if (error == cudaSuccess) *plan = make_plan(call->rows, call->columns, limits, call->policy);
  return error;
}

int persistent_topk_launch(const TopkCall* call) {
  if (call->rows == 0) return cudaSuccess;
  DeviceLimits limits;
  if (const cudaError_t error = device_limits(call->device, &limits); error != cudaSuccess) return error;
  const Plan plan = make_plan(call->rows, call->columns, limits, call->policy);
  TopkParams params{};
  params.logits = call->logits;
  params.row_stride = call->row_stride;
  params.lengths = call->lengths;
  params.output = call->output;
  params.trace = static_cast<Trace*>(call->trace);
  params.rows = call->rows;
  params.columns = call->columns;
  params.k = call->k;
  params.ctas = plan.ctas;
  const DeviceScope scope(call->device);
  if (scope.error() != cudaSuccess) return scope.error();
  return launch(plan, limits, call->trace != nullptr, params, call->stream);
}

int persistent_topk_usage(int policy, int tracing, int* registers, int* local_bytes) {
  cudaFuncAttributes attributes{};
  const void* function = reinterpret_cast<const void*>(kInstances[policy].entries[kWide].kernels[tracing]);
  RETURN_IF_FAILED(cudaFuncGetAttributes(&attributes, function));
  *registers = attributes.numRegs;
  *local_bytes = static_cast<int>(attributes.localSizeBytes);
  return cudaSuccess;
}

int persistent_topk_trace_bytes() { return sizeof(Trace); }
const char* persistent_topk_failed_call() { return failed_call; }
const char* persistent_topk_error_name(int error) {
  return cudaGetErrorName(static_cast<cudaError_t>(error));
}
const char* persistent_topk_error_text(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

}  // extern "C"
