"""The kernel under NVIDIA's compute-sanitizer: `python -m persistent_topk.tools.sanitizer`."""
