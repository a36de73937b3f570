"""Benchmarks: how long, how many, how fast. Each drives the real thing from outside and writes one JSON file."""
