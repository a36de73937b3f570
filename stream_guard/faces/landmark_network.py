"""Measures a face by MediaPipe's landmark network alone, run by an engine of ours instead of MediaPipe.

Around the network is what MediaPipe's graph does while it tracks (``face_landmarks_detector_graph.cc``): a square
1.5 times the face, turned until the eyes are level, goes in at 256 pixels; out come 478 points and a logit of
whether a face is there. The square comes from the face's last landmarks; MediaPipe's own detector is asked where
there are none, or no face shows. The points are not smoothed, as they are not by MediaPipe on single pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.faces.align import cut, landmark_box
from stream_guard.faces.head_pose import HeadPose
from stream_guard.faces.landmarker import CAMERA, TIGHT, Measured
from stream_guard.faces.near_face import NearFaceDetector
from stream_guard.faces.task_file import CanonicalFace

__all__ = ["LandmarkNetwork"]

_SIZE = 256
_POINTS = 478

_REGION = 1.5
"""Side of the square over the face's longer side, as MediaPipe's."""

_PRESENT = 0.0
"""Least logit of presence: a probability of a half, MediaPipe's threshold."""

_ASIDE = 0.15
_GROWN = 1.25
_TURNED = 10.0
"""A face that lies further from the square's middle than this share of its side, is larger or smaller by this
factor, or is turned by so many degrees against it, is looked at again in a square of its own."""

_RIGHT_EYE, _LEFT_EYE = 33, 263
"""Outer corners of the eyes: their line is what is made level."""


class LandmarkNetwork:
    """Measures one face at a time. Keeps nothing between calls; threads may share it where they may the network."""

    INPUT_SHAPE: ClassVar[tuple[int, int, int, int]] = (1, _SIZE, _SIZE, 3)
    """What the network must be opened with."""

    def __init__(
        self,
        network: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]],
        detector: NearFaceDetector,
        face: CanonicalFace,
    ) -> None:
        """Take what it works with.

        Args:
            network: ``face_landmarks_detector.tflite`` at `INPUT_SHAPE`: RGB, 0 to 1.
            detector: finds a face that is not where it was.
            face: the canonical face, for poses.
        """
        self._network = network
        self._detector = detector
        self._pose = HeadPose(face)

    def measure(
        self, rgb: NDArray[np.uint8], box: Box, *, tilt: float | None = None, tight: bool = False
    ) -> Measured | None:
        """Measure the face in a box.

        Args:
            rgb: the whole frame: uint8, shape (height, width, 3).
            box: where the face was last seen, in pixels: what its landmarks spanned, unless ``tilt`` is None.
            tilt: the last `Measured.tilt`; None where the face has never been measured.
            tight: look at hardly more than the box.

        Returns:
            The face, or None where there is none to be measured.
        """
        points = square = None
        if tilt is not None:
            points = self._look(rgb, square := _square(box, tilt))
        if points is None:
            near = self._detector.find(rgb, box, margin=TIGHT if tight else CAMERA)
            if near is not None:
                points = self._look(rgb, square := _square(near.box, near.tilt))
        if points is None or square is None:
            return None
        if not tight and not _fits(points, square):
            again = self._look(rgb, _square(landmark_box(points[:, :2]), _tilt(points)))
            points = points if again is None else again
        found = landmark_box(points[:, :2])
        return Measured(
            np.ascontiguousarray(points[:, :2]), found, self._pose.of(_before_camera(points, found)), _tilt(points)
        )

    def _look(self, rgb: NDArray[np.uint8], square: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Run the network over a square; return the points in pixels of the frame, shape (478, 3), or None."""
        crop = cut(rgb, square, size=_SIZE)
        tensor = np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)
        landmarks, presence = self._network(tensor)[:2]
        if presence.item() < _PRESENT:
            return None
        points = landmarks.reshape(_POINTS, 3).astype(np.float64)
        # The network counts from the picture's corner, the affine from the first pixel's centre.
        points[:, :2] = (points[:, :2] - 0.5 - square[:, 2]) @ np.linalg.inv(square[:, :2]).T
        points[:, 2] /= math.hypot(square[0, 0], square[0, 1])
        return points.astype(np.float32)


def _square(box: Box, tilt: float) -> NDArray[np.float64]:
    """Return the affine, float64, shape (2, 3), of the turned square around a face to the network's input."""
    x, y = box.centre
    scale = _SIZE / (max(box.width, box.height) * _REGION)
    across, down = scale * math.cos(math.radians(tilt)), scale * math.sin(math.radians(tilt))
    turn = np.array([[across, down], [-down, across]])
    shift = _SIZE / 2 - 0.5 - turn @ (x - 0.5, y - 0.5)
    return np.column_stack([turn, shift])


def _tilt(points: NDArray[np.float32]) -> float:
    """Return by how many degrees the line of the eyes is turned, clockwise in the picture."""
    across, down = points[_LEFT_EYE, :2] - points[_RIGHT_EYE, :2]
    return math.degrees(math.atan2(down, across))


def _fits(points: NDArray[np.float32], square: NDArray[np.float64]) -> bool:
    """Return whether a face lies in a square as it should."""
    box = landmark_box(points[:, :2])
    side = _SIZE / math.hypot(square[0, 0], square[0, 1])
    middle = square[:, :2] @ (box.centre[0] - 0.5, box.centre[1] - 0.5) + square[:, 2] + 0.5
    growth = max(box.width, box.height) * _REGION / side
    turned = _tilt(points) - math.degrees(math.atan2(square[0, 1], square[0, 0]))
    return (
        math.dist(middle, (_SIZE / 2, _SIZE / 2)) <= _ASIDE * _SIZE
        and 1 / _GROWN <= growth <= _GROWN
        and abs((turned + 180) % 360 - 180) <= _TURNED
    )


def _before_camera(points: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return points as fractions of the square that MediaPipe would have been shown, see `Landmarker`."""
    side = max(box.width, box.height) * CAMERA
    corner = np.array([box.centre[0] - side / 2, box.centre[1] - side / 2, 0.0], np.float32)
    return (points - corner) / np.float32(side)
