"""Timings on a GPU by the protocol of the peers' figures; `persistent-topk bench --help`."""
