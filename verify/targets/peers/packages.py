"""The packages that other top-k kernels come in, by the import name of what each provides."""

from __future__ import annotations

PACKAGES = {
    "vllm": "vLLM's persistent and cooperative top-k",
    "sglang": "SGLang's fast_topk and topk_v2",
    "sgl_kernel": "SGLang's fast_topk_v2",
    "flashinfer": "FlashInfer's top_k_ragged_transform and top_k_varlen",
    "deep_select": "DeepSelect",
    "cuda.cccl": "CUB's DeviceBatchedTopK",
}
