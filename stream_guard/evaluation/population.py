"""Made-up callers: persons like those that were measured, and errors that last as theirs do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ConfigError

__all__ = ["Population", "noise"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Who calls: the mean logits of real persons, to be drawn from.

    Attributes:
        clips: mean of each clip of footage.
        stills: logits of single still pictures, other persons' each; may be empty.
        within: variance of a frame around its person's mean.
    """

    clips: Array
    stills: Array
    within: float

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Draw persons, half of them like the clips, half like the stills where there are any.

        A clip's mean is blurred by Silverman's bandwidth (1986): a few clips are not all the people there are. A
        still's logit is drawn in towards the stills' mean, because the frame's own error is part of it.
        """
        if len(self.clips) < 2:
            raise ConfigError("thresholds need at least two clips of real footage with a face")
        like_clips = count - count // 2 if len(self.stills) else count
        width = 1.06 * self.clips.std(ddof=1) * len(self.clips) ** -0.2
        drawn = rng.choice(self.clips, like_clips) + rng.normal(0.0, width, like_clips)
        if not len(self.stills):
            return drawn
        mean, variance = self.stills.mean(), max(float(self.stills.var()), 1e-9)
        kept = math.sqrt(max(0.0, 1 - self.within / variance))
        return np.concatenate([drawn, mean + kept * (rng.choice(self.stills, count // 2) - mean)])

    def redrawn(self, rng: np.random.Generator) -> Population:
        """Return the population with its clips and stills drawn anew, for a bootstrap."""
        return replace(
            self,
            clips=rng.choice(self.clips, len(self.clips)),
            stills=rng.choice(self.stills, len(self.stills)) if len(self.stills) else self.stills,
        )


def noise(rng: np.random.Generator, *, calls: int, frames: int, rate: float, correlation_s: float) -> Array:
    """Return Ornstein-Uhlenbeck processes of mean 0 and variance 1, sampled exactly; shape (calls, frames)."""
    kept = math.exp(-1 / (rate * correlation_s))
    steps = rng.normal(size=(calls, frames))
    steps[:, 1:] *= math.sqrt(1 - kept**2)
    for frame in range(1, frames):
        steps[:, frame] += kept * steps[:, frame - 1]
    return steps
