"""The change cue: has this face, compared with its own past, begun to look synthetic?

Cameras and people move a model's log-likelihood ratios more than a face swap does, but a swap that begins in
mid-call moves those of one and the same person and camera. So each value is compared with the face's own past,
by Page's cumulative sum (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954). No other rule with as
few false alarms finds a change sooner at worst (G. Lorden, "Procedures for reacting to a change in distribution",
Annals of Mathematical Statistics 42, 1971).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

from stream_guard.clock import NS_PER_MS, seconds
from stream_guard.errors import ConfigError
from stream_guard.evidence.past import Past, PastSettings

__all__ = ["Shift", "ShiftSettings"]

_ALARMS = ((5.0, 15.0), (2.8, 20.0), (0.92, 35.0), (0.42, 50.0), (0.12, 70.0), (0.08, 80.0))
"""False changes an hour of one real face, and the evidence in nats that keeps to so many: modelled by
`evaluation.drift` on 120 hours; `python -m benchmarks.accuracy.change` prints them anew."""


@dataclass(frozen=True, slots=True)
class ShiftSettings:
    """When a face has changed. `docs/evidence.md` gives the reasons and the measurements.

    Attributes:
        past: what counts as the face's past.
        size: the shift it is tuned to, as a log-likelihood ratio; half of it is where evidence begins.
        correlation_s: after this long, the errors of two frames correlate by 1/e.
        most: a frame counts as no further from the past than this.
        alarm: evidence, in nats, at which the face has changed.
        sure_ns: it must have gathered for so long.
        frozen_at: evidence, in nats, from which on the past is no longer followed.
    """

    past: PastSettings = field(default_factory=PastSettings)
    size: float = 3.0
    correlation_s: float = 0.15
    most: float = 3.0
    alarm: float = 50.0
    sure_ns: int = 1000 * NS_PER_MS
    frozen_at: float = 1.0

    def __post_init__(self) -> None:
        if not min(self.size, self.correlation_s, self.alarm, self.frozen_at) > 0:
            raise ConfigError("evidence: every setting of the change cue must be above 0")
        if self.most <= self.size / 2:
            raise ConfigError("evidence: a frame must be able to count for a change: most above size / 2")

    @classmethod
    def at_rate(cls, per_hour: float, *, correlation_s: float = 0.15) -> Self | None:
        """Return the settings that keep to a rate of false changes; the mildest that was worked out.

        Args:
            per_hour: false changes an hour of one real face.
            correlation_s: the model's.

        Returns:
            None where so low a rate was not worked out.
        """
        keeping = [alarm for rate, alarm in _ALARMS if rate <= per_hour]
        return cls(alarm=min(keeping), correlation_s=correlation_s) if keeping else None


class Shift:
    """Page's test on one face's log-likelihood ratios.

    A frame adds ``weight * size / variance * (llr - past - size / 2)``: the log-likelihood ratio of a face that has
    shifted by ``size`` against one that has not, weighed by how much of an independent look the frame is
    (``tanh(gap / 2c)``, as in `scoring.smoothing`). The sum never falls below 0, which dates the change: it began
    when the sum last left 0.

    Attributes:
        evidence: the sum, in nats.
        since_ns: when it began to gather; None while there is none.
    """

    __slots__ = ("_past", "_settings", "_supported", "evidence", "since_ns")

    def __init__(self, settings: ShiftSettings | None = None) -> None:
        self._settings = settings or ShiftSettings()
        self._past = Past(self._settings.past)
        self.evidence = 0.0
        self.since_ns: int | None = None
        self._supported = False

    def clear(self) -> None:
        """Forget everything, the past too: a cut, a silence, another way the picture gets here."""
        self._past.clear()
        self._rest()

    @property
    def past(self) -> float | None:
        """Where the face's log-likelihood ratios lay; None until that is learnt."""
        return self._past.level

    @property
    def share(self) -> float:
        """How far the evidence has got, 0 to 1; 1 is a change. Below 1 until it has gathered for long enough."""
        return min(1.0, self.evidence / self._settings.alarm)

    @property
    def supported(self) -> bool:
        """Whether the last frame itself speaks for a change."""
        return self._supported

    def add(self, at_ns: int, llr: float) -> None:
        """Take one scored frame.

        Args:
            at_ns: its place on the time line; not before the last one's.
            llr: its log-likelihood ratio, positive for synthetic.
        """
        settings, past = self._settings, self._past
        stood_s = past.passed(at_ns)
        if past.level is None:
            past.learn(llr, stood_s)
            return
        above = max(-settings.most, min(settings.most, llr - past.level)) - settings.size / 2
        weight = math.tanh(stood_s / (2 * settings.correlation_s))
        gathered = self.evidence + weight * settings.size / past.variance * above
        self._supported = above > 0
        if gathered <= 0:
            self._rest()
        elif self.since_ns is None:
            self.since_ns = at_ns
        # Not without bound: a face that is itself again must not have to make up for minutes.
        self.evidence = max(0.0, min(gathered, 1.5 * settings.alarm))
        if self.evidence < settings.frozen_at:
            past.follow(llr, stood_s)

    def changed(self, at_ns: int) -> bool:
        """Return whether the face has changed, at the moment of the last frame."""
        return (
            self.since_ns is not None
            and self.evidence >= self._settings.alarm
            and seconds(at_ns - self.since_ns) >= seconds(self._settings.sure_ns)
        )

    def trust(self) -> bool:
        """Take what was seen of the face so far for real, at somebody's word; evidence begins anew.

        Returns:
            Whether anything had been seen.
        """
        self._rest()
        return self._past.fix()

    def _rest(self) -> None:
        self.evidence = 0.0
        self.since_ns = None
        self._supported = False
