#include "host/launch.cuh"
#include "plain_call.h"

namespace {

TopkCall call_of(const PlainCall& plain) {
  TopkCall call{};
  call.call.logits = plain.logits;
  call.call.row_stride = plain.row_stride;
  call.call.lengths = plain.lengths;
  call.call.output = plain.output;
  call.call.output_stride = plain.k;
  call.call.rows = plain.rows;
  call.call.columns = plain.columns;
  call.call.k = plain.k;
  call.call.queries = call.call.compress_ratio = 1;
  call.workspace = plain.workspace;
  call.stream = static_cast<cudaStream_t>(plain.stream);
  call.policy = persistent_topk::kChoosePolicy;
  call.device = plain.device;
  return call;
}

}  // namespace

extern "C" {

int plain_topk_launch(const PlainCall* plain) {
  const TopkCall call = call_of(*plain);
  return persistent_topk_launch(&call);
}

int plain_topk_workspace(const PlainCall* plain, int64_t* bytes) {
  const TopkCall call = call_of(*plain);
  return persistent_topk_workspace(&call, bytes);
}

int32_t plain_topk_max_k() { return persistent_topk::kMaxK; }

}  // extern "C"
