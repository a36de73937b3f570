from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.training import mesh_swap
from stream_guard.training.contours import OVAL
from stream_guard.training.mesh_swap import compatible, swap
from stream_guard.training.shard import PreparedFace
from tests.unit.training.conftest import draw_face

pytestmark = pytest.mark.unit
SEEDS = pytest.mark.parametrize("seed", range(8))


def real(face: PreparedFace) -> NDArray[np.float32]:
    return face.rgb.astype(np.float32)


@SEEDS
def test_nothing_outside_the_mask_changes(seed, face: PreparedFace):
    donor = draw_face(5, side=180)
    forged, mask = swap(real(face), face.landmarks, real(donor), donor.landmarks, np.random.default_rng(seed))
    assert forged.dtype == mask.dtype == np.float32
    assert forged.shape == (*mask.shape, 3) == face.rgb.shape
    assert 0 <= forged.min() <= forged.max() <= 255
    assert 0 <= mask.min() < 0.01 < 0.5 < mask.max() <= 1
    np.testing.assert_array_equal(forged[mask == 0], real(face)[mask == 0])
    assert np.abs(forged - real(face))[mask > 0.9 * mask.max()].mean() > 1


def test_pictures_stay_as_they_were(face: PreparedFace):
    donor = draw_face(5)
    ours, theirs = real(face), real(donor)
    swap(ours, face.landmarks, theirs, donor.landmarks, np.random.default_rng(0))
    np.testing.assert_array_equal(ours, face.rgb)
    np.testing.assert_array_equal(theirs, donor.rgb)


def test_the_generator_decides_everything(face: PreparedFace):
    donor = draw_face(5)
    once, again, other = (
        swap(real(face), face.landmarks, real(donor), donor.landmarks, np.random.default_rng(seed))[0]
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1


def test_the_donors_features_arrive_in_the_colours_of_the_target(face: PreparedFace):
    """A dark mole on the donor's bluish face shows at its place here, and the skin is no longer blue."""
    donor = face.landmarks * np.float32(300 / 220)
    theirs = np.full((300, 300, 3), (90, 120, 180), np.float32)
    place = donor[OVAL].mean(axis=0)
    cv2.circle(theirs, (int(place[0]), int(place[1])), 14, (20, 30, 40), -1)
    middle = face.landmarks[OVAL].mean(axis=0).astype(int)
    ours = np.full(face.rgb.shape, (190, 150, 130), np.float32)
    darker, hues = [], []
    for seed in range(40):
        forged, mask = swap(ours, face.landmarks, theirs, donor, np.random.default_rng(seed))
        mole, beside = forged[middle[1], middle[0]], forged[middle[1], middle[0] - 22]
        if mask[middle[1], middle[0] - 22 : middle[0] + 1].min() > 0.95:
            darker.append(beside.mean() - mole.mean())
            hues.append(beside[2] - beside[0])
    assert len(darker) > 10
    assert np.median(darker) > 20
    # The donor's blue is 90 over its red, the target's 60 under.
    assert np.median(hues) < 0


@pytest.mark.parametrize("side", [131, 134, 257])
def test_any_size_of_tile_will_do(side):
    face, donor = draw_face(1, side=side), draw_face(2, side=419)
    for seed in range(6):
        rgb = np.ascontiguousarray(real(face)[:, 3:])
        forged, mask = swap(
            rgb, face.landmarks - np.float32([3, 0]), real(donor), donor.landmarks, np.random.default_rng(seed)
        )
        assert forged.shape == (side, side - 3, 3)
        assert mask.shape == (side, side - 3)
        assert np.isfinite(forged).all()


def test_a_face_off_the_picture_is_left_alone(face: PreparedFace):
    forged, mask = swap(real(face), face.landmarks + 5000, real(face), face.landmarks, np.random.default_rng(0))
    assert mask.max() == 0
    np.testing.assert_array_equal(forged, real(face))


def test_the_same_pose_is_the_best_donor():
    landmarks = draw_face(3).landmarks
    noise = np.random.default_rng(0).normal(0, 1, landmarks.shape)
    turned = landmarks * np.float32([0.7, 1])  # foreshortened, as by yaw
    angle = np.float32(0.2)
    roll = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    moved = 2.5 * landmarks @ roll + np.float32([40, -7])
    distances = compatible(landmarks, np.stack([turned, landmarks + noise, moved]).astype(np.float32))
    assert distances.dtype == np.float32
    assert list(np.argsort(distances)) == [2, 1, 0]
    assert distances[2] < 1e-3
    assert distances[0] > 0.05


def test_matched_light_is_the_targets(face: PreparedFace):
    """A donor lit from the left, a face lit from the right: what is drawn is lit from the right."""
    ramp = np.linspace(60, 200, 220, dtype=np.float32)
    ours, theirs = (
        np.ascontiguousarray(np.broadcast_to(r[None, :, None], (220, 220, 3))) for r in (ramp, ramp[::-1])
    )
    mask = np.zeros((220, 220), np.float32)
    mask[40:180, 40:180] = 1
    matched = mesh_swap._match_light(theirs, ours, mask, np.random.default_rng(0))
    drawn, wanted = (p[110, 60:160, 0] for p in (matched, ours))
    assert drawn[-20:].mean() - drawn[:20].mean() > 0.6 * (wanted[-20:].mean() - wanted[:20].mean())


@SEEDS
def test_cloning_leaves_no_step_at_the_seam(seed):
    ours = np.full((90, 80, 3), 160, np.float32)
    theirs = ours - 70
    mask = np.zeros((90, 80), np.float32)
    top, left = np.random.default_rng(seed).integers(0, 12, 2)
    mask[top : top + 60, left : left + 61] = 1
    cloned = mesh_swap._clone(theirs, ours, mask)
    assert cloned.shape == ours.shape
    np.testing.assert_allclose(cloned[mask > 0], 160, atol=12)
