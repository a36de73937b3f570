from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream_guard.errors import ConfigError
from stream_guard.training.forgery import KINDS, Forger, Mix, Seen, _mirrored
from stream_guard.training.shard import Shard

pytestmark = pytest.mark.unit


class Drawn:
    """Faces drawn anew: each a plain colour, 64 px for the picture's 220."""

    kinds = 2

    def drawn(self, position: int, kind: int):
        scale = 64 / 220
        matrix = np.array([[scale, 0, 0], [0, scale, 0]], np.float64)
        return np.full((64, 64, 3), 40 + 100 * kind, np.uint8), matrix


def seen(shard: Shard, position: int, mirrored: bool = False) -> Seen:
    face = shard[position]
    placed = np.array([[1.0, 0, 0], [0, 1, 0]])
    if mirrored:
        face, placed = _mirrored(face), np.array([[-1.0, 0, face.rgb.shape[1] - 1], [0, 1, 0]])
    return Seen(face.rgb.astype(np.float32), face.landmarks, position, placed)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", range(1, len(KINDS)))
def test_every_kind_changes_the_face_and_only_there(shard, kind, mirrored):
    faces = Shard(shard)
    forger = Forger(faces, np.arange(len(faces)), Mix(), Drawn())
    for number in range(12):
        face = seen(faces, number, mirrored)
        real, forged, mask = forger.forge(kind, face, np.random.default_rng(number))
        assert forged.shape == face.rgb.shape
        assert forged.dtype == np.float32
        assert forged.min() >= 0
        assert forged.max() <= 255
        assert np.array_equal(forged[mask == 0], real[mask == 0])
        assert real is face.rgb or KINDS[kind] == "self_blended"
        middle = (face.landmarks.min(axis=0) + face.landmarks.max(axis=0)) / 2
        x, y = np.average(np.argwhere(mask > 0)[:, ::-1], axis=0)
        assert abs(x - middle[0]) < 40
        assert abs(y - middle[1]) < 60


def test_kinds_come_in_the_shares_that_are_asked_for(shard):
    faces = Shard(shard)
    forger = Forger(faces, np.arange(12), Mix(3, 1, 0, 0, 0), None)
    rng = np.random.default_rng(0)
    kinds = [KINDS[forger.choose(rng)] for _ in range(400)]
    assert set(kinds) == {"self_blended", "low_resolution"}
    assert 250 < kinds.count("self_blended") < 350


def test_shares_must_make_sense(shard):
    with pytest.raises(ConfigError, match="none have been drawn"):
        Forger(Shard(shard), np.arange(12), Mix(), None)
    with pytest.raises(ConfigError, match="shares"):
        Mix(0, 0, 0, 0, 0)


def test_a_mirrored_face_takes_mirrored_donors(shard):
    face = Shard(shard)[0]
    twice = _mirrored(_mirrored(face))
    assert np.array_equal(twice.rgb, face.rgb)
    np.testing.assert_allclose(twice.landmarks, face.landmarks, atol=1e-3)
    x, y = face.landmarks[10]
    mirrored = _mirrored(face)
    a = cv2.getRectSubPix(np.ascontiguousarray(face.rgb), (1, 1), (float(x), float(y)))
    b = cv2.getRectSubPix(np.ascontiguousarray(mirrored.rgb), (1, 1), tuple(map(float, mirrored.landmarks[10])))
    assert np.abs(a.astype(int) - b).max() <= 2
