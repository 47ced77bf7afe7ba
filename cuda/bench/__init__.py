"""Timings on a GPU by the protocol of the peers' figures; `python -m persistent_topk.cuda.bench --help`."""
