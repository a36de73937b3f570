"""How well scores separate forged from real: AUC, equal error rate, hits at a false-alarm rate, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "auc", "bootstrap", "equal_error_rate", "hit_rate"]

Scores = NDArray[np.float64]
Figure = Callable[[Scores, Scores], float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def auc(real: Scores, fake: Scores) -> float:
    """Return the chance that a fake scores higher than a real, ties counted half (Mann and Whitney 1947)."""
    ordered = np.sort(real)
    below = np.searchsorted(ordered, fake, "left")
    up_to = np.searchsorted(ordered, fake, "right")
    return float((below + up_to).mean() / (2 * len(real)))


def equal_error_rate(real: Scores, fake: Scores) -> float:
    """Return the error rate at the threshold where false alarms and misses are most nearly equal."""
    thresholds = np.unique(np.concatenate([real, fake, [np.inf]]))
    alarms = 1 - np.searchsorted(np.sort(real), thresholds, "left") / len(real)
    misses = np.searchsorted(np.sort(fake), thresholds, "left") / len(fake)
    best = int(np.argmin(np.abs(alarms - misses)))
    return float((alarms[best] + misses[best]) / 2)


def hit_rate(real: Scores, fake: Scores, *, false_alarm_rate: float = 0.01) -> float:
    """Return the share of fakes above a threshold that at most this share of reals reaches.

    With few reals none may reach it: the threshold then lies just above the highest.
    """
    allowed = int(np.floor(false_alarm_rate * len(real)))
    threshold = np.sort(real)[len(real) - 1 - allowed]
    return float((fake > threshold).mean())


def bootstrap(real: Scores, fake: Scores, figure: Figure, *, rounds: int = 1000, seed: int = 0) -> Estimate:
    """Return a figure with its percentile interval, drawing whole clips anew (Efron 1979).

    Args:
        real: one score for each real clip.
        fake: one score for each forged clip.
        figure: for instance `auc`.
        rounds: how often to draw.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    drawn = [figure(rng.choice(real, len(real)), rng.choice(fake, len(fake))) for _ in range(rounds)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(figure(real, fake), float(low), float(high))
