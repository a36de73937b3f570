"""Rolling evidence about one face: what many frames, none of them independent, say together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError

__all__ = ["Estimate", "Evidence", "SmoothingSettings", "clipped", "sigmoid"]

_Z95 = 1.959964
"""Half-width of the central 95 % of a normal distribution, in standard deviations."""


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)), for any x without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1 + grown)


def clipped(llr: float, limit: float) -> float:
    """Return a log-likelihood ratio held between ``-limit`` and ``limit``."""
    return max(-limit, min(limit, llr))


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How frames are weighed. The reasons stand in ``docs/scoring.md``.

    Attributes:
        time_constant_s: after this long, what a frame said counts 1/e.
        correlation_s: after this long, the errors of two frames correlate by 1/e. From a measured lag-1
            autocorrelation r of frames d seconds apart: ``-d / ln(r)``.
        clip: one frame's log-likelihood ratio counts no more than this, either way.
        spread: standard deviation of one frame's log-likelihood ratio, before any was seen.
        spread_looks: how many independent looks that belief is worth.
    """

    time_constant_s: float = 1.0
    correlation_s: float = 0.15
    clip: float = 4.0
    spread: float = 1.5
    spread_looks: float = 3.0

    def __post_init__(self) -> None:
        if not all(
            math.isfinite(value) and value > 0
            for value in (self.time_constant_s, self.correlation_s, self.clip, self.spread, self.spread_looks)
        ):
            raise ConfigError("smoothing: every setting must be a finite number above 0")

    def looks_at(self, rate: float) -> float:
        """Return how many independent looks so many scored frames a second add up to in the long run."""
        kept = math.exp(-1 / (rate * self.time_constant_s))
        return math.tanh(self.time_constant_s * (1 - kept) / (2 * self.correlation_s)) / (1 - kept)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the evidence amounts to at one moment.

    Attributes:
        llr: the smoothed log-likelihood ratio, positive for synthetic.
        looks: how many independent looks at the face it rests on; less as it ages.
        margin: half-width of the 95 % interval of ``llr``.
    """

    llr: float
    looks: float
    margin: float

    @property
    def authenticity(self) -> float:
        """0 to 1, 1 is authentic."""
        return sigmoid(-self.llr)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the authenticity, (low, high)."""
        return sigmoid(-self.llr - self.margin), sigmoid(-self.llr + self.margin)

    def weakened(self, share: float) -> Self:
        """Return the estimate with only a share of the evidence left: the same value, a wider interval.

        Where a picture tells ``share`` of what the model says it does, a true log-likelihood ratio lies as far
        from even odds as ``share`` times what was said; what was said is known as much less well.

        Args:
            share: above 0, at most 1.
        """
        return replace(self, margin=self.margin / share)


class Evidence:
    """An exponentially forgetting mean over frames at irregular times.

    A frame weighs as much as it tells that the frame before did not. With errors that correlate by
    ``exp(-d / correlation_s)`` over d seconds (an Ornstein-Uhlenbeck process), that is
    ``tanh(d / (2 correlation_s))`` of an independent look: exactly the Fisher information a further sample adds
    about the mean. Frames in quick succession therefore weigh by the time they stand for, whatever the rate, and
    frames far apart weigh one each. The weights add up to the number of independent looks, and from that follows
    the interval.

    Mean and spread are kept by West's update (CACM 22(9), 1979), four numbers in all.
    """

    __slots__ = ("_at_ns", "_looks", "_mean", "_settings", "_squares")

    def __init__(self, settings: SmoothingSettings | None = None) -> None:
        self._settings = settings or SmoothingSettings()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._at_ns: int | None = None
        self._looks = 0.0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, at_ns: int, llr: float) -> float:
        """Take one scored frame.

        Args:
            at_ns: its place on the time line; not before the last one's.
            llr: its log-likelihood ratio; infinite counts as the clip.

        Returns:
            How many independent looks it is worth, 0 to 1.

        Raises:
            ValueError: ``llr`` is not a number.
        """
        if math.isnan(llr):
            raise ValueError("a log-likelihood ratio must be a number")
        settings = self._settings
        if self._at_ns is None:
            # Nobody knows how the moments before looked: half a look, as after one correlation time.
            weight = math.tanh(0.5)
        else:
            kept = self._kept(at_ns)
            self._looks *= kept
            self._squares *= kept
            # The part of the gap that is not forgotten yet.
            lately_s = settings.time_constant_s * (1 - kept)
            weight = math.tanh(lately_s / (2 * settings.correlation_s))
        self._at_ns = at_ns if self._at_ns is None else max(at_ns, self._at_ns)
        if weight == 0:
            return 0.0  # the same moment again tells nothing
        self._looks += weight
        before = clipped(llr, settings.clip) - self._mean
        self._mean += before * weight / self._looks
        self._squares += weight * before * (clipped(llr, settings.clip) - self._mean)
        return weight

    def at(self, now_ns: int) -> Estimate | None:
        """Return what the evidence amounts to now, or None where there is none."""
        if self._at_ns is None:
            return None
        settings = self._settings
        kept = self._kept(now_ns)
        looks = max(self._looks * kept, 1e-9)  # ancient, but still a divisor
        prior = settings.spread_looks * settings.spread**2
        variance = (prior + self._squares * kept) / (settings.spread_looks + looks)
        return Estimate(llr=self._mean, looks=looks, margin=_Z95 * math.sqrt(variance / looks))

    def _kept(self, now_ns: int) -> float:
        """Return the share of the evidence that is not forgotten at a moment."""
        assert self._at_ns is not None
        return math.exp(-max(0, now_ns - self._at_ns) / (self._settings.time_constant_s * NS_PER_S))
