"""Ratios of the system to raw baselines, both measured in the same run. See docs/benchmarks.md."""
