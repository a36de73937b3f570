from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream_guard.faces.align import crop_matrix, cut, landmark_box
from stream_guard.training.pasting import _matched, _warped, _window, paste
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit
SEEDS = pytest.mark.parametrize("seed", range(20))


def drawn_and_placed(face: PreparedFace, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    matrix = crop_matrix(landmark_box(face.landmarks), size=size, margin=1.2)
    return cut(face.rgb, matrix, size=size), cv2.invertAffineTransform(matrix)


@SEEDS
def test_nothing_outside_the_mask_changes(seed, face: PreparedFace):
    real = face.rgb.astype(np.float32)
    kept = real.copy()
    forged, mask = paste(real, face.landmarks, *drawn_and_placed(face), np.random.default_rng(seed))
    np.testing.assert_array_equal(real, kept)
    assert forged.shape == real.shape
    assert mask.shape == real.shape[:2]
    assert forged.dtype == mask.dtype == np.float32
    assert 0 <= forged.min() <= forged.max() <= 255
    assert 0 <= mask.min() < 0.2 < 0.6 < mask.max() <= 1
    np.testing.assert_array_equal(forged[mask == 0], real[mask == 0])
    assert (mask == 0).mean() > 0.3
    assert np.abs(forged - real)[mask > 0.5 * mask.max()].mean() > 0.5


@SEEDS
def test_a_face_that_leaves_the_picture_is_pasted_as_far_as_it_is_there(seed, face: PreparedFace):
    drawn, placed = drawn_and_placed(face)
    half = np.ascontiguousarray(face.rgb[:, 110:].astype(np.float32))
    landmarks, placed = face.landmarks - np.float32([110, 0]), placed - [[0, 0, 110], [0, 0, 0]]
    forged, mask = paste(half, landmarks, drawn, placed, np.random.default_rng(seed))
    np.testing.assert_array_equal(forged[mask == 0], half[mask == 0])
    away, none = paste(half, landmarks + np.float32(900), drawn, placed + 900, np.random.default_rng(seed))
    np.testing.assert_array_equal(away, half)
    assert not none.any()


def test_the_generator_decides_everything(face: PreparedFace):
    real = face.rgb.astype(np.float32)
    once, again, other = (
        paste(real, face.landmarks, *drawn_and_placed(face), np.random.default_rng(seed))[0] for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1


@pytest.mark.parametrize("size", [48, 128, 400])
def test_a_drawn_face_lands_where_it_was_cut(size, face: PreparedFace):
    smooth = PreparedFace(cv2.GaussianBlur(face.rgb, (0, 0), 4), face.landmarks)
    drawn, placed = drawn_and_placed(smooth, size)
    middle = np.s_[80:140, 80:140]
    for seed in range(8):
        landed = _warped(drawn, placed, (220, 220), np.random.default_rng(seed))
        assert np.abs(landed[middle].astype(float) - smooth.rgb[middle]).mean() < 2.5
    window = _window(size, placed, (220, 220))
    assert window[middle].min() == 1
    assert window[:20].max() == 0
    corners = np.array([[0, 0], [size - 1, size - 1]]) @ placed[:, :2].T + placed[:, 2]
    (left, top), (right, bottom) = corners.round().astype(int)
    assert max(window[top, left], window[bottom, right]) < 0.05


def test_the_colour_follows_the_light_of_the_picture(face: PreparedFace):
    # A warm, dim light with more contrast: what a full match must follow.
    beneath = np.clip(face.rgb.astype(np.float32) * [0.8, 0.6, 0.45] + [12, 4, 0], 0, 255).astype(np.float32)
    weight = np.zeros(beneath.shape[:2], np.float32)
    weight[80:140, 80:140] = 1
    inside = weight > 0
    drawn = face.rgb.astype(np.float32)
    before = np.abs(drawn[inside].mean(0) - beneath[inside].mean(0)).mean()
    after = []
    for seed in range(40):
        matched = _matched(drawn, beneath, weight, np.random.default_rng(seed))
        after.append(np.abs(matched[inside].mean(0) - beneath[inside].mean(0)).mean() / before)
    assert np.median(after) < 0.1
    assert np.quantile(after, 0.95) > 0.2  # some are left a little, or wholly, off


def test_faces_come_out_sharper_and_softer(face: PreparedFace):
    real = cv2.GaussianBlur(face.rgb, (0, 0), 1).astype(np.float32)
    drawn, placed = drawn_and_placed(PreparedFace(real.astype(np.uint8), face.landmarks), 160)
    detail = []
    for seed in range(60):
        forged, mask = paste(real, face.landmarks, drawn, placed, np.random.default_rng(seed))
        if mask[90:130, 90:130].min() > 0.95:
            detail.append(
                cv2.Laplacian(forged, cv2.CV_32F)[90:130, 90:130].std()
                / cv2.Laplacian(real, cv2.CV_32F)[90:130, 90:130].std()
            )
    assert min(detail) < 0.9
    assert max(detail) > 1.3
