"""Measures a face by MediaPipe's landmark network alone, run by an engine of ours instead of MediaPipe.

Around the network is what MediaPipe's graph does while it tracks (``face_landmarks_detector_graph.cc``): a square
1.5 times the face, turned until the eyes are level, goes in at 256 pixels; out come 478 points and a logit of
whether a face is there. The square comes from the face's last landmarks; MediaPipe's own detector is asked where
there are none, or no face shows. The points are not smoothed, as they are not by MediaPipe on single pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

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
"""Side of the square over the face's longer side, as the detector sees it: MediaPipe's."""

_DETECTED = 0.945
_LOWER = 0.03
"""Longer side of the detector's box over that of the landmarks', and how much further down the face its middle
lies, over the latter: with these, faces that are followed are as large as on single pictures, which is what the
model was trained on (36 faces of clips: 0.1 % off). MediaPipe, while it tracks, takes 1.5 times the landmarks' box,
which makes them 2.3 % larger."""

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
        shown = self._look(rgb, _detected(box, tilt), tilt) if tilt is not None else None
        if shown is None:
            near = self._detector.find(rgb, box, margin=TIGHT if tight else CAMERA)
            shown = self._look(rgb, near.box, near.tilt) if near is not None else None
        if shown is None:
            return None
        if not tight and not shown.fits:
            shown = self._look(rgb, _detected(shown.box, shown.tilt), shown.tilt) or shown
        pose = self._pose.of(_before_camera(shown.points, shown.box))
        return Measured(np.ascontiguousarray(shown.points[:, :2]), shown.box, pose, shown.tilt)

    def _look(self, rgb: NDArray[np.uint8], box: Box, tilt: float) -> _Shown | None:
        """Run the network over the square around a face; None where it shows none."""
        square = _square(box, tilt)
        crop = cut(rgb, square, size=_SIZE)
        tensor = np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)
        landmarks, presence = self._network(tensor)[:2]
        if presence.item() < _PRESENT:
            return None
        points = landmarks.reshape(_POINTS, 3)
        across, down = points[_LEFT_EYE, :2] - points[_RIGHT_EYE, :2]
        turned = math.degrees(math.atan2(down, across))
        fits = _fits(landmark_box(points[:, :2]), turned)
        # The network counts from the picture's corner, the affine from the first pixel's centre.
        back = np.zeros((3, 3))
        back[:2, :2] = np.linalg.inv(square[:, :2])
        back[2, 2] = 1 / math.hypot(square[0, 0], square[0, 1])
        shift = back[:2, :2] @ (square[:, 2] + 0.5)
        points = (points @ back.T - (shift[0], shift[1], 0.0)).astype(np.float32)
        return _Shown(points, landmark_box(points[:, :2]), (turned + tilt + 180) % 360 - 180, fits)


class _Shown(NamedTuple):
    """A face in a square.

    Attributes:
        points: float32, shape (478, 3), pixels of the frame.
        box: spans them.
        tilt: by how many degrees the line of the eyes is turned, clockwise in the picture.
        fits: whether it lies in the square as it should.
    """

    points: NDArray[np.float32]
    box: Box
    tilt: float
    fits: bool


def _detected(box: Box, tilt: float) -> Box:
    """Return where the detector would see a face whose landmarks span a box."""
    side = max(box.width, box.height)
    down = side * _LOWER
    x, y = box.centre
    x, y = x - down * math.sin(math.radians(tilt)), y + down * math.cos(math.radians(tilt))
    half = side * _DETECTED / 2
    return Box(x - half, y - half, 2 * half, 2 * half)


def _square(box: Box, tilt: float) -> NDArray[np.float64]:
    """Return the affine, float64, shape (2, 3), of the turned square around a face to the network's input."""
    x, y = box.centre
    scale = _SIZE / (max(box.width, box.height) * _REGION)
    across, down = scale * math.cos(math.radians(tilt)), scale * math.sin(math.radians(tilt))
    turn = np.array([[across, down], [-down, across]])
    shift = _SIZE / 2 - 0.5 - turn @ (x - 0.5, y - 0.5)
    return np.column_stack([turn, shift])


def _fits(box: Box, turned: float) -> bool:
    """Return whether a face lies in the network's input as it should; turned by so many degrees."""
    return (
        math.dist(box.centre, (_SIZE / 2, _SIZE / 2)) <= _ASIDE * _SIZE
        and 1 / _GROWN <= max(box.width, box.height) * _DETECTED * _REGION / _SIZE <= _GROWN
        and abs(turned) <= _TURNED
    )


def _before_camera(points: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return points as fractions of the square that MediaPipe would have been shown, see `Landmarker`."""
    side = max(box.width, box.height) * CAMERA
    corner = np.array([box.centre[0] - side / 2, box.centre[1] - side / 2, 0.0], np.float32)
    return (points - corner) / np.float32(side)
