"""The operators for CUDA tensors in C++, by libtorch's stable ABI, and how Python loads them."""
