"""From logits to evidence: temperature and bias, and the thresholds for frame false-alarm rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError
from stream_guard.models.manifest import Calibration, Threshold

__all__ = ["FALSE_ALARM_RATES", "calibrate", "fit_line", "thresholds"]

FALSE_ALARM_RATES = (0.1, 0.05, 0.01)
_EVEN_ODDS_RATE = 0.05
"""At most this share of real footage lies above even odds."""

Logits = NDArray[np.float32]


def calibrate(real: Logits, fake: Logits, footage: list[Logits], *, fitted_on: str) -> Calibration:
    """Fit the calibration.

    The temperature and a first bias come from held-out real faces and their forged twins, seen through call
    codecs. Real video differs from stills, so the bias is raised where needed until at most 5 % of the
    frames of real footage lie above even odds. It is never lowered by footage.

    Args:
        real: logits of held-out real faces.
        fake: logits of their forged twins.
        footage: logits of real video, one array a clip; may be empty.
        fitted_on: which samples, in words.
    """
    temperature, bias = fit_line(real, fake)
    if footage:
        bias = max(bias, _weighted_quantile(footage, 1 - _EVEN_ODDS_RATE))
    return Calibration(temperature=temperature, bias=bias, fitted_on=fitted_on)


def thresholds(calibration: Calibration, reals: list[Logits]) -> tuple[Threshold, ...]:
    """Return the calibrated logits that these shares of real frames exceed.

    Args:
        calibration: from `calibrate`.
        reals: uncalibrated logits of real faces, one array a clip, each clip weighing the same.
    """
    return tuple(
        Threshold(
            false_alarm_rate=rate,
            logit=(_weighted_quantile(reals, 1 - rate) - calibration.bias) / calibration.temperature,
        )
        for rate in FALSE_ALARM_RATES
    )


def fit_line(real: Logits, fake: Logits, *, rounds: int = 100) -> tuple[float, float]:
    """Fit ``P(fake) = sigmoid((logit - bias) / temperature)`` by Newton's method (Platt 1999).

    Returns:
        Temperature and bias.

    Raises:
        ConfigError: the logits do not rise from real to fake, so no temperature exists.
    """
    logits = np.concatenate([real, fake]).astype(np.float64)
    labels = np.concatenate([np.zeros(len(real)), np.ones(len(fake))])
    # Each class weighs the same, however many there are; a little ridge keeps separable sets finite.
    weights = np.where(labels == 1, 0.5 / len(fake), 0.5 / len(real))
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    line = np.zeros(2)
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(design @ line, -50, 50)))
        gradient = design.T @ (weights * (chance - labels)) + 1e-4 * line
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design + 1e-4 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        line = line - step
        if np.abs(step).max() < 1e-9:
            break
    if line[0] <= 0:
        raise ConfigError("the model scores forged faces no higher than real ones: it cannot be calibrated")
    return float(1 / line[0]), float(-line[1] / line[0])


def _weighted_quantile(clips: list[Logits], share: float) -> float:
    """Return the quantile over all frames where each clip weighs the same."""
    values = np.concatenate(clips).astype(np.float64)
    weights = np.concatenate([np.full(len(clip), 1 / (len(clip) * len(clips))) for clip in clips])
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, share)), len(values) - 1)])
