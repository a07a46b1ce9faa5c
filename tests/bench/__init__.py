"""Benchmarks, most of them ratios of two measurements in the same run: `python -m tests.bench`."""
