"""Intervals of counts: of events in a time, and of a share."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["poisson_interval", "wilson_interval"]


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson mean of which ``count`` events were seen (Garwood 1936)."""
    tail = 0.025
    top = count + 10 * math.sqrt(count + 1) + 20
    low = 0.0 if count == 0 else _solve(lambda mean: _at_most(count - 1, mean), 1 - tail, top)
    return low, _solve(lambda mean: _at_most(count, mean), tail, top)


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927), which holds at 0 and 1 and for few samples.

    Args:
        share: 0 to 1.
        count: of independent samples, above 0; need not be whole.
    """
    z = 1.959964  # of a normal distribution, 97.5 % lie below
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _at_most(count: int, mean: float) -> float:
    """Return the chance of at most so many events of a Poisson mean."""
    if mean <= 0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


def _solve(falling: Callable[[float], float], value: float, top: float) -> float:
    """Return where a falling function takes a value, between 0 and `top`, by halving."""
    low, high = 0.0, top
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > value else (low, middle)
    return (low + high) / 2
