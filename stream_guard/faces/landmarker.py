"""Measures one face at a time: 478 landmarks and the head's pose, by MediaPipe's Face Landmarker.

One instance serves all faces in IMAGE mode, each in its own square of the frame, and keeps nothing between calls.
Measured on two cores (MediaPipe 1.2.2, 192 px regions): an instance per face in VIDEO mode takes 0.82 of the time
a call, but 31 MB and 4 threads more for each face (25 faces: 0.77 GB, 100 threads); its smoothed landmarks lag
behind the picture; and what it remembers is wrong as soon as tiles move or a face waits its turn.

On 109 faces of 30 to 200 px in galleries of 1 to 25 tiles, regions of 1.3 to 2.4 times the face all showed all of
them, and none a neighbour's. Where the box is out of date by three quarters of the face's width, 1.3 times loses
three of four and 1.6 times doubles the landmarks' error; 2.0 times loses none and keeps the error at 0.3 % of the
face's width, so that is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Box, Pose
from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.faces.head_pose import angles
from stream_guard.faces.mesh import FaceMesh

__all__ = ["CAMERA", "TIGHT", "Landmarker", "Measured"]

CAMERA = 2.0
TIGHT = 1.3
"""Side of the square that is looked at, over the face's longer side; the tight one where a neighbour is near
and larger: MediaPipe takes the largest face. It takes the square for the whole picture of a camera, and tells poses
by that."""

_SIZE = 256
"""Side in pixels that square is resampled to: what MediaPipe's landmark network takes itself."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One face, measured.

    Attributes:
        landmarks: float32, shape (478, 2), pixels of the frame, in MediaPipe Face Mesh order.
        box: spans the landmarks.
        pose: as seen from the camera towards this face.
        tilt: by how many degrees the line of the eyes is turned, clockwise in the picture; 0 where nobody asks.
    """

    landmarks: NDArray[np.float32]
    box: Box
    pose: Pose
    tilt: float = 0.0


class Landmarker:
    """MediaPipe's Face Landmarker on regions of a frame."""

    def __init__(self, mesh: FaceMesh) -> None:
        """Take what finds the landmarks; it may be shared, and whoever made it closes it."""
        self._mesh = mesh

    def measure(
        self, rgb: NDArray[np.uint8], box: Box, *, tilt: float | None = None, tight: bool = False
    ) -> Measured | None:
        """Measure the face in a box.

        Args:
            rgb: the whole frame: uint8, shape (height, width, 3).
            box: where the face was last seen, in pixels.
            tilt: what `stream_guard.faces.landmark_network` needs; MediaPipe finds out for itself.
            tight: leave out what is around the face.

        Returns:
            The face, or None where there is none to be measured. It may be a neighbour's: the caller compares
            the boxes.
        """
        matrix = crop_matrix(box, size=_SIZE, margin=TIGHT if tight else CAMERA)
        region = cut(rgb, matrix, size=_SIZE)
        found = self._mesh.detect(region)
        if not found:
            return None
        points = found[0].points.astype(np.float64)
        # MediaPipe counts from the picture's corner, `crop_matrix` from the first pixel's centre.
        landmarks = ((points * _SIZE - 0.5 - matrix[:, 2]) / matrix[0, 0]).astype(np.float32)
        return Measured(landmarks, landmark_box(landmarks), _pose(found[0].matrix))


def _pose(matrix: NDArray[np.float32]) -> Pose:
    """Return the angles of a facial transformation matrix: the canonical face's rotation before the camera."""
    rotation = matrix[:3, :3].astype(np.float64)
    return angles(rotation / np.linalg.norm(rotation, axis=0))  # the matrix scales as well
