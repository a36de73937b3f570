from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream_guard.faces.head_pose import HeadPose, angles
from stream_guard.faces.task_file import CanonicalFace, TaskFile
from stream_guard.models import store

pytestmark = pytest.mark.unit

VIEW = 2 * math.tan(math.radians(31.5))
"""Width of what the virtual camera sees at distance 1."""


@pytest.fixture(scope="module")
def face() -> CanonicalFace:
    return TaskFile(store.path(store.LANDMARKER)).face


def turned(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Return the rotation of those angles, in degrees: about y, then x, then z."""
    a, b, c = np.radians([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def photographed(face: CanonicalFace, rotation: NDArray[np.float64], distance: float) -> NDArray[np.float32]:
    """Return what the landmark network would say of the canonical face at a distance, in centimetres."""
    points = np.zeros((478, 3))
    there = face.points @ rotation.T - (0, 0, distance)
    depth = -there[:, 2]
    middle = depth.mean()
    points[face.indices, 0] = 0.5 + there[:, 0] / depth / VIEW
    points[face.indices, 1] = 0.5 - there[:, 1] / depth / VIEW
    # In the unit of x, at the face's own distance; from where it is counted does not matter.
    points[:468, 2] = 0.0
    points[face.indices, 2] = (depth - middle) / middle / VIEW
    return points.astype(np.float32)


@given(st.floats(-60, 60), st.floats(-45, 45), st.floats(-80, 80))
def test_the_angles_of_a_rotation_are_those_it_was_made_of(yaw: float, pitch: float, roll: float) -> None:
    pose = angles(turned(yaw, pitch, roll))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)


@pytest.mark.parametrize("distance", [35.0, 60.0])
@pytest.mark.parametrize("way", [(0, 0, 0), (25, 0, 0), (0, -20, 0), (0, 0, 50), (-30, 15, -20)])
def test_a_photographed_canonical_face_is_turned_as_it_was(
    face: CanonicalFace, way: tuple[float, float, float], distance: float
) -> None:
    pose = HeadPose(face).of(photographed(face, turned(*way), distance))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx(way, abs=4.0)


def test_points_in_one_place_have_some_pose(face: CanonicalFace) -> None:
    pose = HeadPose(face).of(np.full((478, 3), 0.5, np.float32))
    assert all(map(math.isfinite, (pose.yaw, pose.pitch, pose.roll)))
