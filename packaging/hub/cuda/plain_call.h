// A plain call for code that a C++ compiler compiles: the kernel's own headers are for nvcc.
#pragma once

#include <cstdint>

struct PlainCall {
  const float* logits;  // [rows, columns]
  int64_t row_stride;
  const int32_t* lengths;  // [rows]
  int32_t* output;  // [rows, k], contiguous
  void* workspace;
  void* stream;
  int32_t rows;
  int32_t columns;
  int32_t k;
  int32_t device;
};

extern "C" {

// Both return a cudaError_t, for which persistent_topk_* have words.
int plain_topk_launch(const PlainCall* call);
int plain_topk_workspace(const PlainCall* call, int64_t* bytes);

int32_t plain_topk_max_k();
const char* persistent_topk_failed_call();
const char* persistent_topk_error_name(int error);
const char* persistent_topk_error_text(int error);

}  // extern "C"
