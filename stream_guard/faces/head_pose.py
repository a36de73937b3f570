"""How a head is turned, from its landmarks in three dimensions, as MediaPipe's face geometry module tells it.

The canonical face is fitted to the landmarks before a virtual camera, by weighted orthogonal Procrustes analysis
(Akca, "Generalized Procrustes analysis and its applications in photogrammetry", 2003, section 2.4). The landmarks'
depth has no unit, so the face's scale is estimated twice before the rotation is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Pose
from stream_guard.faces.task_file import CanonicalFace

__all__ = ["HeadPose", "angles"]

_VIEW = 2 * math.tan(math.radians(63) / 2)
"""Width and height of what MediaPipe's virtual camera sees at distance 1: 63 degrees, of a square picture."""

_SHAPE = 468
"""Landmarks whose mean depth is the face's; the others are irises."""


class HeadPose:
    """Fits the canonical face to landmarks."""

    def __init__(self, face: CanonicalFace) -> None:
        """Take the canonical face."""
        self._indices = face.indices
        self._weights = face.weights[:, None]
        middle = (face.points * self._weights).sum(axis=0) / face.weights.sum()
        # Weighted and centred once: every fit multiplies by this.
        self._weighted = (face.points - middle) * self._weights
        self._spread = float((self._weighted * (face.points - middle)).sum())

    def of(self, points: NDArray[np.float32]) -> Pose:
        """Return the pose.

        Args:
            points: float32, shape (478, 3), in MediaPipe Face Mesh order, as fractions of the square that the
                virtual camera sees: x to the right, y down, z away from the camera, in the unit of x.
        """
        depth = float(points[:_SHAPE, 2].mean())
        basis = points[self._indices].astype(np.float64)
        seen = (basis - (0.5, 0.5, 0.0)) * (_VIEW, -_VIEW, _VIEW)
        distance = seen[:, 2:] - depth * _VIEW + 1.0
        _, scale = self._fitted(seen * (1.0, 1.0, -1.0))
        _, more = self._fitted(_unprojected(seen, distance / scale))
        rotation, _ = self._fitted(_unprojected(seen, distance / (scale * more)))
        return angles(rotation)

    def _fitted(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return the rotation and the scale that take the canonical face to these points, shape (n, 3)."""
        covariance = points.T @ self._weighted
        left, strengths, right = np.linalg.svd(covariance)
        if np.linalg.det(left) * np.linalg.det(right) < 0:  # or it would be a mirror image
            left[:, 2] = -left[:, 2]
            strengths[2] = -strengths[2]
        return left @ right, float(strengths.sum()) / self._spread


def _unprojected(seen: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points in space that are seen there, at a distance from the camera; z towards the viewer."""
    return np.concatenate([seen[:, :2] * distance, -distance], axis=1)


def angles(rotation: NDArray[np.float64]) -> Pose:
    """Return the angles of a rotation.

    Args:
        rotation: float64, shape (3, 3): the canonical face's before the camera, columns of length 1.
    """
    yaw = math.atan2(-rotation[2, 0], math.hypot(rotation[2, 1], rotation[2, 2]))
    pitch = math.atan2(rotation[2, 1], rotation[2, 2])
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))
