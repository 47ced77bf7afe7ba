#pragma once

#include <torch/torch.h>

// The contract's selection of each row. logits: float32 [rows, columns], column stride 1. lengths: int32
// [rows], contiguous. output: int32 [rows, k], contiguous, written. workspace: workspace_size() bytes,
// contiguous, of any dtype. All are on one CUDA device. No allocation, no wait: capturable in a graph.
void topk_out(const torch::Tensor& logits, const torch::Tensor& lengths, torch::Tensor& output,
              torch::Tensor& workspace, int64_t k);

// Bytes of workspace that topk_out() needs on a device, for logits of [rows, columns] at most.
int64_t workspace_size(int64_t rows, int64_t columns, int64_t device);
