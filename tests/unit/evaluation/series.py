"""Made-up footage: what a model says of clips is written down, not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from stream_guard.evaluation.clips import Clip
from stream_guard.evaluation.footage import Footage
from stream_guard.evaluation.population import noise


def series(
    logits: np.ndarray | list[float],
    *,
    label: Literal["real", "fake"] = "real",
    name: str = "clip.mp4",
    rate: float = 10.0,
) -> Footage:
    values = np.asarray(logits, np.float64)
    return Footage(
        Clip(Path(name), label, label),
        np.arange(len(values)) / rate,
        values,
        np.full(len(values), 120.0),
        tuple(() for _ in values),
    )


def people(
    count: int,
    *,
    seconds: float,
    correlation_s: float,
    within: float,
    between: float,
    seed: int,
    mean: float = -2.0,
) -> list[Footage]:
    """Return clips of an Ornstein-Uhlenbeck process around a mean of each clip's own."""
    rng = np.random.default_rng(seed)
    errors = noise(rng, calls=count, frames=round(10 * seconds), rate=10, correlation_s=correlation_s)
    means = rng.normal(mean, between**0.5, count)
    return [
        series(own + within**0.5 * error, name=f"{number}.mp4")
        for number, (own, error) in enumerate(zip(means, errors, strict=True))
    ]
