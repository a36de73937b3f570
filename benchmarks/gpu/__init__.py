"""What only a GPU can tell; `benchmarks/gpu.sh` runs all of it."""
