"""The calls of inference engines by their own names: what changes in an engine is what it imports.

vllm, sglang, flashinfer and trtllm have the public calls of those projects, with their names, order of
arguments and defaults. They rename arguments for torch.ops.persistent_topk.select_out, which allocates
nothing and which a CUDA graph can capture. Everywhere the answer is the contract's: ties by lowest column,
columns ascending, then -1. Lengths may be any integers, and so may k of 1 .. 4096. Tensors may be on a CPU,
where the model answers.

Arguments that only steer another kernel (hints, scratch memory, plans, names of implementations) are accepted
and not read. An argument that asks for another answer raises NotImplementedError, which names it.
"""
