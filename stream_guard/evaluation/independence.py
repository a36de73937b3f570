"""How much a further frame tells: the correlation of a model's errors over time, estimated on real footage.

Scoring takes a frame's error for an Ornstein-Uhlenbeck process (`scoring.smoothing`): two frames d seconds apart
correlate by ``exp(-d / c)``. Here c is estimated, and with it how much the errors vary within a clip and how much
from clip to clip. The latter is what no amount of frames averages away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.footage import Footage
from stream_guard.models.manifest import Independence

__all__ = ["Fit", "Variogram", "estimate", "fit", "variogram"]

LONGEST_LAG_S = 2.0
"""Longer lags are left out: clips of a few seconds have few such pairs, and scoring forgets within a second."""

_CORRELATIONS_S = np.geomspace(0.02, 5.0, 240)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Variogram:
    """Half the mean squared difference of two frames, by the time between them (Matheron 1963).

    Unlike an autocorrelation it needs no mean of the clip, whose estimate from a few seconds would pull every
    correlation down.

    Attributes:
        lags_s: shape (n,), seconds.
        values: shape (n,), squared logits.
        pairs: shape (n,), how many pairs of frames are behind each.
    """

    lags_s: Array
    values: Array
    pairs: Array


@dataclass(frozen=True, slots=True)
class Fit:
    """An Ornstein-Uhlenbeck process around each clip's own mean.

    Attributes:
        correlation_s: seconds after which errors correlate by 1/e.
        within: variance around a clip's mean.
        between: variance of the clips' means.
        mean: of the clips' means.
    """

    correlation_s: float
    within: float
    between: float
    mean: float


def variogram(clips: list[Footage], *, rate: float, longest_s: float = LONGEST_LAG_S) -> Variogram:
    """Return the variogram of several clips together, each pair of frames counting once.

    Args:
        clips: series of logits; frames that are not judged are left out.
        rate: frames a second they were watched at; lags are counted in such steps.
        longest_s: longest lag, in seconds.
    """
    steps = max(2, round(longest_s * rate))
    lags, squares, pairs = (np.zeros(steps) for _ in range(3))
    for clip in clips:
        times, values = clip.at_s[clip.judged], clip.logits[clip.judged]
        apart = times[None, :] - times[:, None]
        step = np.round(apart * rate).astype(int)
        used = (step >= 1) & (step <= steps)
        differences = (values[None, :] - values[:, None]) ** 2
        for into, what in ((lags, apart), (squares, differences), (pairs, np.ones_like(apart))):
            into += np.bincount(step[used] - 1, what[used], minlength=steps)
    seen = pairs > 0
    return Variogram(lags[seen] / pairs[seen], squares[seen] / (2 * pairs[seen]), pairs[seen])


def fit(clips: list[Footage], *, rate: float) -> Fit:
    """Fit ``variance * (1 - exp(-d / c))`` to the variogram, and take the clips' means apart.

    Least squares, each lag weighing as many pairs as it has. A mean over a clip of T seconds varies by chance by
    ``2 variance c / T (1 - c / T (1 - exp(-T / c)))``; that is taken off the variance of the clips' means.

    Args:
        clips: series of logits of real people.
        rate: frames a second they were watched at.

    Raises:
        ConfigError: fewer than two clips with two judged frames.
    """
    usable = [clip for clip in clips if clip.judged.sum() >= 2]
    if len(usable) < 2:
        raise ConfigError("independence needs at least two clips of real footage with a face")
    seen = variogram(usable, rate=rate)
    shapes = 1 - np.exp(-seen.lags_s[None, :] / _CORRELATIONS_S[:, None])
    sills = (shapes * seen.pairs * seen.values).sum(axis=1) / (shapes**2 * seen.pairs).sum(axis=1)
    misfits = (((sills[:, None] * shapes - seen.values) ** 2) * seen.pairs).sum(axis=1)
    best = int(np.argmin(misfits))
    c, within = float(_CORRELATIONS_S[best]), float(sills[best])
    means = np.array([clip.logits[clip.judged].mean() for clip in usable])
    shares = c / np.array([max(clip.seconds, 1 / rate) for clip in usable])
    by_chance = within * float((2 * shares * (1 - shares * (1 - np.exp(-1 / shares)))).mean())
    return Fit(c, within, max(0.0, float(means.var(ddof=1)) - by_chance), float(means.mean()))


def estimate(
    clips: list[Footage], rng: np.random.Generator, *, rate: float, measured_on: str, rounds: int = 200
) -> Independence:
    """Return what a manifest says of the independence of frames, with an interval that draws clips anew.

    Args:
        clips: series of calibrated logits of real people.
        rng: draws the clips.
        rate: frames a second they were watched at.
        measured_on: which footage, in words.
        rounds: of the bootstrap.

    Raises:
        ConfigError: fewer than two clips with two judged frames.
    """
    found = fit(clips, rate=rate)
    low, high = _correlation_interval(clips, rng, rate=rate, rounds=rounds)
    return Independence(
        correlation_s=round(found.correlation_s, 4),
        low=round(low, 4),
        high=round(high, 4),
        within=round(found.within, 4),
        between=round(found.between, 4),
        measured_on=measured_on,
    )


def _correlation_interval(
    clips: list[Footage], rng: np.random.Generator, *, rate: float, rounds: int
) -> tuple[float, float]:
    """Return the correlation time's 95 % percentile interval over clips (Efron 1979)."""
    usable = [clip for clip in clips if clip.judged.sum() >= 2]
    drawn = [
        fit([usable[i] for i in rng.integers(len(usable), size=len(usable))], rate=rate).correlation_s
        for _ in range(rounds)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
