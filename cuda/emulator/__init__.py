"""A GPU on a CPU: the C++ sources, what compiles them, and what calls the compiled kernel."""
