"""The largest face of a picture: seen at once, or only from close."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from stream_guard.evaluation.landmarks import LargestFace
from stream_guard.faces.mesh import FaceMesh, Mesh
from stream_guard.models import store

pytestmark = pytest.mark.unit


class Quarters:
    """Sees nothing in a whole picture; in a quarter, a face from every bright pixel to the quarter's far corner."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, rgb):
        assert rgb.flags.c_contiguous
        self.shapes.append(rgb.shape[:2])
        if len(self.shapes) == 1:
            return []
        height, width = rgb.shape[:2]
        bright = np.argwhere(rgb[..., 0] > 0) / (height, width)
        return [Mesh(np.float32([(x, y), (1, 1)]), np.eye(4, dtype=np.float32)) for y, x in bright]


def test_a_face_that_is_small_in_its_picture_is_looked_for_in_nine_quarters():
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[45, 110] = 255
    mesh = Quarters()
    points = LargestFace(mesh).largest(picture)
    assert mesh.shapes == [(80, 120)] + [(40, 60)] * 9
    # The bottom quarter at the right sees it reach furthest: 35 px to its corner.
    assert points.tolist() == [[110, 45], [120, 80]]


@pytest.mark.engine
@pytest.mark.timeout(60)
def test_a_real_face_is_found_where_it_is():
    small = cv2.resize(astronaut(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    picture = np.full((360, 640, 3), 90, np.uint8)
    picture[100 : 100 + 256, 380 : 380 + 256] = small
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        points = LargestFace(mesh).largest(picture)
        assert LargestFace(mesh).largest(np.full((90, 160, 3), 90, np.uint8)) is None
    assert points is not None
    assert points.shape == (478, 2)
    assert np.abs(points[1] - (380 + 228 / 2, 100 + 127 / 2)).max() < 4, "the tip of the nose"
