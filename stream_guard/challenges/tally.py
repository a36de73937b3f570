"""The score of one stretch of time: what its frames say together, and how many of them could be judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.scoring.smoothing import Evidence, SmoothingSettings, clipped

__all__ = ["Tally", "TallyReport"]

_FOREVER_S = 1e6
"""Nothing is forgotten within a stretch."""


@dataclass(frozen=True, slots=True)
class TallyReport:
    """What a stretch says.

    Attributes:
        frames: on which the face should have been there and it was its turn.
        judged: of them, those that were scored.
        looks: how many independent looks at the face these are worth.
        llr: the sum of their log-likelihood ratios, each weighed by the look it is worth; positive is synthetic.
        authenticity: of their mean, 0 to 1; None where the looks are too few to say.
        interval: 95 %.
    """

    frames: int
    judged: int
    looks: float
    llr: float
    authenticity: float | None
    interval: tuple[float, float] | None


class Tally:
    """Adds frames up. A frame that cannot be judged is less evidence, and says nothing for or against."""

    def __init__(self, smoothing: SmoothingSettings, *, enough_looks: float) -> None:
        """Begin.

        Args:
            smoothing: the model's; its memory is not used.
            enough_looks: independent looks before a score is given.
        """
        self._clip = smoothing.clip
        self._enough = enough_looks
        self._evidence = Evidence(replace(smoothing, time_constant_s=_FOREVER_S))
        self._at_ns = 0
        self._frames = self._judged = 0
        self._looks = self._sum = 0.0

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        self._at_ns = glimpse.at_ns
        if glimpse.face is not None and not glimpse.measured:
            return
        self._frames += 1
        if glimpse.llr is None:
            return
        self._judged += 1
        weight = self._evidence.add(glimpse.at_ns, glimpse.llr)
        self._looks += weight
        self._sum += weight * clipped(glimpse.llr, self._clip)

    def report(self) -> TallyReport:
        """Return what it comes to."""
        estimate = self._evidence.at(self._at_ns) if self._looks >= self._enough else None
        return TallyReport(
            frames=self._frames,
            judged=self._judged,
            looks=self._looks,
            llr=self._sum,
            authenticity=estimate.authenticity if estimate is not None else None,
            interval=estimate.interval if estimate is not None else None,
        )
