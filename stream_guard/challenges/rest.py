"""How the face is held and looks while nothing is asked of it: what every action is compared with."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from stream_guard.challenges.cover import Cover
from stream_guard.challenges.glimpse import Glimpse
from stream_guard.clock import NS_PER_S

__all__ = ["Rest", "RestWindow"]

_WINDOW_NS = 2 * NS_PER_S
_LEAST = 5
"""Frames with landmarks: at three looks a second, where many faces take turns, two seconds hold six."""

_MOST = 64
"""Frames that are remembered: one in 31 ms of two seconds."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A face at rest.

    Attributes:
        yaw, pitch: medians, in degrees.
        height: of its box, as a fraction of the frame's height.
        middle: height of its middle in the frame, 0 at the top, 1 at the bottom.
        cover: knows what its parts look like.
    """

    yaw: float
    pitch: float
    height: float
    middle: float
    cover: Cover


class RestWindow:
    """The last two seconds in which nothing was being done."""

    def __init__(self) -> None:
        self._glimpses: deque[Glimpse] = deque(maxlen=_MOST)

    def add(self, glimpse: Glimpse) -> None:
        """Take a frame; only those that show the face count."""
        if glimpse.shows:
            self._glimpses.append(glimpse)
        while self._glimpses and glimpse.at_ns - self._glimpses[0].at_ns > _WINDOW_NS:
            self._glimpses.popleft()

    def settle(self) -> Rest | None:
        """Return how the face is at rest; None where too little was seen of it."""
        if len(self._glimpses) < _LEAST:
            return None
        poses = [glimpse.pose for glimpse in self._glimpses if glimpse.pose is not None]
        boxes = [glimpse.box for glimpse in self._glimpses if glimpse.box is not None]
        return Rest(
            yaw=median(pose.yaw for pose in poses),
            pitch=median(pose.pitch for pose in poses),
            height=median(box.height for box in boxes),
            middle=median(box.centre[1] for box in boxes),
            cover=Cover([glimpse.skin for glimpse in self._glimpses if glimpse.skin is not None]),
        )
