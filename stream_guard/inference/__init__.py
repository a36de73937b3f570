"""Tensor in, tensor out: the engines' contract, their registry, and the one thread that runs them."""
