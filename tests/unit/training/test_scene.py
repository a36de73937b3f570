from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training import scene
from stream_guard.training.scene import cover, dress
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit


def test_most_faces_stay_as_they_are_and_some_do_not(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    changed = []
    for seed in range(200):
        dressed = dress(real, face.landmarks, np.random.default_rng(seed))
        assert dressed.shape == real.shape
        assert dressed.dtype == np.float32
        assert 0 <= dressed.min() <= dressed.max() <= 255
        changed.append(not np.array_equal(dressed, real))
    assert 0.15 < np.mean(changed) < 0.5


def test_what_is_covered_is_what_changed(face: PreparedFace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scene, "_CAPTION", 1.0)
    monkeypatch.setattr(scene, "_OBJECT", 0.5)
    real = face.rgb.astype(np.float32)
    held = 0
    for seed in range(60):
        covered, alpha = cover(real, face.landmarks, np.random.default_rng(seed))
        assert alpha.shape == real.shape[:2]
        assert alpha.dtype == np.float32
        assert 0 <= alpha.min() <= alpha.max() <= 1
        assert alpha.max() > 0.9
        assert alpha.mean() < 0.5
        # What is fully covered no longer depends on what was there.
        other, again = cover(real[::-1], face.landmarks, np.random.default_rng(seed))
        np.testing.assert_array_equal(alpha, again)
        assert np.abs(covered - other)[alpha > 0.999].max(initial=0) < 1
        held += alpha[100:].sum() > 2000
    assert held > 10


def test_most_pictures_are_covered_by_nothing(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    covers = [cover(real, face.landmarks, np.random.default_rng(seed)) for seed in range(200)]
    untouched = [np.array_equal(covered, real) for covered, _ in covers]
    assert 0.75 < np.mean(untouched) < 0.97
    assert all(alpha.max() == 0 for (_, alpha), same in zip(covers, untouched, strict=True) if same)


def test_the_generator_decides_everything(face: PreparedFace, monkeypatch: pytest.MonkeyPatch):
    for name in ("_GLASSES", "_MAKE_UP", "_LIGHT"):
        monkeypatch.setattr(scene, name, 1.0)
    real = face.rgb.astype(np.float32)
    once, again, other = (dress(real, face.landmarks, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1
