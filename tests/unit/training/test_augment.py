from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream_guard.training.augment import camera, processing
from stream_guard.training.background import replace_background
from stream_guard.training.beauty import beautify, guided_filter
from stream_guard.training.contours import OVAL, region
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit


def test_nothing_breaks_and_every_face_can_be_made_out(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    inside = region([face.landmarks[OVAL]], real.shape[:2]) > 0.99
    changed = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        seen = processing(camera(real, rng), face.landmarks, rng)
        assert seen.shape == real.shape
        assert seen.dtype == np.float32
        assert 0 <= seen.min() <= seen.max() <= 255
        assert 25 < seen[inside].mean() < 245, seed
        changed.append(np.abs(seen - real).mean())
    assert np.median(changed) > 3


@pytest.mark.parametrize("seed", range(12))
def test_twins_are_filtered_alike(seed, face: PreparedFace):
    real = camera(face.rgb.astype(np.float32), np.random.default_rng(seed))
    once, again = (processing(real, face.landmarks, np.random.default_rng(seed + 50)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    # A change in the middle stays in the middle: nothing is drawn that depends on the face's pixels.
    twin = real.copy()
    twin[100:120, 100:120] += 20
    other = processing(np.clip(twin, 0, 255), face.landmarks, np.random.default_rng(seed + 50))
    assert np.abs(other - once)[:60].max() < 1.5


@pytest.mark.parametrize("seed", range(12))
def test_beauty_filters_change_the_face_alone(seed, face: PreparedFace):
    real = face.rgb.astype(np.float32)
    pretty = beautify(real, face.landmarks, np.random.default_rng(seed))
    near = cv2.dilate(region([face.landmarks[OVAL]], real.shape[:2], softness=3.0), np.ones((45, 45)))
    assert np.abs(pretty - real)[near < 1e-3].max() < 0.5
    assert np.abs(pretty - real)[near > 0.999].mean() > 0.5


@pytest.mark.parametrize("seed", range(12))
def test_a_virtual_background_leaves_the_face_alone(seed, face: PreparedFace):
    real = face.rgb.astype(np.float32)
    placed = replace_background(real, face.landmarks, np.random.default_rng(seed))
    inside = cv2.erode(region([face.landmarks[OVAL]], real.shape[:2]), np.ones((9, 9))) > 0.999
    assert np.abs(placed - real)[inside].mean() < 1
    corner = np.abs(placed - real)[:30, :30]
    assert corner.mean() > 3


def test_the_guided_filter_keeps_edges_and_takes_grain():
    rng = np.random.default_rng(0)
    step = np.where(np.arange(80) < 40, 60, 180).astype(np.float32)
    clean = np.broadcast_to(step[None, :, None], (60, 80, 3)).astype(np.float32)
    noisy = clean + rng.normal(0, 5, clean.shape).astype(np.float32)
    smooth = guided_filter(noisy, radius=4, contrast=15)
    assert np.abs(smooth - clean)[:, 5:30].mean() < np.abs(noisy - clean)[:, 5:30].mean() / 2
    assert smooth[:, 42].mean() - smooth[:, 37].mean() > 100
