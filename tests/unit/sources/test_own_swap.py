"""The test swap: where it is drawn, that it is marked, and that it leaves the rest alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.sources.own_swap import OwnSwap, as_jpeg

pytestmark = pytest.mark.unit


def picture() -> NDArray[np.uint8]:
    """Smooth noise: something that loses detail when it is taken down."""
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.uint8)


def face_at(x: float, y: float, side: float) -> NDArray[np.float32]:
    """Landmarks on an ellipse and inside of it."""
    angle = np.linspace(0, 40 * np.pi, 478)
    reach = np.linspace(0.1, 0.5, 478)
    points = np.stack([x + 0.8 * side * reach * np.cos(angle), y + side * reach * np.sin(angle)], axis=1)
    return points.astype(np.float32)


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(before.astype(int) - after).max(axis=2) > 8)


def test_the_face_changes_and_what_is_around_it_does_not() -> None:
    swap, rgb = OwnSwap(), picture()
    swap.aim([face_at(320, 180, 120)])
    differs = changed(rgb, swap.draw(rgb))
    assert differs[150:210, 290:350].mean() > 0.6
    assert not differs[60:300, :230].any()
    assert not differs[60:300, 410:].any()
    assert swap.swapped == 1


def test_the_frame_it_was_given_stays_as_it_is() -> None:
    swap, rgb = OwnSwap(), picture()
    kept = rgb.copy()
    swap.aim([face_at(320, 180, 120)])
    swap.draw(rgb)
    assert np.array_equal(rgb, kept)


def test_every_frame_is_marked_at_its_edges_and_the_picture_for_people_across() -> None:
    swap, rgb = OwnSwap(), np.full((360, 640, 3), 90, np.uint8)
    drawn = swap.draw(rgb)
    assert changed(rgb, drawn)[:40].any()
    assert changed(rgb, drawn)[-40:].any()
    assert not changed(rgb, drawn)[60:300].any()
    assert swap.swapped == 0
    assert swap.picture is not None
    assert max(swap.picture.shape) == 480
    assert changed(np.full_like(swap.picture, 90), swap.picture)[120:150].mean() > 0.05
    assert as_jpeg(swap.picture).startswith(b"\xff\xd8")


def test_it_loses_detail_like_a_small_decoder() -> None:
    swap, rgb = OwnSwap(), picture()
    swap.aim([face_at(320, 180, 200)])
    inner = (slice(140, 220), slice(280, 360))
    before, after = (float(cv2.Laplacian(one[inner], cv2.CV_32F).var()) for one in (rgb, swap.draw(rgb)))
    assert after < 0.5 * before


def test_no_two_frames_are_quite_the_same() -> None:
    swap, rgb = OwnSwap(), picture()
    swap.aim([face_at(320, 180, 120)])
    assert not np.array_equal(swap.draw(rgb), swap.draw(rgb))


@pytest.mark.parametrize("where", [(-500.0, 180.0), (320.0, 2000.0), (0.0, 0.0), (639.0, 359.0)])
def test_faces_at_and_beyond_the_edge_do_no_harm(where: tuple[float, float]) -> None:
    swap = OwnSwap()
    swap.aim([face_at(*where, 120), face_at(100, 100, 4)])
    assert swap.draw(picture()).shape == (360, 640, 3)
