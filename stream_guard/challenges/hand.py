"""Watches a hand before the face, and a finger on a cheek: by what looks different there, not by knowing hands.

Nothing here recognises a hand. A part of the face that looks different from a moment ago while the head is held
still is hidden by something, or has been drawn anew by a tool that lost it; which of them is not known, and is not
said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.rest import Rest
from stream_guard.challenges.sight import Finding, Sight
from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.face import Reason

__all__ = ["FingerOnCheek", "HandAcross"]

_STILL = 15.0
"""Degrees of yaw or pitch beyond which a face looks different because it has turned."""

_MOMENT_NS = NS_PER_S
"""How long ago that was, at most: landmarks under a hand are a guess before they vanish."""

_LEAST_TOLD = 0.4
"""Share of the frames on which it must be possible to tell, for "not seen" to mean anything."""


def _zone(left: float, right: float, top: float, bottom: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the cells of a map whose middles lie in a rectangle, given as shares of the map."""
    y = (np.arange(shape[0]) + 0.5) / shape[0]
    x = (np.arange(shape[1]) + 0.5) / shape[1]
    return np.asarray(((y > top) & (y < bottom))[:, None] & ((x > left) & (x < right))[None, :])


class _Hiding:
    """What both have in common: which parts are hidden, and whether that can be told."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._still_ns: int | None = None
        self._frames = self._told = 0

    def hidden(self, glimpse: Glimpse) -> NDArray[np.bool_] | None:
        """Return the hidden cells, an empty array for "all of it"; None where this frame cannot tell."""
        self._frames += 1
        if glimpse.pose is None:
            # Landmarks that vanish from a face that was held still a moment ago: it is covered.
            still = self._still_ns is not None and glimpse.at_ns - self._still_ns <= _MOMENT_NS
            if not still or glimpse.face is None or Reason.COVERED not in glimpse.reasons:
                return None
            self._still_ns = glimpse.at_ns
            self._told += 1
            return np.zeros((0, 0), np.bool_)
        if not glimpse.shows:
            return None
        off = max(abs(glimpse.pose.yaw - self._rest.yaw), abs(glimpse.pose.pitch - self._rest.pitch))
        if glimpse.skin is None or not self._rest.cover.known or off >= _STILL:
            return None
        self._still_ns = glimpse.at_ns
        self._told += 1
        return self._rest.cover.changed(glimpse.skin)

    @property
    def can_tell(self) -> bool:
        """Whether enough frames could tell."""
        return self._told >= _LEAST_TOLD * max(1, self._frames)


class HandAcross(_Hiding):
    """Something large passes before the face, from one side to the other."""

    _SEEN, _PARTLY, _CLEAR, _EDGE = 0.3, 0.25, 0.12, 0.06
    """Shares of the face that are hidden. People who only talk come to 0.08 for one frame in twenty, and to 0.22 at
    most; the hand's edge, before it makes the landmarks vanish, to between 0.06 and 0.3."""
    _HELD_NS = 100 * NS_PER_MS
    _CROSSED = 0.25
    """How far the middle of what is hidden must travel, over the face's width."""

    def __init__(self, rest: Rest) -> None:
        """Begin, with how the face looks at rest."""
        super().__init__(rest)
        self._peak = 0.0
        self._since_ns: int | None = None
        self._held_ns = 0
        self._reach: tuple[float, float] | None = None
        self._clear_ns: int | None = None
        self.amount = 0.0
        self.done = False

    @property
    def busy(self) -> bool:
        """Whether a good part of the face is hidden."""
        return self.amount >= self._PARTLY

    @property
    def progress(self) -> float:
        """Share of the hiding that is asked for."""
        return min(1.0, self._peak / self._SEEN)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        cells = self.hidden(glimpse)
        if cells is None:
            return
        self.amount = float(cells.mean()) if cells.size else 1.0
        self._peak = max(self._peak, self.amount)
        if cells.size and self.amount >= self._EDGE:
            middle = float((np.nonzero(cells)[1].mean() + 0.5) / cells.shape[1])
            low, high = self._reach or (middle, middle)
            self._reach = min(low, middle), max(high, middle)
        if self.amount >= self._SEEN:
            self._since_ns = glimpse.at_ns if self._since_ns is None else self._since_ns
            self._held_ns = max(self._held_ns, glimpse.at_ns - self._since_ns)
        else:
            self._since_ns = None
        if self.amount >= self._CLEAR or self._held_ns < self._HELD_NS:
            self._clear_ns = None
        elif self._clear_ns is None:
            self._clear_ns = glimpse.at_ns
        self.done = self._clear_ns is not None and glimpse.at_ns - self._clear_ns >= 3 * self._HELD_NS

    def finding(self) -> Finding:
        """Return how much of the face was hidden, and whether what hid it crossed over."""
        if self._held_ns >= self._HELD_NS:
            crossed = self._reach is not None and self._reach[1] - self._reach[0] >= self._CROSSED
            gone = ", and went away" if self._clear_ns is not None else ""
            words = f"something hid up to {self._peak:.0%} of the face"
            if crossed:
                return Finding(Sight.SEEN, self._peak, f"{words}, moved across it{gone}")
            return Finding(Sight.PARTLY, self._peak, f"{words}{gone}; whether it moved across could not be seen")
        if not self.can_tell:
            return Finding(
                Sight.CANNOT_TELL, None, "could not see whether a hand passed: the face moved or hardly showed"
            )
        if self._peak >= self._PARTLY:
            return Finding(Sight.PARTLY, self._peak, f"at most {self._peak:.0%} of the face was hidden")
        return Finding(Sight.NOT_SEEN, self._peak, "nothing was seen to pass before the face")


class FingerOnCheek(_Hiding):
    """A small part of one cheek looks different for a while, and the rest of the face does not."""

    _SEEN, _ELSEWHERE = 0.3, 0.2
    """Share of a cheek's cells that must have changed; of the other cheek's and the forehead's that must not."""
    _HELD_NS = 600 * NS_PER_MS

    def __init__(self, rest: Rest) -> None:
        """Begin, with how the face looks at rest."""
        super().__init__(rest)
        self._since_ns: int | None = None
        self._held_ns = 0
        self._side = ""
        self._peak = 0.0
        self._clear_ns: int | None = None
        self.amount = 0.0
        self.done = False

    @property
    def busy(self) -> bool:
        """Whether a part of one cheek alone looks different."""
        return self._since_ns is not None

    @property
    def progress(self) -> float:
        """Share of the time that is asked for."""
        return min(1.0, self._held_ns / self._HELD_NS)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame."""
        cells = self.hidden(glimpse)
        if cells is None or not cells.size:
            self._since_ns = None
            return
        left = float(cells[_zone(0.05, 0.36, 0.42, 0.82, cells.shape)].mean())
        right = float(cells[_zone(0.64, 0.95, 0.42, 0.82, cells.shape)].mean())
        forehead = float(cells[_zone(0.25, 0.75, 0.02, 0.2, cells.shape)].mean())
        self.amount = max(left, right)
        if self.amount >= self._SEEN and max(min(left, right), forehead) <= self._ELSEWHERE:
            self._since_ns = glimpse.at_ns if self._since_ns is None else self._since_ns
            self._peak = max(self._peak, self.amount)
            self._side = "left" if left > right else "right"
            self._held_ns = max(self._held_ns, glimpse.at_ns - self._since_ns)
        else:
            self._since_ns = None
        if self.busy or self._held_ns < self._HELD_NS:
            self._clear_ns = None
        elif self._clear_ns is None:
            self._clear_ns = glimpse.at_ns
        self.done = self._clear_ns is not None and glimpse.at_ns - self._clear_ns >= self._HELD_NS // 2

    def finding(self) -> Finding:
        """Return what happened on the cheeks."""
        if self._held_ns >= self._HELD_NS:
            return Finding(
                Sight.SEEN,
                self._peak,
                f"something lay on the cheek at the {self._side} of the picture for "
                f"{self._held_ns / 1e9:.1f} s; what it was cannot be told",
            )
        if not self.can_tell:
            return Finding(
                Sight.CANNOT_TELL, None, "could not see whether a finger lay on the cheek: the face moved too much"
            )
        # Skin on skin shows little: that nothing was seen is no news.
        return Finding(
            Sight.CANNOT_TELL,
            self._peak or None,
            "could not see whether a finger lay on the cheek: skin on skin shows too little",
        )
