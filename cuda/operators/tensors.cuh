// A tensor as the operators see it, read once, through libtorch's stable ABI.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace persistent_topk::operators {

using torch::stable::Tensor;

inline void throw_unless_ok(AOTITorchError error) {
  if (error != 0) throw std::runtime_error("torch could not answer what the operator asked of a tensor");
}

// A tensor argument. Sizes and strides are the tensor's own, which outlives this.
struct Given {
  const char* name = nullptr;
  void* data = nullptr;
  const int64_t* sizes = nullptr;
  const int64_t* strides = nullptr;
  int64_t dims = 0;
  int32_t dtype = 0;
  int32_t device_type = 0;
  int32_t device = 0;

  explicit operator bool() const { return name != nullptr; }

  int64_t numel() const {
    int64_t product = 1;
    for (int64_t d = 0; d < dims; ++d) product *= sizes[d];
    return product;
  }

  bool is_contiguous() const {
    int64_t expected = 1;
    for (int64_t d = dims - 1; d >= 0; --d) {
      if (sizes[d] != 1 && strides[d] != expected) return numel() == 0;
      expected *= sizes[d];
    }
    return true;
  }
};

// A dense one: torch takes sparse and nested tensors to Python.
inline Given given(const char* name, const Tensor& tensor) {
  Given found{.name = name};
  AtenTensorHandle handle = tensor.get();
  int64_t *sizes = nullptr, *strides = nullptr;
  throw_unless_ok(aoti_torch_get_dtype(handle, &found.dtype));
  throw_unless_ok(aoti_torch_get_dim(handle, &found.dims));
  throw_unless_ok(aoti_torch_get_device_type(handle, &found.device_type));
  throw_unless_ok(aoti_torch_get_device_index(handle, &found.device));
  throw_unless_ok(aoti_torch_get_sizes(handle, &sizes));
  throw_unless_ok(aoti_torch_get_strides(handle, &strides));
  found.sizes = sizes;
  found.strides = strides;
  throw_unless_ok(aoti_torch_get_data_ptr(handle, &found.data));
  return found;
}

inline Given given(const char* name, const std::optional<Tensor>& tensor) {
  return tensor.has_value() ? given(name, *tensor) : Given{};
}

inline std::string word(std::string text) { return text; }
inline std::string word(const char* text) { return text; }
inline std::string word(int64_t number) { return std::to_string(number); }

// The words of an error. Not by a stream: libtorch exports streams of its own beside those of libstdc++.
template <class... Words>
std::string text(const Words&... words) {
  return (... + word(words));
}

// torch makes a ValueError of it.
template <class... Words>
[[noreturn]] void refuse(const Words&... words) {
  throw std::invalid_argument(text(words...));
}

// As Python prints them.
inline std::string list_of(const int64_t* numbers, int64_t count, const char* open, const char* close) {
  std::string out = open;
  for (int64_t i = 0; i < count; ++i) out += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  return out + (count == 1 && *open == '(' ? "," : "") + close;
}

inline std::string shape_of(const Given& tensor) { return list_of(tensor.sizes, tensor.dims, "[", "]"); }

inline std::string strides_of(const Given& tensor) { return list_of(tensor.strides, tensor.dims, "(", ")"); }

inline std::string dtype_name(int32_t dtype) {
  if (dtype == aoti_torch_dtype_float32()) return "torch.float32";
  if (dtype == aoti_torch_dtype_bfloat16()) return "torch.bfloat16";
  if (dtype == aoti_torch_dtype_float16()) return "torch.float16";
  if (dtype == aoti_torch_dtype_float64()) return "torch.float64";
  if (dtype == aoti_torch_dtype_int32()) return "torch.int32";
  if (dtype == aoti_torch_dtype_int64()) return "torch.int64";
  if (dtype == aoti_torch_dtype_int16()) return "torch.int16";
  if (dtype == aoti_torch_dtype_int8()) return "torch.int8";
  if (dtype == aoti_torch_dtype_uint8()) return "torch.uint8";
  if (dtype == aoti_torch_dtype_bool()) return "torch.bool";
  return text("dtype ", dtype, " of torch");
}

inline std::string device_name(const Given& tensor) {
  if (tensor.device_type == aoti_torch_device_type_cuda()) return text("cuda:", tensor.device);
  if (tensor.device_type == aoti_torch_device_type_cpu()) return "cpu";
  if (tensor.device_type == aoti_torch_device_type_meta()) return "meta";
  return text("device type ", tensor.device_type, " of torch");
}

// One that the kernel may be given: a CPU's are there in tests alone.
inline bool has_memory(const Given& tensor) {
  return tensor.device_type == aoti_torch_device_type_cuda() ||
         tensor.device_type == aoti_torch_device_type_cpu();
}

}  // namespace persistent_topk::operators
