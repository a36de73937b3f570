"""A face in one frame: where it is, how it is turned, and why it may not be judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Face", "Pose", "Reason"]


class Reason(StrEnum):
    """Why a face cannot be judged. The value is what goes over the wire."""

    FACE_TOO_SMALL = "face_too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    COVERED = "covered"
    DARK = "dark"
    OVEREXPOSED = "overexposed"
    TOO_LITTLE_EVIDENCE = "too_little_evidence"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle: left, top, width, height. Pixels, unless it is said to be fractions."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, as (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        """Width times height."""
        return self.width * self.height

    @property
    def side(self) -> float:
        """The shorter side: what "a face of 40 px" means."""
        return min(self.width, self.height)

    def iou(self, other: Box) -> float:
        """Return intersection over union with another box, 0 to 1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.area + other.area - shared)

    def grown(self, factor: float) -> Box:
        """Return the box scaled about its centre."""
        x, y = self.centre
        width, height = self.width * factor, self.height * factor
        return Box(x - width / 2, y - height / 2, width, height)

    def fractions_of(self, width: int, height: int) -> Box:
        """Return this pixel box as fractions of a frame of that size."""
        return Box(self.x / width, self.y / height, self.width / width, self.height / height)


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head is turned, in degrees; all zero is straight into the camera."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Face:
    """One tracked face.

    Attributes:
        id: stable for as long as the face is tracked, never given again in the same session.
        box: in pixels of the frame. Spans the landmarks where there are any, else the detector's box.
        landmarks: float32, shape (478, 2), pixels of the frame (MediaPipe Face Mesh order), or None.
        pose: from the landmarks, or None.
        measured: True where this very frame was looked at; False where it is the last box again.
        reasons: why this face cannot be judged on this frame; empty where it can.
    """

    id: int
    box: Box
    landmarks: NDArray[np.float32] | None = None
    pose: Pose | None = None
    measured: bool = True
    reasons: tuple[Reason, ...] = ()
