from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.face import Box
from stream_guard.faces.changes import Change, ChangeDetector

pytestmark = pytest.mark.unit

Picture = NDArray[np.uint8]
FACE = Box(560, 260, 160, 180)


def scene(seed: int, width: int = 1280, height: int = 720) -> Picture:
    """A room: soft shapes and edges at every scale a camera sees."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for cells in (6, 12, 30, 70):
        noise = random.normal(0, 40, (cells * 9 // 16 + 1, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 120, 0, 255).astype(np.uint8)


def person(picture: Picture, x: int, y: int = 240) -> Picture:
    """Somebody before it: a head and shoulders of another texture."""
    drawn = picture.copy()
    figure = scene(999, 360, 480)
    mask = np.zeros((480, 360), np.uint8)
    cv2.ellipse(mask, (180, 140), (95, 125), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (180, 480), (175, 230), 0, 0, 360, 255, -1)
    drawn[y : y + 480, x : x + 360][mask > 0] = figure[mask > 0]
    return drawn


def change(before: Picture, after: Picture) -> Change:
    detector = ChangeDetector()
    detector.compare(before)
    return detector.compare(after)


def lit(picture: Picture, gain: float, lift: float = 0.0) -> Picture:
    return np.clip(picture * gain + lift, 0, 255).astype(np.uint8)


def noisy(picture: Picture, seed: int = 5) -> Picture:
    return np.clip(picture + np.random.default_rng(seed).normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def test_the_first_frame_has_not_changed() -> None:
    first = ChangeDetector().compare(scene(1))
    assert not first.everywhere
    assert not first.around(FACE)


@pytest.mark.parametrize("seed", range(5))
def test_another_room_is_a_cut_everywhere_and_around_a_face(seed: int) -> None:
    cut = change(scene(seed), scene(seed + 10))
    assert cut.everywhere
    assert cut.around(FACE)


@pytest.mark.parametrize("ground", [0, 32, 255])
def test_a_camera_that_goes_off_and_on_is_a_cut(ground: int) -> None:
    off = np.full((720, 1280, 3), ground, np.uint8)
    assert change(scene(1), off).everywhere
    assert change(off, scene(1)).everywhere


@pytest.mark.parametrize(("gain", "lift"), [(0.4, 0), (0.7, -20), (1.4, 0), (1.0, 60), (0.6, 90)])
def test_light_is_no_cut(gain: float, lift: float) -> None:
    same = change(scene(1), noisy(lit(scene(1), gain, lift)))
    assert not same.everywhere
    assert not same.around(FACE)


def test_a_lamp_from_one_side_is_no_cut() -> None:
    lamp = np.linspace(0.5, 1.6, 1280)[None, :, None]
    same = change(scene(1), np.clip(scene(1) * lamp, 0, 255).astype(np.uint8))
    assert not same.everywhere
    assert not same.around(FACE)


@pytest.mark.parametrize("step", [10, 40, 120])
def test_a_person_who_moves_is_no_cut(step: int) -> None:
    moved = change(person(scene(1), 460), person(scene(1), 460 + step))
    assert not moved.everywhere
    assert not moved.around(FACE) or step > 100  # who jumps that far is looked at again, not ended


def test_a_shaking_camera_is_no_cut() -> None:
    wide = scene(1, 1300, 740)
    assert not change(wide[:720, :1280], wide[12:732, 15:1295]).everywhere


def test_a_speakers_frame_is_no_cut() -> None:
    marked = scene(1)
    cv2.rectangle(marked, (430, 245), (850, 475), (80, 200, 80), 6)
    same = change(scene(1), marked)
    assert not same.everywhere
    assert not same.around(FACE)


def test_a_face_that_is_swapped_is_no_cut() -> None:
    """What this program watches for must not make the watched face a new one."""
    before = person(scene(1), 460)
    after = before.copy()
    inner = Box(570, 270, 140, 160)
    rows, columns = slice(270, 430), slice(570, 710)
    after[rows, columns] = scene(77, 140, 160)
    same = change(before, after)
    assert not same.everywhere
    assert not same.around(inner)


def test_two_tiles_that_change_places_are_cut_around_their_faces_alone() -> None:
    tiles = [scene(seed, 426, 240) for seed in range(9)]
    corner = [(row * 240, column * 426) for row in range(3) for column in range(3)]

    def gallery(order: list[int]) -> Picture:
        canvas = np.full((720, 1280, 3), 32, np.uint8)
        for (y, x), index in zip(corner, order, strict=True):
            canvas[y : y + 240, x : x + 426] = tiles[index]
        return canvas

    swapped = change(gallery([0, 1, 2, 3, 4, 5, 6, 7, 8]), gallery([4, 1, 2, 3, 0, 5, 6, 7, 8]))
    assert not swapped.everywhere
    around = [swapped.around(Box(x + 173, y + 75, 80, 90)) for y, x in corner]
    assert around == [True, False, False, False, True, False, False, False, False]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 3), (255, 143), (720, 1280), (3840, 2160)])
def test_any_size_can_be_compared(width: int, height: int) -> None:
    picture = scene(1, max(width, 2), max(height, 2))[:height, :width]
    assert not change(picture, picture).everywhere


def test_a_box_outside_the_frame_says_nothing() -> None:
    assert not change(scene(1), scene(2)).around(Box(5000, 5000, 50, 50))


def test_news_counts_where_no_known_face_is() -> None:
    before = scene(1)
    came_in = before.copy()
    came_in[300:420, 200:320] = scene(50, 120, 120)
    there = Box(200, 300, 120, 120)
    assert not change(before, before).elsewhere([])
    assert not change(before, noisy(before)).elsewhere([FACE])
    assert change(before, came_in).elsewhere([])
    assert change(before, came_in).elsewhere([FACE])
    assert not change(before, came_in).elsewhere([FACE, there])
