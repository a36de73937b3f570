from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from stream_guard.face import Box
from stream_guard.faces.landmarker import Landmarker
from stream_guard.faces.mesh import FaceMesh
from stream_guard.models import store

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FACE = Box(179, 69, 93, 109)
"""What the astronaut's landmarks span."""


@pytest.fixture(scope="module")
def landmarker() -> Iterator[Landmarker]:
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        yield Landmarker(mesh)


def test_landmarks_are_in_pixels_of_the_frame(landmarker: Landmarker) -> None:
    measured = landmarker.measure(astronaut(), FACE)
    assert measured is not None
    assert measured.landmarks.shape == (478, 2)
    assert measured.landmarks.dtype == np.float32
    assert measured.box.iou(FACE) > 0.93
    nose = measured.landmarks[1]
    assert np.hypot(*(nose - (228, 127))) < 8


def test_the_face_is_found_where_the_box_is_out_of_date(landmarker: Landmarker) -> None:
    for across, down in ((60, 0), (-60, 0), (0, 50), (40, -40)):
        measured = landmarker.measure(astronaut(), Box(FACE.x + across, FACE.y + down, FACE.width, FACE.height))
        assert measured is not None
        assert measured.box.iou(FACE) > 0.9


def test_pose_follows_the_head(landmarker: Landmarker) -> None:
    straight = landmarker.measure(astronaut(), FACE)
    turn = cv2.getRotationMatrix2D(FACE.centre, 20, 1)
    turned = landmarker.measure(cv2.warpAffine(astronaut(), turn, (512, 512)), FACE)
    mirrored = landmarker.measure(
        np.ascontiguousarray(astronaut()[:, ::-1]), Box(512 - FACE.x - FACE.width, FACE.y, FACE.width, FACE.height)
    )
    assert straight is not None
    assert turned is not None
    assert mirrored is not None
    assert abs(straight.pose.yaw) < 5
    assert turned.pose.roll - straight.pose.roll == pytest.approx(20, abs=3)
    assert mirrored.pose.roll == pytest.approx(-straight.pose.roll, abs=2)


def test_a_wall_has_no_face(landmarker: Landmarker) -> None:
    assert landmarker.measure(np.full((720, 1280, 3), 90, np.uint8), Box(600, 300, 80, 80)) is None


def test_a_box_half_outside_the_frame_is_looked_at(landmarker: Landmarker) -> None:
    cropped = np.ascontiguousarray(astronaut()[69:, 220:])
    landmarker.measure(cropped, Box(-41, 0, 93, 109))
    assert landmarker.measure(np.zeros((1, 1, 3), np.uint8), Box(500, 500, 40, 40)) is None
