from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.training.preparation import find_pictures, person_of, prepare, surroundings
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit


class DrawnLandmarker:
    """Knows where the drawn face is in a picture with a quarter of air around it."""

    def __init__(self, face: PreparedFace) -> None:
        self.face = face

    def largest(self, rgb):
        air = self.face.rgb.shape[0] // 4
        return self.face.landmarks + air if rgb.std() > 1 else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lfw/Ann_Lee_0001.jpg", ("lfw", "lfw/Ann_Lee")),
        ("lfw/Ann_Lee_0002.jpg", ("lfw", "lfw/Ann_Lee")),
        ("utk/14_0_0_20170103200600206.jpg", ("utk", "utk/14_0_0_20170103200600206")),
        ("own/ann/holiday_2.jpg", ("own", "own/ann")),
        ("ann_1.jpg", ("faces", "faces/ann")),
    ],
)
def test_person_is_read_from_the_path(path, expected):
    assert person_of(Path("/faces") / path, Path("/faces")) == expected


def test_preparation_keeps_pixels_and_skips_pictures_without_a_face(tmp_path, face: PreparedFace):
    pictures = tmp_path / "in" / "set"
    pictures.mkdir(parents=True)
    cv2.imwrite(str(pictures / "ann_1.png"), face.rgb[..., ::-1])
    cv2.imwrite(str(pictures / "wall.png"), np.full_like(face.rgb, 90))
    (pictures / "broken.jpg").write_bytes(b"no picture")
    seen = []
    shard = prepare(
        tmp_path / "in", tmp_path / "out", DrawnLandmarker(face), progress=lambda *done: seen.append(done)
    )
    assert shard.files.tolist() == ["set/ann_1.png"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    stored = shard[0]
    x, y = (face.landmarks - stored.landmarks)[0].round().astype(int)
    height, width = stored.rgb.shape[:2]
    np.testing.assert_array_equal(stored.rgb, face.rgb[y : y + height, x : x + width])


def test_small_faces_are_left_out_and_large_ones_shrunk(face: PreparedFace):
    assert surroundings(face.rgb, face.landmarks * 0.3) is None
    large = surroundings(cv2.resize(face.rgb, None, fx=5, fy=5), face.landmarks * 5)
    assert large is not None
    assert np.ptp(large.landmarks, axis=0).max() == pytest.approx(320, abs=1)


def test_nothing_to_prepare_is_said(tmp_path):
    with pytest.raises(ConfigError, match="no folder"):
        find_pictures(tmp_path / "absent")
    with pytest.raises(ConfigError, match="no pictures"):
        find_pictures(tmp_path)
