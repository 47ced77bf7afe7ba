// The checks of an operator's arguments, before anything is launched. Words and order are those of
// reference/arguments.py; a test holds the two equal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernel/constants.cuh"
#include "tensors.cuh"

namespace persistent_topk::operators {

inline constexpr int64_t kMaxExtent = INT32_MAX;  // rows and columns are counted in int32
inline constexpr int64_t kMaxPageSize = int64_t{1} << 30;

// The arguments of a call. What is not given has no name.
struct Asked {
  Given logits, lengths, output, workspace, starts, ends, offsets, page_table, table_rows, table_starts;
  Given columns_out, values_out;
  int64_t k = 0, queries = 1, compress_ratio = 1;
  std::optional<int64_t> page_size;

  int64_t rows() const { return logits.sizes[0]; }
  int64_t columns() const { return logits.sizes[1]; }
};

using Dtypes = std::initializer_list<int32_t>;

inline std::string either(const Dtypes& dtypes) {
  std::string out;
  size_t left = dtypes.size();
  for (const int32_t dtype : dtypes) {
    out += dtype_name(dtype);
    if (--left > 0) out += left == 1 ? " or " : ", ";
  }
  return out;
}

inline void check_tensor(const Given& tensor, const Dtypes& dtypes, int64_t least_dims, int64_t most_dims,
                         const char* shape) {
  bool known = false;
  for (const int32_t dtype : dtypes) known |= tensor.dtype == dtype;
  if (!known) refuse(tensor.name, " has dtype ", dtype_name(tensor.dtype), "; expected ", either(dtypes));
  if (tensor.dims < least_dims || tensor.dims > most_dims)
    refuse(tensor.name, " has shape ", shape_of(tensor), "; expected ",
           least_dims == most_dims ? text(most_dims) : text(least_dims, " or ", most_dims), " dimensions, ",
           shape);
}

// A tensor [rows, columns] whose rows may have any stride.
inline void check_extent(const Given& tensor) {
  if (tensor.sizes[0] > kMaxExtent || tensor.sizes[1] > kMaxExtent)
    refuse(tensor.name, " has shape ", shape_of(tensor), "; expected at most ", kMaxExtent, " each way");
  if (tensor.sizes[0] > 0 && tensor.sizes[1] > 1 && tensor.strides[1] != 1)
    refuse(tensor.name, " has column stride ", tensor.strides[1], "; expected 1 (contiguous columns)");
}

inline bool same_device(const Given& one, const Given& other) {
  return one.device_type == other.device_type && one.device == other.device;
}

inline void check_beside_logits(const Given& tensor, const Given& logits, bool contiguous = true) {
  if (!same_device(tensor, logits))
    refuse(tensor.name, " is on device ", device_name(tensor), "; expected ", device_name(logits),
           ", that of logits");
  if (!contiguous || tensor.is_contiguous()) return;
  if (tensor.dims == 1) refuse(tensor.name, " has stride ", tensor.strides[0], "; expected 1 (contiguous)");
  refuse(tensor.name, " has strides ", strides_of(tensor), "; expected (", tensor.sizes[1],
         ", 1) (contiguous)");
}

// A tensor [rows].
inline void check_of_rows(const Given& tensor, const Given& logits, const Dtypes& dtypes) {
  check_tensor(tensor, dtypes, 1, 1, "[rows]");
  if (tensor.sizes[0] != logits.sizes[0])
    refuse(tensor.name, " has ", tensor.sizes[0], " entries; expected ", logits.sizes[0],
           ", one a row of logits");
  check_beside_logits(tensor, logits);
}

inline void check_int(const char* name, int64_t value, int64_t most) {
  if (value < 1 || value > most) refuse(name, " is ", value, "; expected 1 to ", most);
}

// That it is on the operators' device follows from the others: torch comes here with a tensor that is.
inline void check_logits(const Given& logits, const Dtypes& dtypes) {
  check_tensor(logits, dtypes, 2, 2, "[rows, columns]");
  if (!has_memory(logits))
    refuse(logits.name, " is on device ", device_name(logits), "; expected one of cpu, cuda");
  check_extent(logits);
}

inline void check_lengths(const Asked& asked) {
  const Given& lengths = asked.lengths;
  check_tensor(lengths, {aoti_torch_dtype_int32()}, 1, 2, "[rows] or [batch, queries]");
  if (lengths.dims == 2 && asked.queries != 1)
    refuse("queries is ", asked.queries, " and lengths has shape ", shape_of(lengths),
           "; expected lengths [batch] with queries, or lengths [batch, queries] without");
  const int64_t entries = lengths.numel(), rows = asked.rows();
  if (entries * asked.queries != rows && asked.queries == 1)
    refuse("lengths has ", entries, " entries; expected ", rows, ", one a row of logits");
  if (entries * asked.queries != rows)
    refuse("lengths has ", entries, " entries and queries is ", asked.queries, "; expected ",
           entries * asked.queries, " rows of logits, not ", rows);
  check_beside_logits(lengths, asked.logits);
}

inline void check_window(const Asked& asked) {
  if (asked.starts) check_of_rows(asked.starts, asked.logits, {aoti_torch_dtype_int32()});
  if (asked.ends) {
    check_of_rows(asked.ends, asked.logits, {aoti_torch_dtype_int32()});
    if (asked.lengths) refuse("ends is given with lengths; expected one of them: pass None for lengths");
  }
  if (asked.lengths) return check_lengths(asked);
  if (asked.queries != 1)
    refuse("queries is ", asked.queries, " and lengths None; expected lengths, in tokens, or no queries");
  if (asked.compress_ratio != 1)
    refuse("compress_ratio is ", asked.compress_ratio,
           " and lengths None; expected lengths, in tokens, or no compress_ratio");
}

inline void check_table(const Asked& asked) {
  const Given& table = asked.page_table;
  check_tensor(table, {aoti_torch_dtype_int32()}, 2, 2, "[table rows, pages]");
  check_beside_logits(table, asked.logits, false);
  check_extent(table);
  if (!asked.page_size.has_value())
    refuse("page_size is None and page_table given; expected page_size, a power of two");
  const int64_t size = *asked.page_size;
  check_int("page_size", size, kMaxPageSize);
  if ((size & (size - 1)) != 0) refuse("page_size is ", size, "; expected a power of two");
  for (const Given* of_rows : {&asked.table_rows, &asked.table_starts})
    if (*of_rows) check_of_rows(*of_rows, asked.logits, {aoti_torch_dtype_int32()});
  if (!asked.table_rows && table.sizes[0] < asked.rows())
    refuse("page_table has ", table.sizes[0], " rows and logits ", asked.rows(),
           "; expected a row of the table for each of logits, or table_rows to say which row is whose");
}

inline void check_places(const Asked& asked) {
  if (asked.offsets) {
    check_of_rows(asked.offsets, asked.logits, {aoti_torch_dtype_int32(), aoti_torch_dtype_int64()});
    if (asked.page_table)
      refuse(
          "offsets is given with page_table; expected one of them: a page table says where columns lie, "
          "and table_starts says from which page on");
  }
  if (asked.page_table) return check_table(asked);
  const bool lost[] = {static_cast<bool>(asked.table_rows), static_cast<bool>(asked.table_starts),
                       asked.page_size.has_value()};
  const char* names[] = {"table_rows", "table_starts", "page_size"};
  for (int i = 0; i < 3; ++i)
    if (lost[i]) refuse(names[i], " is given without page_table; expected page_table, or no ", names[i]);
}

inline void check_output(const Given& output, const Dtypes& dtypes, const Asked& asked) {
  check_tensor(output, dtypes, 2, 2, "[rows, k]");
  if (output.sizes[0] != asked.rows() || output.sizes[1] != asked.k)
    refuse(output.name, " has shape ", shape_of(output), "; expected [", asked.rows(), ", ", asked.k,
           "], that is [rows, k]");
  check_beside_logits(output, asked.logits, false);
  check_extent(output);
  if (asked.rows() > 1 && output.strides[0] < asked.k)
    refuse(output.name, " has row stride ", output.strides[0], "; expected ", asked.k,
           " or more: its rows overlap");
}

inline void check_outputs(const Asked& asked) {
  check_output(asked.output, {aoti_torch_dtype_int32(), aoti_torch_dtype_int64()}, asked);
  if (asked.columns_out) check_output(asked.columns_out, {aoti_torch_dtype_int32()}, asked);
  if (asked.values_out) check_output(asked.values_out, {asked.logits.dtype}, asked);
}

// What an operator's arguments say, but for its outputs.
inline void check_call(const Asked& asked) {
  check_logits(asked.logits,
               {aoti_torch_dtype_float32(), aoti_torch_dtype_bfloat16(), aoti_torch_dtype_float16()});
  check_int("k", asked.k, kMaxK);
  check_int("queries", asked.queries, kMaxExtent);
  check_int("compress_ratio", asked.compress_ratio, kMaxExtent);
  check_window(asked);
  check_places(asked);
}

// topk_out's: a plain call into contiguous memory.
inline void check_plain_call(const Asked& asked) {
  check_logits(asked.logits, {aoti_torch_dtype_float32()});
  check_of_rows(asked.lengths, asked.logits, {aoti_torch_dtype_int32()});
  check_int("k", asked.k, kMaxK);
  const Given& output = asked.output;
  if (output.dtype != aoti_torch_dtype_int32())
    refuse("output is ", dtype_name(output.dtype), "; expected torch.int32");
  const int64_t expected[] = {asked.rows(), asked.k};
  if (output.dims != 2 || output.sizes[0] != expected[0] || output.sizes[1] != expected[1])
    refuse("output is ", list_of(output.sizes, output.dims, "(", ")"),
           "; expected [rows, k] = ", list_of(expected, 2, "(", ")"));
  if (!same_device(output, asked.logits))
    refuse("output is on ", device_name(output), "; expected ", device_name(asked.logits),
           ", where logits is");
  if (!output.is_contiguous())
    refuse("output has strides ", strides_of(output), "; expected a contiguous tensor");
}

inline void check_workspace(const Given& workspace, const Given& logits, int64_t needed) {
  if (!same_device(workspace, logits))
    refuse("workspace is on ", device_name(workspace), "; expected ", device_name(logits),
           ", where logits is");
  if (!workspace.is_contiguous())
    refuse("workspace has strides ", strides_of(workspace), "; expected a contiguous tensor");
  const int64_t size = workspace.numel() * aoti_torch_dtype_element_size(workspace.dtype);
  if (size < needed)
    refuse("workspace has ", size, " bytes; expected at least workspace_size(...) = ", needed);
}

}  // namespace persistent_topk::operators
