from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from engines.openvino import OpenVinoEngine
from stream_guard.face import Box
from stream_guard.faces.near_face import NearFaceDetector
from stream_guard.faces.task_file import TaskFile
from stream_guard.models import store

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FACE = Box(179, 69, 93, 109)
"""What the astronaut's landmarks span."""


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> NearFaceDetector:
    file: Path = tmp_path_factory.mktemp("network") / "detector.tflite"
    file.write_bytes(TaskFile(store.path(store.LANDMARKER)).detector)
    shape = NearFaceDetector.INPUT_SHAPE
    return NearFaceDetector(OpenVinoEngine.open_network(file, shape, threads=1, exact=True))


@pytest.mark.parametrize("aside", [(0, 0), (60, 0), (-60, 0), (0, 50), (0, -50)])
def test_a_face_is_found_where_it_is_not_expected(detector: NearFaceDetector, aside: tuple[int, int]) -> None:
    near = detector.find(astronaut(), Box(FACE.x + aside[0], FACE.y + aside[1], 93, 109), margin=2.0)
    assert near is not None
    assert np.hypot(*(np.array(near.box.centre) - FACE.centre)) < 0.15 * FACE.height
    assert 0.6 < near.box.height / FACE.height < 1.3


@pytest.mark.parametrize("degrees", [-40, 0, 40])
def test_the_eyes_line_is_told_in_degrees_clockwise(detector: NearFaceDetector, degrees: int) -> None:
    turn = cv2.getRotationMatrix2D(FACE.centre, -degrees, 1)  # OpenCV counts counterclockwise
    near = detector.find(cv2.warpAffine(astronaut(), turn, (512, 512)), FACE, margin=2.0)
    assert near is not None
    assert near.tilt == pytest.approx(degrees, abs=8)


def test_the_largest_of_two_is_taken(detector: NearFaceDetector) -> None:
    small = cv2.resize(astronaut()[50:200, 150:300], (75, 75), interpolation=cv2.INTER_AREA)
    both = astronaut()
    both[100:175, 60:135] = small
    near = detector.find(both, Box(120, 80, 120, 120), margin=2.5)
    assert near is not None
    assert near.box.centre[0] > 170


def test_there_may_be_none(detector: NearFaceDetector) -> None:
    assert detector.find(np.full((360, 640, 3), 90, np.uint8), Box(300, 150, 80, 80), margin=2.0) is None
    assert detector.find(astronaut(), Box(20, 380, 60, 60), margin=1.3) is None
