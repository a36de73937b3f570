"""Joins what the frames of a face show with how it compares with its own past, into one level and its drivers."""

from __future__ import annotations

from dataclasses import replace

from stream_guard.evidence.shift import Shift, ShiftSettings
from stream_guard.scoring.observation import Cue, Driver
from stream_guard.scoring.smoothing import Estimate
from stream_guard.scoring.verdict import VerdictSettings

__all__ = ["Fusion"]

_SUSPICIOUS = 0.5
"""Share of the change cue's alarm from which on it is worth a word."""


class Fusion:
    """What speaks against one face.

    The cues see the same frames, so their evidence is not added up: the stronger one counts. Each has a threshold
    for its own false alarms. That of the change cue is laid onto the scale of the level: half-way to its alarm is
    ``fall``, its alarm is ``rise``.

    A picture that repeats itself lifts the level to ``fall``: that is worth a word, and says nothing of a swap.

    Attributes:
        trusted: somebody vouches for this face.
    """

    __slots__ = ("_change", "_leaning_ns", "_repeated_ns", "_trusted", "_verdict")

    def __init__(self, verdict: VerdictSettings, change: ShiftSettings | None) -> None:
        """Begin.

        Args:
            verdict: what the level is judged by.
            change: when a face has changed; None leaves that cue out.
        """
        self._verdict = verdict
        self._change = Shift(change) if change is not None else None
        self._trusted: float | None = None
        self._leaning_ns: int | None = None
        self._repeated_ns: int | None = None

    def clear(self) -> None:
        """Forget everything: the face was out of sight, and may be another one."""
        self.reroute()
        self._trusted = None
        self._leaning_ns = None
        self._repeated_ns = None

    def reroute(self) -> None:
        """Begin the past anew, because the picture gets here in another way; a vouched level stays."""
        if self._change is not None:
            self._change.clear()

    @property
    def trusted(self) -> bool:
        """Whether somebody vouches for this face."""
        return self._trusted is not None

    @property
    def past(self) -> float | None:
        """The face's own usual log-likelihood ratio; None until it is learnt."""
        return self._change.past if self._change is not None else None

    def trust(self, level: float) -> None:
        """Take the face for real as it has been so far, at somebody's word.

        Args:
            level: its smoothed log-likelihood ratio now, for want of a longer past.
        """
        if self._change is not None and self._change.trust():
            level = self._change.past or 0.0
        self._trusted = level

    def distrust(self) -> None:
        """Nobody vouches for it any more; its past is learnt anew."""
        self.reroute()
        self._trusted = None

    def add(self, at_ns: int, llr: float) -> None:
        """Take one scored frame; see `Shift.add`."""
        if self._change is not None:
            self._change.add(at_ns, llr)

    def repeated(self, since_ns: int | None) -> None:
        """Take note since when the picture repeats itself; None: it does not."""
        self._repeated_ns = since_ns

    def level(self, at_ns: int, estimate: Estimate) -> Estimate:
        """Return what all cues together amount to.

        Args:
            at_ns: now, at the last frame or after it.
            estimate: what the frames show by themselves.
        """
        own = self._of_its_own(estimate)
        leans = own.llr >= self._verdict.fall
        self._leaning_ns = (at_ns if self._leaning_ns is None else self._leaning_ns) if leans else None
        return replace(own, llr=max(own.llr, self._changed_level(at_ns), self._repeated_level))

    def frame(self, at_ns: int, llr: float) -> float:
        """Return the level of one frame: one that speaks for a change confirms a change."""
        own = llr - max(0.0, self._trusted or 0.0)
        supports = self._change is not None and self._change.supported
        return max(own, self._changed_level(at_ns)) if supports else own

    def drivers(self, at_ns: int, estimate: Estimate) -> tuple[Driver, ...]:
        """Return what speaks against the face, the strongest first; the arguments are those of `level`."""
        found: list[tuple[float, Driver]] = []
        changed = self._changed_level(at_ns)
        if self._change is not None and self._change.since_ns is not None and changed >= self._verdict.fall:
            found.append((changed, Driver(Cue.CHANGED, self._change.since_ns)))
        if self._leaning_ns is not None:
            found.append((self._of_its_own(estimate).llr, Driver(Cue.LOOKS_SYNTHETIC, self._leaning_ns)))
        if self._repeated_ns is not None:
            found.append((self._repeated_level, Driver(Cue.REPEATED, self._repeated_ns)))
        return tuple(driver for _, driver in sorted(found, key=lambda pair: -pair[0]))

    def _of_its_own(self, estimate: Estimate) -> Estimate:
        """Return the estimate, a trusted face's own leaning to synthetic taken off."""
        return replace(estimate, llr=estimate.llr - max(0.0, self._trusted or 0.0))

    @property
    def _repeated_level(self) -> float:
        return self._verdict.fall if self._repeated_ns is not None else float("-inf")

    def _changed_level(self, at_ns: int) -> float:
        """Return the change cue's evidence on the scale of the level; minus infinity where it is none."""
        if self._change is None or self._change.share < _SUSPICIOUS:
            return float("-inf")
        share = 1.0 if self._change.changed(at_ns) else min(self._change.share, 0.999)
        fall, rise = self._verdict.fall, self._verdict.rise
        return fall + (rise - fall) * (share - _SUSPICIOUS) / (1 - _SUSPICIOUS)
