"""Watches somebody stand up, or come close to the camera."""

from __future__ import annotations

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.rest import Rest
from stream_guard.challenges.sight import Finding, Sight
from stream_guard.clock import NS_PER_MS

__all__ = ["MoveClose", "StandUp"]

_HELD_NS = 300 * NS_PER_MS
_LEAST_SHOWN = 0.3

_FRAMED = "a camera that follows the person hides it"


class StandUp:
    """The face rises by most of its own height, or leaves the picture upwards."""

    _SEEN, _PARTLY, _LEAVING = 0.8, 0.3, 0.35
    """Heights of the face at rest. One who leans back rises by less than 0.3."""

    def __init__(self, rest: Rest) -> None:
        """Begin, with where the face is at rest."""
        self._rest = rest
        self._peak = 0.0
        self._gone_ns: int | None = None
        self._left = False
        self._back_ns: int | None = None
        self._frames = self._shown = 0
        self.amount = 0.0
        self.done = False

    @property
    def busy(self) -> bool:
        """Whether the face is higher than at rest."""
        return self.amount >= self._PARTLY

    @property
    def progress(self) -> float:
        """Share of the rise that is asked for."""
        return 1.0 if self._left else min(1.0, max(0.0, self._peak) / self._SEEN)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        self._frames += 1
        if glimpse.box is None:
            if self.amount >= self._LEAVING:
                self._gone_ns = glimpse.at_ns if self._gone_ns is None else self._gone_ns
                self._left |= glimpse.at_ns - self._gone_ns >= _HELD_NS
                self._shown += 1
            return
        if not glimpse.shows:
            return
        self._shown += 1
        self._gone_ns = None
        self.amount = (self._rest.middle - glimpse.box.centre[1]) / self._rest.height
        self._peak = max(self._peak, self.amount)
        risen = self._left or self._peak >= self._SEEN
        if not risen or self.busy:
            self._back_ns = None
        elif self._back_ns is None:
            self._back_ns = glimpse.at_ns
        self.done = self._back_ns is not None and glimpse.at_ns - self._back_ns >= _HELD_NS

    def finding(self) -> Finding:
        """Return how far the face rose."""
        back = ", and came back" if self._back_ns is not None else ""
        if self._left:
            return Finding(Sight.SEEN, self._peak, f"the face left the picture upwards{back}")
        if self._peak >= self._SEEN:
            return Finding(Sight.SEEN, self._peak, f"the face rose by {self._peak:.1f} times its height{back}")
        if self._shown < _LEAST_SHOWN * max(1, self._frames):
            return Finding(Sight.CANNOT_TELL, None, "could not see whether they stood up: the face hardly showed")
        if self._peak >= self._PARTLY:
            words = f"the face rose by only {self._peak:.1f} times its height"
            return Finding(Sight.PARTLY, self._peak, words)
        return Finding(Sight.NOT_SEEN, self._peak, f"the face was not seen to rise ({_FRAMED})")


class MoveClose:
    """The face grows."""

    _SEEN, _PARTLY, _BACK = 1.3, 1.12, 1.12
    """Times the height at rest."""

    def __init__(self, rest: Rest) -> None:
        """Begin, with how large the face is at rest."""
        self._rest = rest
        self._peak = 1.0
        self._back_ns: int | None = None
        self._frames = self._shown = 0
        self.amount = 1.0
        self.done = False

    @property
    def busy(self) -> bool:
        """Whether the face is larger than at rest."""
        return self.amount >= self._PARTLY

    @property
    def progress(self) -> float:
        """Share of the growth that is asked for."""
        return min(1.0, max(0.0, self._peak - 1.0) / (self._SEEN - 1.0))

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        self._frames += 1
        if not glimpse.shows or glimpse.box is None:
            return
        self._shown += 1
        self.amount = glimpse.box.height / self._rest.height
        self._peak = max(self._peak, self.amount)
        if self._peak < self._SEEN or self.amount >= self._BACK:
            self._back_ns = None
        elif self._back_ns is None:
            self._back_ns = glimpse.at_ns
        self.done = self._back_ns is not None and glimpse.at_ns - self._back_ns >= _HELD_NS

    def finding(self) -> Finding:
        """Return how much larger the face became."""
        back = ", and small again" if self._back_ns is not None else ""
        if self._peak >= self._SEEN:
            return Finding(Sight.SEEN, self._peak, f"the face became {self._peak:.1f} times as large{back}")
        if self._shown < _LEAST_SHOWN * max(1, self._frames):
            return Finding(Sight.CANNOT_TELL, None, "could not see whether they came close: the face hardly showed")
        if self._peak >= self._PARTLY:
            return Finding(Sight.PARTLY, self._peak, f"the face became only {self._peak:.2f} times as large")
        return Finding(Sight.NOT_SEEN, self._peak, f"the face was not seen to grow ({_FRAMED})")
