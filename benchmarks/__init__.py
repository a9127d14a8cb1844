"""Speed of the parts that a run's time goes into: `python -m benchmarks`."""
