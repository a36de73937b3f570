"""From a wavering number to a steady word: two thresholds, two durations."""

from __future__ import annotations

from dataclasses import dataclass

from stream_guard.clock import NS_PER_MS
from stream_guard.errors import ConfigError
from stream_guard.scoring.observation import State

__all__ = ["Verdict", "VerdictSettings"]


@dataclass(frozen=True, slots=True)
class VerdictSettings:
    """When an alarm is raised and when it is taken back.

    With these and the default smoothing, a face whose frames turn from -3 to 3 is called synthetic 1.5 s later,
    and no half second of odd frames ever raises an alarm.

    Attributes:
        rise: smoothed log-likelihood ratio from which on a face may be called synthetic (0.85: authenticity 0.3).
        fall: below this it is authentic; in between it is suspicious (0: authenticity 0.5).
        min_on_ns: how long a threshold must be held on the way up.
        min_off_ns: how long the level must stay below ``fall`` on the way back.
    """

    rise: float = 0.85
    fall: float = 0.0
    min_on_ns: int = 500 * NS_PER_MS
    min_off_ns: int = 2000 * NS_PER_MS

    def __post_init__(self) -> None:
        if not self.fall <= self.rise:
            raise ConfigError("verdict: fall must not be above rise")
        if self.min_on_ns < 0 or self.min_off_ns < 0:
            raise ConfigError("verdict: durations must not be negative")


class Verdict:
    """Hysteresis over the smoothed level of one face.

    Going up is by time (the level has held the threshold for ``min_on_ns`` without a break) and, for the alarm
    itself, by fact: the frame that raises it must itself be over ``rise``. Smoothing keeps a level up after the
    odd frames have gone; without that rule half a second of them could still trip the alarm in the aftermath.

    A level between the thresholds leaves synthetic as it is.

    Attributes:
        state: authentic, suspicious or synthetic; None before the first step.
    """

    __slots__ = ("_at_fall", "_at_rise", "_below", "_settings", "state")

    def __init__(self, settings: VerdictSettings | None = None) -> None:
        self._settings = settings or VerdictSettings()
        self.reset()

    def reset(self) -> None:
        """Start anew: scene cut, silence, another face."""
        self.state: State | None = None
        self.pause()

    def pause(self) -> None:
        """Break every running duration, because the face cannot be judged. The state stays as it is."""
        self._at_rise: int | None = None
        self._at_fall: int | None = None
        self._below: int | None = None

    def step(self, at_ns: int, level: float, llr: float) -> State:
        """Take a scored frame.

        Args:
            at_ns: its place on the time line; not before the last one's.
            level: the smoothed log-likelihood ratio, this frame included.
            llr: this frame's own.

        Returns:
            The state that holds from here on.
        """
        settings = self._settings
        self._at_rise = _since(self._at_rise, at_ns, holds=level >= settings.rise)
        self._at_fall = _since(self._at_fall, at_ns, holds=level >= settings.fall)
        self._below = _since(self._below, at_ns, holds=level < settings.fall)
        if self.state is None:
            # Nothing to hold on to yet; "authentic" over a high level would be false comfort.
            self.state = State.AUTHENTIC if level < settings.fall else State.SUSPICIOUS
        if _held(self._at_rise, at_ns, settings.min_on_ns) and llr >= settings.rise:
            self.state = State.SYNTHETIC
        elif self.state is State.AUTHENTIC:
            if _held(self._at_fall, at_ns, settings.min_on_ns):
                self.state = State.SUSPICIOUS
        elif _held(self._below, at_ns, settings.min_off_ns):
            self.state = State.AUTHENTIC
        return self.state


def _since(since: int | None, at_ns: int, *, holds: bool) -> int | None:
    """Return when a condition that may hold now began to hold."""
    if not holds:
        return None
    return at_ns if since is None else since


def _held(since: int | None, at_ns: int, for_ns: int) -> bool:
    return since is not None and at_ns - since >= for_ns
