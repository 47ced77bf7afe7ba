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
  if (error == cudaSuccess) return error;
  failed_call = call;
  cudaGetLastError();  // a code that is kept would fail the caller's next call
  return error;
}

#define RETURN_IF_FAILED(call)                                                              \
  do {                                                                                      \
    if (const cudaError_t error = checked(call, #call); error != cudaSuccess) return error; \
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

const Instance kInstances[kPolicyCount] = {instance<0>(), instance<1>(), instance<2>(),
                                           instance<3>(), instance<4>(), instance<5>()};
static_assert(kPolicyCount == 6);

struct Device {
  std::mutex mutex;
  bool known = false;  // a failure is not kept: the next call may find more memory, or no capture under way
  DeviceLimits limits{};
};
Device devices[kMaxDevices];

// Attributes are set for every instantiation at once, on first use of a device. That also loads the
// kernels' code, which must not happen while a graph is captured beside a running kernel.
cudaError_t allow_large_launches(const DeviceLimits& limits) {
  for (const Instance& instance : kInstances)
    for (int kernel = 0; kernel < 2 * kEntries; ++kernel) {
      const void* function = reinterpret_cast<const void*>(instance.entries[kernel / 2].kernels[kernel % 2]);
      RETURN_IF_FAILED(
          cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, limits.shared_bytes));
      if (limits.clusters)
        RETURN_IF_FAILED(cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    }
  return cudaSuccess;
}

// How many clusters of each size the device holds of CTAs of the widest policy with all their shared memory.
cudaError_t query_clusters(DeviceLimits* limits) {
  const Instance& widest = kInstances[widest_policy(*limits)];
  const EntryPoint& entry = widest.entries[kShared];
  limits->resident[0] = limits->sms;
  for (int ctas = 2; ctas <= kMaxCtas; ++ctas) {
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

// Without clusters teams are as many as SMs allow, if these hold a CTA at all, and all of them at a time.
cudaError_t query_cooperative(int device, DeviceLimits* limits) {
  const Instance& widest = kInstances[widest_policy(*limits)];
  const EntryPoint& entry = widest.entries[kCooperative];
  int ctas_per_sm = 0, cooperative = 0;
  RETURN_IF_FAILED(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&ctas_per_sm, entry.kernels[false],
                                                                 widest.threads, entry.shared_bytes));
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, device));
  if (ctas_per_sm > 0 && cooperative) *limits = without_clusters(*limits);
  limits->resident[0] = limits->sms;
  return cudaSuccess;
}

// Clusters are for the policy that they were measured with. A device that has clusters and too little shared
// memory for it (sm_120) does without.
cudaError_t query_limits(int device, DeviceLimits* limits) {
  int major = 0;
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&limits->sms, cudaDevAttrMultiProcessorCount, device));
  RETURN_IF_FAILED(
      cudaDeviceGetAttribute(&limits->shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  limits->clusters = major >= kClusterComputeMajor && widest_policy(*limits) == kLatencyIndex;
  RETURN_IF_FAILED(allow_large_launches(*limits));
  return limits->clusters ? query_clusters(limits) : query_cooperative(device, limits);
}

cudaError_t device_limits(int device, DeviceLimits* limits) {
  if (device < 0 || device >= kMaxDevices) return checked(cudaErrorInvalidDevice, "device_limits");
  Device& entry = devices[device];
  const std::lock_guard lock(entry.mutex);
  if (!entry.known) {
    const DeviceScope scope(device);
    if (scope.error() != cudaSuccess) return scope.error();
    if (const cudaError_t error = query_limits(device, &entry.limits); error != cudaSuccess) return error;
    entry.known = true;
  }
  *limits = entry.limits;
  return cudaSuccess;
}

// The device of a call, as its teams are to see it.
cudaError_t limits_for(const TopkCall& call, DeviceLimits* limits) {
  const cudaError_t error = device_limits(call.device, limits);
  if (error == cudaSuccess && call.cooperative) *limits = without_clusters(*limits);
  return error;
}

size_t workspace_for(const TopkCall& call, const DeviceLimits& limits) {
  const int policy = call.policy == kChoosePolicy ? widest_policy(limits) : call.policy;
  return workspace_bytes(rows_with_mail(call.call.rows, call.call.columns, limits, policy) *
                         kInstances[policy].area_bytes);
}

cudaError_t launch(const Launch& what, const DeviceLimits& limits, bool tracing, const TopkParams& params,
                   cudaStream_t stream) {
  const Instance& instance = kInstances[what.policy];
  const EntryPoint& entry = instance.entries[what.entry];
  cudaLaunchAttribute attributes[2] = {};
  unsigned count = 0;
  if (limits.clusters) {  // sm_90 and newer have both
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (what.entry == kCooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count++].val.cooperative = 1;
  } else if (what.cluster > 1) {  // a cluster of one would still pay for the attribute
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {static_cast<unsigned>(what.cluster), 1, 1};
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(what.ctas);
  config.blockDim = dim3(instance.threads);
  config.dynamicSmemBytes = entry.shared_bytes;
  // CTAs of the next launch may come while this one's still run. They are packed to the SMs with the most
  // room, and run slower there, unless no SM has room for more CTAs than its share.
  const size_t share = (what.ctas + limits.sms - 1) / limits.sms;
  const size_t least = static_cast<size_t>(limits.shared_bytes) / (share + 1) + 1;
  if (config.dynamicSmemBytes < least) config.dynamicSmemBytes = least;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = count;
  RETURN_IF_FAILED(cudaLaunchKernelEx(&config, entry.kernels[tracing], params));
  return cudaSuccess;
}

cudaError_t launch_all(const Plan& plan, const DeviceLimits& limits, const TopkCall& topk) {
  const Call& call = topk.call;
  for (const Launch& one : launches_of(plan, call.rows, call.columns, limits.clusters).of) {
    if (one.ctas == 0) continue;
    const TopkParams params = params_of(call, plan, limits, one, topk.trace, topk.workspace);
    RETURN_IF_FAILED(launch(one, limits, topk.trace != nullptr, params, topk.stream));
  }
  return cudaSuccess;
}

Plan plan_of(const TopkCall& topk, const DeviceLimits& limits) {
  return make_plan(topk.call.rows, topk.call.columns, limits, topk.policy);
}

}  // namespace
}  // namespace persistent_topk

extern "C" {

using namespace persistent_topk;

int persistent_topk_limits(int device, DeviceLimits* limits) { return device_limits(device, limits); }

int persistent_topk_plan(const TopkCall* call, Plan* plan) {
  DeviceLimits limits;
  const cudaError_t error = limits_for(*call, &limits);
  if (error == cudaSuccess) *plan = plan_of(*call, limits);
  return error;
}

int persistent_topk_workspace(const TopkCall* call, int64_t* bytes) {
  DeviceLimits limits;
  const cudaError_t error = limits_for(*call, &limits);
  if (error == cudaSuccess) *bytes = static_cast<int64_t>(workspace_for(*call, limits));
  return error;
}

int persistent_topk_launch(const TopkCall* call) {
  if (call->call.rows == 0) return cudaSuccess;
  DeviceLimits limits;
  if (const cudaError_t error = limits_for(*call, &limits); error != cudaSuccess) return error;
  const Plan plan = plan_of(*call, limits);
  if (call->workspace == nullptr && plan.ctas > 1 && !limits.clusters)
    return checked(cudaErrorInvalidValue, "a launch without a workspace");
  const DeviceScope scope(call->device);
  if (scope.error() != cudaSuccess) return scope.error();
  return launch_all(plan, limits, *call);
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
