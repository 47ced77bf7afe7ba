"""Other people's kernels: what brings each into this process, and what it claims."""
