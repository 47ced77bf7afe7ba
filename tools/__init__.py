"""What a checkout's maintainers run on a GPU: the gate, its records, the sanitizers. Not installed."""
