"""What `farbench new` writes: plugins in a file, packages of them, benchmarks."""
