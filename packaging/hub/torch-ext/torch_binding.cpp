// The kernel as a torch extension of Hugging Face's kernels: checks, one struct, one launch.
#include "torch_binding.h"

#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "plain_call.h"
#include "registration.h"

namespace {

void check(int error) {
  TORCH_CHECK(error == 0, persistent_topk_failed_call(), " failed: ", persistent_topk_error_name(error), ": ",
              persistent_topk_error_text(error));
}

void check_beside(const char* name, const torch::Tensor& tensor, const torch::Tensor& logits) {
  TORCH_CHECK(tensor.device() == logits.device(), name, " is on ", tensor.device(), "; expected ",
              logits.device(), ", where logits is");
  TORCH_CHECK(tensor.is_contiguous(), name, " has strides ", tensor.strides(),
              "; expected a contiguous tensor");
}

void check_arguments(const torch::Tensor& logits, const torch::Tensor& lengths, const torch::Tensor& output,
                     const torch::Tensor& workspace, int64_t k) {
  TORCH_CHECK(logits.is_cuda(), "logits is on ", logits.device(), "; expected a CUDA device");
  TORCH_CHECK(logits.dim() == 2 && logits.scalar_type() == torch::kFloat32, "logits is ",
              logits.scalar_type(), logits.sizes(), "; expected float32 [rows, columns]");
  TORCH_CHECK(logits.size(1) < 2 || logits.stride(1) == 1, "logits has column stride ", logits.stride(1),
              "; expected 1");
  TORCH_CHECK(k >= 1 && k <= plain_topk_max_k(), "k is ", k, "; expected 1 to ", plain_topk_max_k());
  TORCH_CHECK(lengths.dim() == 1 && lengths.size(0) == logits.size(0) && lengths.scalar_type() == torch::kInt,
              "lengths is ", lengths.scalar_type(), lengths.sizes(), "; expected int32 [rows]");
  TORCH_CHECK(output.dim() == 2 && output.size(0) == logits.size(0) && output.size(1) == k &&
                  output.scalar_type() == torch::kInt,
              "output is ", output.scalar_type(), output.sizes(), "; expected int32 [rows, k]");
  check_beside("lengths", lengths, logits);
  check_beside("output", output, logits);
  check_beside("workspace", workspace, logits);
  const int64_t needed = workspace_size(logits.size(0), logits.size(1), logits.get_device());
  TORCH_CHECK(static_cast<int64_t>(workspace.nbytes()) >= needed, "workspace has ", workspace.nbytes(),
              " bytes; expected at least workspace_size(...) = ", needed);
}

}  // namespace

int64_t workspace_size(int64_t rows, int64_t columns, int64_t device) {
  PlainCall call{};
  call.rows = static_cast<int32_t>(rows);
  call.columns = static_cast<int32_t>(columns);
  call.device = static_cast<int32_t>(device);
  int64_t bytes = 0;
  check(plain_topk_workspace(&call, &bytes));
  return bytes;
}

void topk_out(const torch::Tensor& logits, const torch::Tensor& lengths, torch::Tensor& output,
              torch::Tensor& workspace, int64_t k) {
  check_arguments(logits, lengths, output, workspace, k);
  const PlainCall call = {
      .logits = logits.const_data_ptr<float>(),
      .row_stride = logits.stride(0),
      .lengths = lengths.const_data_ptr<int32_t>(),
      .output = output.mutable_data_ptr<int32_t>(),
      .workspace = workspace.mutable_data_ptr(),
      .stream = c10::cuda::getCurrentCUDAStream(logits.get_device()).stream(),
      .rows = static_cast<int32_t>(logits.size(0)),
      .columns = static_cast<int32_t>(logits.size(1)),
      .k = static_cast<int32_t>(k),
      .device = static_cast<int32_t>(logits.get_device()),
  };
  check(plain_topk_launch(&call));
}

TORCH_LIBRARY_EXPAND(TORCH_EXTENSION_NAME, ops) {
  ops.def("topk_out(Tensor logits, Tensor lengths, Tensor(a!) output, Tensor(b!) workspace, int k) -> ()");
  ops.impl("topk_out", torch::kCUDA, &topk_out);
  ops.def("workspace_size(int rows, int columns, int device) -> int", &workspace_size);
}

REGISTER_EXTENSION(TORCH_EXTENSION_NAME)
