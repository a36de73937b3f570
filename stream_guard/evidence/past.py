"""A face's own past: where its log-likelihood ratios lie, and how far they spread."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError

__all__ = ["Past", "PastSettings"]

_LONGEST_GAP_S = 0.5
"""The longest a single frame can stand for."""

_TO_SIGMA = 1.4826
"""From the median absolute deviation of a normal distribution to its standard deviation."""

_MOST_KEPT = 256
"""Values that the past is made of, at most: one every 31 ms of eight seconds."""


@dataclass(frozen=True, slots=True)
class PastSettings:
    """What counts as the past.

    Attributes:
        learn_s: judged time that makes it. Half clips of four seconds of one real person were seen to differ by 0.6
            in the mean, so less is no past.
        follow_s: it then follows slowly: after so many seconds, a lasting difference has moved it by 1 - 1/e.
        variance: of log-likelihood ratios around it, at least; squared.
        step: a value further from it than this pulls no harder.
    """

    learn_s: float = 8.0
    follow_s: float = 60.0
    variance: float = 0.5
    step: float = 1.0

    def __post_init__(self) -> None:
        if not min(self.learn_s, self.follow_s, self.variance, self.step) > 0:
            raise ConfigError("evidence: every setting of the past must be above 0")


class Past:
    """Median and spread of the first seconds, then slowly following. Half of what it learns from may be odd.

    Attributes:
        level: the median; None until it is learnt.
        variance: squared median absolute deviation, as of a normal distribution, never below the settings'.
        fixed: it follows no more, because somebody vouches for it.
    """

    __slots__ = ("_at_ns", "_settings", "_values", "fixed", "learnt_s", "level", "variance")

    def __init__(self, settings: PastSettings | None = None) -> None:
        self._settings = settings or PastSettings()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.level: float | None = None
        self.variance = self._settings.variance
        self.fixed = False
        self.learnt_s = 0.0
        self._at_ns: int | None = None
        self._values: list[float] = []

    def passed(self, at_ns: int) -> float:
        """Return how many seconds the frame at a moment stands for, and remember the moment."""
        before, self._at_ns = self._at_ns, at_ns
        return min(_LONGEST_GAP_S, max(0, at_ns - before) / NS_PER_S) if before is not None else 0.0

    def learn(self, llr: float, stood_s: float) -> None:
        """Take a value into a past that is not known yet.

        Args:
            llr: a log-likelihood ratio.
            stood_s: seconds it stands for.
        """
        self.learnt_s += stood_s
        if len(self._values) == _MOST_KEPT:  # faster than that: every second one will do
            del self._values[::2]
        self._values.append(llr)
        if self.learnt_s >= self._settings.learn_s:
            self._settle()

    def fix(self) -> bool:
        """Take what was seen so far for real, and hold on to it; return whether there was anything."""
        if self.level is None and len(self._values) > 1:
            self._settle()
        self.fixed = self.level is not None
        return self.fixed

    def follow(self, llr: float, stood_s: float) -> None:
        """Let a known past follow a value a little, unless it is fixed."""
        if self.level is not None and not self.fixed:
            step = self._settings.step
            self.level += stood_s / self._settings.follow_s * max(-step, min(step, llr - self.level))

    def _settle(self) -> None:
        self.level = median(self._values)
        spread = _TO_SIGMA * median(abs(value - self.level) for value in self._values)
        self.variance = max(self._settings.variance, spread**2)
        self._values = []
