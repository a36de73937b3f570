from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training.blending import face_mask, recolour, self_blend
from stream_guard.training.resynthesis import resynthesise
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit
FORGERIES = pytest.mark.parametrize("forge", [self_blend, resynthesise])


@FORGERIES
@pytest.mark.parametrize("seed", range(20))
def test_only_the_masked_part_differs_from_the_real_twin(forge, seed, face: PreparedFace):
    real = face.rgb.astype(np.float32)
    *twin, forged, mask = forge(real, face.landmarks, np.random.default_rng(seed))
    beside = twin[0] if twin else real
    assert beside.shape == real.shape
    assert 0 <= beside.min() <= beside.max() <= 255
    assert forged.shape == real.shape
    assert forged.dtype == mask.dtype == np.float32
    assert 0 <= forged.min() <= forged.max() <= 255
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask.max() > 0.2
    outside, inside = mask < 1e-4, mask > mask.max() * 0.9
    assert outside.mean() > 0.3
    assert np.abs(forged - beside)[inside].mean() > 0.5
    np.testing.assert_allclose(forged[outside], beside[outside], atol=0.1)


@FORGERIES
def test_the_generator_decides_everything(forge, face: PreparedFace):
    real = face.rgb.astype(np.float32)
    once, again, other = (forge(real, face.landmarks, np.random.default_rng(seed))[-2] for seed in (7, 7, 8))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1


def test_redrawing_takes_away_camera_noise_and_may_sharpen_edges(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    grain = []
    for seed in range(12):
        forged, mask = resynthesise(real, face.landmarks, np.random.default_rng(seed))
        skin = np.zeros(mask.shape, bool)
        skin[100:120, 100:120] = True
        if mask[skin].min() > 0.9:
            fine = [np.abs(np.diff(picture[100:120, 100:120], axis=1)).mean() for picture in (forged, real)]
            grain.append(fine[0] / fine[1])
    assert len(grain) >= 3
    assert np.median(grain) < 0.9


def test_masks_stay_near_the_face(face: PreparedFace):
    for seed in range(20):
        mask = face_mask(face.landmarks, face.rgb.shape[:2], np.random.default_rng(seed))
        corners = [mask[:20, :20], mask[:20, -20:], mask[-20:, :20], mask[-20:, -20:]]
        assert max(float(corner.max()) for corner in corners) < 1e-3


def test_recolouring_by_nothing_changes_nothing(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    np.testing.assert_allclose(recolour(real, np.random.default_rng(0), strength=0.0), real, atol=1e-2)
