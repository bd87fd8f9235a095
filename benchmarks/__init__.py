"""Measurements, each beside a named rival doing the same work in the same run. `make bench`, or `python -m benchmarks --help`."""
