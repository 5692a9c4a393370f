"""Speed and memory of the reference, measured beside PyTorch: `python -m spec_tests.benchmarks`."""
