// The operators of torch.ops.persistent_topk for CUDA tensors, by libtorch's stable ABI: one library for all
// versions of torch from the target on. Schemas, and what they do on other tensors, are in ops.py.
#include <torch/csrc/stable/library.h>

#include <optional>
#include <tuple>
#include <utility>

#include "checks.cuh"
#include "kernels.cuh"
#include "tensors.cuh"

namespace persistent_topk::operators {
namespace {

using OptionalTensor = std::optional<Tensor>;

Kernels kernels;

KernelKey key_of(const Given& logits) {
  const int32_t dtype = logits.dtype == aoti_torch_dtype_float32()    ? 0
                        : logits.dtype == aoti_torch_dtype_bfloat16() ? 1
                                                                      : 2;
  return {logits.device < 0 ? 0 : logits.device, dtype};
}

template <class T>
T* address(const Given& tensor) {
  return static_cast<T*>(tensor.data);
}

void take_table(const Asked& asked, Call* call) {
  const Given& table = asked.page_table;
  // A table without pages has no address, and is a table all the same: none of it is read.
  call->page_table = table.data != nullptr ? address<int32_t>(table) : address<int32_t>(asked.output);
  call->table_stride = table.strides[0];
  call->tables = static_cast<int32_t>(table.sizes[0]);
  call->pages = static_cast<int32_t>(table.sizes[1]);
  call->table_rows = address<int32_t>(asked.table_rows);
  call->table_starts = address<int32_t>(asked.table_starts);
  for (int64_t size = *asked.page_size; size > 1; size >>= 1) ++call->page_bits;
}

// The mirror is CallRecord.of of structs.py.
Call call_of(const Asked& asked) {
  Call call{};
  call.logits = asked.logits.data;
  call.row_stride = asked.logits.strides[0];
  call.lengths = address<int32_t>(asked.lengths);
  call.starts = address<int32_t>(asked.starts);
  call.ends = address<int32_t>(asked.ends);
  call.output = asked.output.data;
  call.output_stride = asked.output.strides[0];
  call.columns_out = address<int32_t>(asked.columns_out);
  call.columns_stride = asked.columns_out ? asked.columns_out.strides[0] : 0;
  call.values_out = asked.values_out.data;
  call.values_stride = asked.values_out ? asked.values_out.strides[0] : 0;
  call.offsets = asked.offsets.data;
  call.rows = static_cast<int32_t>(asked.rows());
  call.columns = static_cast<int32_t>(asked.columns());
  call.k = static_cast<int32_t>(asked.k);
  call.queries = static_cast<int32_t>(asked.queries);
  call.compress_ratio = static_cast<int32_t>(asked.compress_ratio);
  call.wide_output = asked.output.dtype == aoti_torch_dtype_int64();
  call.wide_offsets = asked.offsets && asked.offsets.dtype == aoti_torch_dtype_int64();
  if (asked.page_table) take_table(asked, &call);
  return call;
}

Tensor empty(const Asked& asked, int64_t rows, int64_t columns, int32_t dtype) {
  const int64_t sizes[] = {rows, columns}, strides[] = {columns, 1};
  AtenTensorHandle made = nullptr;
  throw_unless_ok(aoti_torch_empty_strided(2, sizes, strides, dtype, asked.logits.device_type,
                                           asked.logits.device, &made));
  return Tensor(made);
}

// Launches a checked call. The workspace is checked here, since the kernel says how much it needs.
void launch(const Asked& asked) {
  const KernelKey key = key_of(asked.logits);
  const KernelLibrary& kernel = kernels.of(key);
  TopkCall topk{};
  topk.call = call_of(asked);
  topk.policy = kChoosePolicy;
  topk.device = key.device;
  int64_t needed = 0;
  kernels.check(key, kernel.workspace(&topk, &needed));
  OptionalTensor own;  // until the launch is queued; its memory is the stream's
  if (asked.workspace) {
    check_workspace(asked.workspace, asked.logits, needed);
    topk.workspace = asked.workspace.data;
  } else if (needed > 0) {
    own = empty(asked, 1, needed, aoti_torch_dtype_uint8());
    topk.workspace = own->data_ptr();
  }
  topk.stream = kernels.stream(key.device);
  kernels.check(key, kernel.launch(&topk));
}

void topk_out(const Tensor& logits, const Tensor& lengths, const Tensor& output, const Tensor& workspace,
              int64_t k) {
  Asked asked{};
  asked.logits = given("logits", logits);
  asked.lengths = given("lengths", lengths);
  asked.output = given("output", output);
  asked.workspace = given("workspace", workspace);
  asked.k = k;
  check_plain_call(asked);
  launch(asked);
}

Asked asked_of(const Tensor& logits, const OptionalTensor& lengths, int64_t k, const OptionalTensor& starts,
               const OptionalTensor& ends, int64_t queries, int64_t compress_ratio,
               const OptionalTensor& offsets, const OptionalTensor& page_table,
               const OptionalTensor& table_rows, const OptionalTensor& table_starts,
               std::optional<int64_t> page_size) {
  Asked asked{};
  asked.logits = given("logits", logits);
  asked.lengths = given("lengths", lengths);
  asked.k = k;
  asked.starts = given("starts", starts);
  asked.ends = given("ends", ends);
  asked.queries = queries;
  asked.compress_ratio = compress_ratio;
  asked.offsets = given("offsets", offsets);
  asked.page_table = given("page_table", page_table);
  asked.table_rows = given("table_rows", table_rows);
  asked.table_starts = given("table_starts", table_starts);
  asked.page_size = page_size;
  return asked;
}

void select_out(const Tensor& logits, const OptionalTensor& lengths, const Tensor& output,
                const OptionalTensor& workspace, int64_t k, const OptionalTensor& starts,
                const OptionalTensor& ends, int64_t queries, int64_t compress_ratio,
                const OptionalTensor& offsets, const OptionalTensor& page_table,
                const OptionalTensor& table_rows, const OptionalTensor& table_starts,
                std::optional<int64_t> page_size, const OptionalTensor& columns_out,
                const OptionalTensor& values_out) {
  Asked asked = asked_of(logits, lengths, k, starts, ends, queries, compress_ratio, offsets, page_table,
                         table_rows, table_starts, page_size);
  asked.output = given("output", output);
  asked.workspace = given("workspace", workspace);
  asked.columns_out = given("columns_out", columns_out);
  asked.values_out = given("values_out", values_out);
  check_call(asked);
  check_outputs(asked);
  launch(asked);
}

std::tuple<Tensor, OptionalTensor, OptionalTensor> select(
    const Tensor& logits, const OptionalTensor& lengths, int64_t k, const OptionalTensor& starts,
    const OptionalTensor& ends, int64_t queries, int64_t compress_ratio, const OptionalTensor& offsets,
    const OptionalTensor& page_table, const OptionalTensor& table_rows, const OptionalTensor& table_starts,
    std::optional<int64_t> page_size, bool return_values, bool return_columns,
    std::optional<torch::headeronly::ScalarType> index_dtype) {
  using torch::headeronly::ScalarType;
  Asked asked = asked_of(logits, lengths, k, starts, ends, queries, compress_ratio, offsets, page_table,
                         table_rows, table_starts, page_size);
  check_call(asked);
  const ScalarType dtype = index_dtype.value_or(ScalarType::Int);
  if (dtype != ScalarType::Int && dtype != ScalarType::Long)
    refuse("index_dtype is ", dtype_name(static_cast<int32_t>(dtype)),
           "; expected torch.int32 or torch.int64");
  const bool wide = dtype == ScalarType::Long;
  Tensor output = empty(asked, asked.rows(), k, wide ? aoti_torch_dtype_int64() : aoti_torch_dtype_int32());
  OptionalTensor values, columns;
  if (return_values) values = empty(asked, asked.rows(), k, asked.logits.dtype);
  if (return_columns) columns = empty(asked, asked.rows(), k, aoti_torch_dtype_int32());
  asked.output = given("output", output);
  asked.values_out = given("values_out", values);
  asked.columns_out = given("columns_out", columns);
  launch(asked);
  return {output, values, columns};
}

}  // namespace
}  // namespace persistent_topk::operators

// Has torch call these functions for the operators of a namespace on tensors of a dispatch key, "CUDA" but in
// tests. Not by a static object: another thread may call them as soon as they are known.
extern "C" int persistent_topk_operators_register(const char* name_space, const char* key,
                                                  const Python* python) {
  namespace operators = persistent_topk::operators;
  operators::kernels.ask(*python);
  TorchLibraryHandle library = nullptr;  // it is torch's as long as the process
  int error = aoti_torch_library_init_impl(name_space, key, __FILE__, __LINE__, &library);
  using Boxed = void (*)(StableIValue*, uint64_t, uint64_t);
  const std::pair<const char*, Boxed> functions[] = {{"topk_out", TORCH_BOX(&operators::topk_out)},
                                                     {"select_out", TORCH_BOX(&operators::select_out)},
                                                     {"select", TORCH_BOX(&operators::select)}};
  for (const auto& [name, function] : functions)
    if (error == 0) error = torch_library_impl(library, name, function, TORCH_ABI_VERSION);
  return error;
}
