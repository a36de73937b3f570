"""How much of a face's time could be judged, and what stood in the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.face import Reason

__all__ = ["Coverage", "CoverageSettings"]

_FIRST_S = 1 / 30
"""What the first frame of a face stands for, in seconds: nobody knows how long the face was there before."""

_NAMED = 0.2
"""A reason that stood for less than this share of the refused time is not worth a word."""


@dataclass(frozen=True, slots=True)
class CoverageSettings:
    """When a face counts as one that cannot be judged.

    Attributes:
        time_constant_s: length of memory; after this long a frame counts 1/e.
        step_s: the longest a single frame can stand for.
        floor: coverage below this makes the face one that cannot be judged,
        ceiling: and from here on it can be again.
    """

    time_constant_s: float = 1.0
    step_s: float = 0.5
    floor: float = 0.4
    ceiling: float = 0.6

    def __post_init__(self) -> None:
        if not (self.time_constant_s > 0 and self.step_s > 0):
            raise ConfigError("coverage: times must be above 0")
        if not 0 <= self.floor <= self.ceiling <= 1:
            raise ConfigError("coverage: must be 0 <= floor <= ceiling <= 1")


class Coverage:
    """Share of recent face time that could be judged, weighed by time and forgetting exponentially.

    Only frames on which the face was looked at count. A face whose turn it was not has neither gained nor
    lost: what that does to the score is for the evidence to say.

    Attributes:
        refused: whether there is too little to judge by, held between floor and ceiling.
    """

    __slots__ = ("_against", "_at_ns", "_judged_s", "_refused_s", "_settings", "refused")

    def __init__(self, settings: CoverageSettings | None = None) -> None:
        self._settings = settings or CoverageSettings()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._at_ns: int | None = None
        self._judged_s = 0.0
        self._refused_s = 0.0
        self._against: dict[Reason, float] = {}
        self.refused = False

    def add(self, at_ns: int, reasons: tuple[Reason, ...]) -> None:
        """Take a frame on which the face was looked at.

        Args:
            at_ns: its place on the time line; not before the last one's.
            reasons: why it could not be judged; empty where it was.
        """
        stood_s = self._age(at_ns)
        if reasons:
            self._refused_s += stood_s
            for reason in set(reasons):
                self._against[reason] = self._against.get(reason, 0.0) + stood_s
        else:
            self._judged_s += stood_s
        share = self.share
        self.refused = share < (self._settings.ceiling if self.refused else self._settings.floor)

    @property
    def share(self) -> float:
        """Judged time over all time looked at, 0 to 1; 0 before the first look."""
        total = self._judged_s + self._refused_s
        return self._judged_s / total if total > 0 else 0.0

    @property
    def suffers(self) -> bool:
        """Whether so much was refused lately that people should know why."""
        return self._refused_s > 0 and self.share < (1 + self._settings.ceiling) / 2

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What stood in the way lately, the longest first; passing ones are left out."""
        named = [(s, reason) for reason, s in self._against.items() if s >= _NAMED * self._refused_s]
        return tuple(reason for _, reason in sorted(named, key=lambda pair: (-pair[0], pair[1])))

    def _age(self, at_ns: int) -> float:
        """Forget up to a moment; return the seconds that a frame at that moment stands for."""
        if self._at_ns is None:
            self._at_ns = at_ns
            return _FIRST_S
        gap_s = max(0, at_ns - self._at_ns) / NS_PER_S
        kept = math.exp(-gap_s / self._settings.time_constant_s)
        self._judged_s *= kept
        self._refused_s *= kept
        self._against = {reason: s * kept for reason, s in self._against.items()}
        self._at_ns = max(at_ns, self._at_ns)
        stood_s = min(gap_s, self._settings.step_s)
        # The part of that time that is not forgotten yet.
        return self._settings.time_constant_s * (1 - math.exp(-stood_s / self._settings.time_constant_s))
