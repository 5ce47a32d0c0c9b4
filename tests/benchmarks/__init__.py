"""The benchmarks: their figures, and that ours keep their promises."""
