"""What conda-overlay costs; `python3 -m tests.benchmarks` measures it."""
