"""Measures the product beside the least that could do the same work: `make bench`, docs/benchmarks.md."""
