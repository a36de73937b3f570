"""Watches a head turn to one side and back."""

from __future__ import annotations

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.rest import Rest
from stream_guard.challenges.sight import Finding, Sight
from stream_guard.clock import NS_PER_MS
from stream_guard.face import Reason

__all__ = ["Turn"]

_SEEN = 30.0
_PARTLY = 20.0
_BACK = 12.0
"""Degrees from where the head was at rest. Of 50 clips of people who talk 11 come to more than 12 degrees to one
side within eight seconds, and one, in which the head does turn, to more than 30."""

_HELD_NS = 300 * NS_PER_MS
_LEAST_SHOWN = 0.3
"""Share of the frames on which the face must show, or be lost to turning, for "not seen" to mean anything."""


class Turn:
    """A turn of the head, by the yaw of the landmarks.

    Beyond 60 to 70 degrees the landmarks are lost; a face that was last seen turning and then vanished "turned
    away" counts as turned at least as far as it was seen.
    """

    def __init__(self, rest: Rest, *, left: bool) -> None:
        """Begin.

        Args:
            rest: how the head is held before.
            left: whether the person was asked to turn to their own left.
        """
        self._rest = rest
        self._sign = 1.0 if left else -1.0
        self._side, self._other = ("left", "right") if left else ("right", "left")
        self._peak = self._wrong = 0.0
        self._lost = False
        self._back_ns: int | None = None
        self._frames = self._shown = 0
        self.amount = 0.0
        self.done = False

    @property
    def busy(self) -> bool:
        """Whether the head is turned away from where it rests."""
        return abs(self.amount) >= _BACK

    @property
    def progress(self) -> float:
        """Share of the turn that is asked for."""
        return min(1.0, max(0.0, self._peak) / _SEEN)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        self._frames += 1
        if glimpse.pose is None:
            # The last angle stands: a profile shows no landmarks.
            gone = self.busy and (glimpse.face is None or Reason.TURNED_AWAY in glimpse.reasons)
            self._lost |= gone
            self._shown += gone
            return
        if not glimpse.measured:
            return
        self._shown += 1
        self.amount = self._sign * (glimpse.pose.yaw - self._rest.yaw)
        self._peak = max(self._peak, self.amount)
        self._wrong = max(self._wrong, -self.amount)
        if self._peak < _SEEN or abs(self.amount) >= _BACK:
            self._back_ns = None
        elif self._back_ns is None:
            self._back_ns = glimpse.at_ns
        self.done = self._back_ns is not None and glimpse.at_ns - self._back_ns >= _HELD_NS

    def finding(self) -> Finding:
        """Return how far the head turned."""
        beyond = ", and further than can be followed" if self._lost else ""
        back = ", and back" if self._back_ns is not None else ""
        if self._peak >= _SEEN:
            return Finding(
                Sight.SEEN, self._peak, f"turned {self._peak:.0f} degrees to their {self._side}{beyond}{back}"
            )
        if self._wrong >= _SEEN:
            return Finding(
                Sight.PARTLY,
                -self._wrong,
                f"turned {self._wrong:.0f} degrees to their {self._other}, not to the {self._side} "
                f"(some programs mirror the picture){beyond}",
            )
        if self._peak >= _PARTLY:
            return Finding(
                Sight.PARTLY, self._peak, f"turned only {self._peak:.0f} degrees to their {self._side}{beyond}"
            )
        if self._shown < _LEAST_SHOWN * max(1, self._frames):
            return Finding(Sight.CANNOT_TELL, None, "could not see whether the head turned: the face hardly showed")
        return Finding(Sight.NOT_SEEN, self._peak, "no turn of the head was seen")
