"""How far a face's score moved between two pictures of the same moments. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stream_guard.scoring.smoothing import clipped, sigmoid

__all__ = ["Figures", "Pair", "figures"]

_Z95 = 1.959964
"""Half-width of the central 95 % of a normal distribution, in standard deviations."""

_FEWEST_LOOKS = 3.0
"""Independent looks below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One moment: log-likelihood ratios of the face as it was, and as it arrived; positive leans to synthetic."""

    at_s: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the moments say together.

    Attributes:
        frames: how many moments there were.
        looks: independent looks that these are worth.
        before, after: mean log-likelihood ratios.
        margin: half-width of the 95 % interval of `moved`.
    """

    frames: int
    looks: float
    before: float
    after: float
    margin: float

    @property
    def moved(self) -> float:
        """How much more synthetic it looks afterwards, as a difference of log-likelihood ratios."""
        return self.after - self.before

    @property
    def authenticity_before(self) -> float:
        """0 to 1, 1 is authentic."""
        return sigmoid(-self.before)

    @property
    def authenticity_after(self) -> float:
        """0 to 1, 1 is authentic."""
        return sigmoid(-self.after)


def figures(pairs: Sequence[Pair], *, clip: float, correlation_s: float) -> Figures | None:
    """Return what moments say together, each weighed by how much it tells that the one before did not.

    The weights are those of live scores (`stream_guard.scoring.smoothing.Evidence`), without forgetting.

    Args:
        pairs: in order of time; those whose ratios are no numbers are left out.
        clip: one ratio counts no more than this, either way, as in live scores.
        correlation_s: how long errors last.

    Returns:
        None where there are too few independent looks.
    """
    known = [pair for pair in pairs if not (math.isnan(pair.before) or math.isnan(pair.after))]
    if not known:
        return None
    gaps = [correlation_s, *(after.at_s - one.at_s for one, after in pairwise(known))]
    weights = [math.tanh(max(0.0, gap) / (2 * correlation_s)) for gap in gaps]
    looks = sum(weights)
    if looks < _FEWEST_LOOKS:
        return None
    before = [clipped(pair.before, clip) for pair in known]
    moves = [clipped(pair.after, clip) - one for pair, one in zip(known, before, strict=True)]
    mean_before, mean_move = (
        sum(weight * value for weight, value in zip(weights, values, strict=True)) / looks
        for values in (before, moves)
    )
    squares = sum(weight * (move - mean_move) ** 2 for weight, move in zip(weights, moves, strict=True))
    spread = math.sqrt(squares / (looks - 1))
    return Figures(
        frames=len(known),
        looks=looks,
        before=mean_before,
        after=mean_before + mean_move,
        margin=_Z95 * spread / math.sqrt(looks),
    )
