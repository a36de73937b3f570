from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.training import reenactment
from stream_guard.training.contours import OVAL
from stream_guard.training.reenactment import express, reenact
from tests.unit.training.conftest import draw_face

pytestmark = pytest.mark.unit
SEEDS = pytest.mark.parametrize("seed", range(8))
HEIGHT = 120.0
UPPER, LOWER = reenactment._UPPER_INNER, reenactment._LOWER_INNER


def mesh(*, gap: float = 0.0) -> NDArray[np.float32]:
    """A plain frontal face, 100 by 120 px about (110, 110), its mouth open by `gap` pixels."""
    points = np.full((478, 2), 0.5)
    around = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[OVAL] = 0.5 + 0.5 * np.stack([np.cos(around), np.sin(around)], 1)

    def line(indices: list[int], left: float, right: float, y: float) -> None:
        points[indices] = np.stack([np.linspace(left, right, len(indices)), np.full(len(indices), y)], 1)

    line(reenactment._STILL[4:11], 0.49, 0.51, 0.5)
    line([33, 133, 362, 263], 0.2, 0.8, 0.4)
    for lids, left in zip(reenactment._LIDS, (0.22, 0.62), strict=True):
        line(lids[0], left, left + 0.16, 0.38)
        line(lids[1], left, left + 0.16, 0.42)
    for brow, left in zip(reenactment._BROWS, (0.2, 0.6), strict=True):
        line(brow[:5], left, left + 0.2, 0.3)
        line(brow[5:], left, left + 0.2, 0.32)
    line([98, 1, 327], 0.42, 0.58, 0.58)
    line(reenactment._UPPER_OUTER, 0.37, 0.63, 0.72)
    line(UPPER, 0.38, 0.62, 0.75)
    line(LOWER, 0.38, 0.62, 0.75)
    line(reenactment._LOWER_OUTER, 0.37, 0.63, 0.78)
    line(reenactment._CORNERS, 0.35, 0.65, 0.75)
    line(reenactment._CHIN, 0.45, 0.55, 0.88)
    points = points * (100, HEIGHT) + (60, 50)
    points[LOWER + reenactment._LOWER_OUTER + reenactment._CHIN, 1] += gap
    return points.astype(np.float32)


@pytest.fixture
def rgb() -> NDArray[np.float32]:
    return draw_face().rgb.astype(np.float32)


@SEEDS
@pytest.mark.parametrize("borrowed", [False, True])
def test_nothing_outside_the_mask_changes(seed, borrowed, rgb):
    expression, kept = mesh(gap=15) if borrowed else None, rgb.copy()
    forged, mask = reenact(rgb, mesh(), np.random.default_rng(seed), expression)
    assert forged.dtype == mask.dtype == np.float32
    assert forged.shape == (*mask.shape, 3) == rgb.shape
    assert 0 <= forged.min() <= forged.max() <= 255
    assert 0 <= mask.min() < 0.01 < 0.9 < mask.max() <= 1
    np.testing.assert_array_equal(forged[mask == 0], rgb[mask == 0])
    assert np.abs(forged - rgb)[mask > 0.9].mean() > 1
    np.testing.assert_array_equal(rgb, kept)


def test_the_generator_decides_everything(rgb):
    once, again, other = (reenact(rgb, mesh(), np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1


@SEEDS
def test_mouths_move_and_noses_do_not(seed):
    before = mesh()
    after = express(before, np.random.default_rng(seed))
    shift = np.linalg.norm(after - before, axis=1)
    assert shift[LOWER].max() > 0.005 * HEIGHT
    assert shift.max() < 0.2 * HEIGHT
    np.testing.assert_array_equal(after[[1, 4, 5, 6, 168]], before[[1, 4, 5, 6, 168]])


def test_brows_and_lids_move_unless_only_the_lower_half_is_drawn():
    upper = [*reenactment._BROWS[0], *reenactment._BROWS[1], *reenactment._LIDS[0][0]]
    before = mesh()
    whole, lower = (
        np.abs(express(before, np.random.default_rng(1), lower_only=only) - before)[upper].max()
        for only in (False, True)
    )
    assert whole > 0.5
    assert lower == 0


@SEEDS
def test_closing_stops_where_the_lips_meet(seed):
    before = mesh(gap=12)
    after = express(before, np.random.default_rng(seed))
    middle = len(UPPER) // 2
    assert after[LOWER[middle], 1] > after[UPPER[middle], 1] - 0.03 * HEIGHT


def test_the_lent_expression_opens_this_mouth():
    before, lent = mesh(), mesh(gap=10) * 1.7 + 20
    gaps = []
    for seed in range(10):
        after = express(before, np.random.default_rng(seed), lent.astype(np.float32), lower_only=True)
        gaps.append(float((after[LOWER] - after[UPPER])[:, 1].mean()))
    assert min(gaps) > 4
    assert max(gaps) < 12
    same = express(before, np.random.default_rng(0), before, lower_only=True)
    np.testing.assert_allclose(same, before, atol=0.1)


def test_the_picture_follows_the_landmarks(rgb):
    """Bright lips on a dark face are found lower once the lent mouth is open."""
    before = mesh()
    rgb = np.full_like(rgb, 60)
    left, top = before[reenactment._LOWER_OUTER].min(axis=0).astype(int)
    rgb[top - 2 : top + 3, left : left + 26] = 220
    drops = []
    for seed in range(12):
        forged, _ = reenact(rgb, before, np.random.default_rng(seed), mesh(gap=12))
        column = np.maximum(forged[top - 12 : top + 22, left + 13].mean(axis=1) - 100, 0)
        drops.append(float((column * np.arange(-12, 22)).sum() / column.sum()))
    assert np.median(drops) > 3


@pytest.mark.parametrize(("height", "width"), [(131, 157), (420, 303)])
def test_any_size_of_tile_will_do(height, width):
    rng = np.random.default_rng(0)
    rgb = rng.uniform(0, 255, (height, width, 3)).astype(np.float32)
    # Partly out of the picture, as faces at its edge are.
    landmarks = mesh() - np.float32([70, 10])
    for seed in range(6):
        forged, mask = reenact(rgb, landmarks, np.random.default_rng(seed))
        assert forged.shape == rgb.shape
        assert mask.shape == (height, width)
        assert np.isfinite(forged).all()


def test_a_face_off_the_picture_is_left_alone(rgb):
    forged, mask = reenact(rgb, mesh() + 5000, np.random.default_rng(0))
    assert mask.max() == 0
    np.testing.assert_array_equal(forged, rgb)
