"""Whether a probability means what it says: the share of fakes among what was given each probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.evaluation.intervals import wilson_interval

__all__ = ["Bin", "Reliability", "reliability"]


@dataclass(frozen=True, slots=True)
class Bin:
    """Everything that was given about the same probability.

    Attributes:
        predicted: mean probability given.
        observed: share that was fake, each class weighing the same in the whole.
        low: 95 % Wilson interval of the share, for the effective number of samples,
        high: likewise.
        count: samples.
    """

    predicted: float
    observed: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram and what it comes to. Real and fake weigh the same in all of it.

    Attributes:
        bins: from low to high probability, empty ones left out.
        ece: expected calibration error, 0 to 1 (Naeini et al., AAAI 2015).
        brier: mean squared error of the probability; 0.25 for one that knows nothing (Brier 1950).
        log_loss: mean negative log-likelihood; 0.693 for one that knows nothing.
    """

    bins: tuple[Bin, ...]
    ece: float
    brier: float
    log_loss: float


def reliability(
    real: NDArray[np.float64], fake: NDArray[np.float64], *, bins: int = 10, frames_in_a_look: float = 1.0
) -> Reliability:
    """Compare log-likelihood ratios with what was true.

    At equal weights of the classes, a log-likelihood ratio is the log-odds of fake.

    Args:
        real: calibrated logits of what was real.
        fake: calibrated logits of what was fake.
        bins: of equal width in probability.
        frames_in_a_look: how many samples tell as much as one independent one; widens the intervals.

    Raises:
        ConfigError: one of the classes is empty.
    """
    if not len(real) or not len(fake):
        raise ConfigError("a reliability diagram needs both real and fake")
    logits = np.concatenate([real, fake]).astype(np.float64)
    labels = np.concatenate([np.zeros(len(real)), np.ones(len(fake))])
    weights = np.where(labels == 1, 0.5 / len(fake), 0.5 / len(real))
    chances = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    places = np.minimum((chances * bins).astype(int), bins - 1)
    rows, gap = [], 0.0
    for place in np.unique(places):
        inside = places == place
        share = weights[inside].sum()
        predicted = float(weights[inside] @ chances[inside] / share)
        observed = float(weights[inside] @ labels[inside] / share)
        looks = share**2 / float((weights[inside] ** 2).sum()) / frames_in_a_look  # Kish 1965
        rows.append(Bin(predicted, observed, *wilson_interval(observed, looks), int(inside.sum())))
        gap += float(share) * abs(predicted - observed)
    # log(1 + exp(-s x)) without overflow, s being +1 for fake and -1 for real.
    losses = np.logaddexp(0.0, np.where(labels == 1, -logits, logits))
    return Reliability(tuple(rows), gap, float(weights @ (chances - labels) ** 2), float(weights @ losses))
