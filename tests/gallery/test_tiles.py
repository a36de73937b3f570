"""Galleries made of one face that a package ships, so that they run everywhere."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.faces.finder import Finder
from stream_guard.faces.result import Tracked
from stream_guard.faces.tracker import FaceTracker
from tests.gallery.collage import Grid, Picture
from tests.unit.faces.test_changes import scene

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FPS = 10


@cache
def room_of(seat: int) -> NDArray[np.float32]:
    return scene(seat + 50, 448, 288).astype(np.float32)


def camera(seat: int, step: int) -> Picture:
    """What one participant's camera shows: the astronaut, moving a little, in a room and light of their own."""
    picture = astronaut()[:288, :448].astype(np.float32)
    room = room_of(seat)
    figure = np.zeros((288, 448), np.float32)
    cv2.ellipse(figure, (225, 125), (85, 115), 0, 0, 360, 1.0, -1)
    cv2.ellipse(figure, (225, 320), (190, 130), 0, 0, 360, 1.0, -1)
    figure = cv2.GaussianBlur(figure, (0, 0), 3)[..., None]
    phase = step / FPS + seat
    sway = np.float64([[1, 0, 14 * math.sin(1.3 * phase)], [0, 1, 8 * math.sin(2.1 * phase)]])
    person = cv2.warpAffine(picture, sway, (448, 288), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(figure, sway, (448, 288), borderMode=cv2.BORDER_REPLICATE)[..., None]
    tint = np.random.default_rng(seat).uniform(0.35, 1.0, 3)  # of hair, skin and clothes
    light = tint * (0.9 + 0.1 * math.sin(phase))
    shown = np.clip((person * mask + room * (1 - mask)) * light, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(shown[:, ::-1]) if seat % 2 else shown


class Call:
    """A gallery call that is watched; `seats` says who sits in which tile, None where a camera is off."""

    def __init__(self, tracker: FaceTracker, grid: Grid, seats: list[int | None], quota: int = 4) -> None:
        self.tracker, self.grid, self.seats, self.quota = tracker, grid, seats, quota
        self.step = 0

    def play(self, frames: int = 1) -> Tracked:
        for _ in range(frames):
            pictures = [None if seat is None else camera(seat, self.step) for seat in self.seats]
            at_ns = self.step * NS_PER_S // FPS
            tracked = self.tracker.update(self.grid.draw(pictures), at_ns, plan=Plan(faces=self.quota))
            self.step += 1
        return tracked

    def ids(self, tracked: Tracked) -> dict[int, int]:
        """Return tile to id."""
        ids = {self.grid.tile_of(face.box): face.id for face in tracked.faces}
        assert len(ids) == len(tracked.faces), "two boxes in one tile"
        return ids


@pytest.mark.parametrize(
    ("n", "width", "height"), [(1, 1280, 720), (2, 1280, 720), (3, 1280, 720), (5, 1920, 1080)]
)
def test_every_tiles_face_is_found_and_kept(n: int, width: int, height: int, tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(n, width, height), list(range(n * n)))
    first = call.ids(call.play(FPS))
    assert sorted(first) == list(range(n * n))
    assert call.ids(call.play(FPS)) == first


def test_two_people_who_change_places_get_new_ids_and_nobody_else(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(3, 1280, 720), list(range(9)))
    before = call.ids(call.play(FPS))
    call.seats[0], call.seats[3] = 3, 0
    after = call.ids(call.play(FPS // 2))
    assert sorted(after) == list(range(9))
    assert {tile for tile in after if after[tile] != before[tile]} == {0, 3}
    assert {after[0], after[3]}.isdisjoint(before.values())


def test_another_layout_ends_everybody(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(2, 1280, 720), [0, 1, 2, 3])
    before = call.ids(call.play(FPS))
    call.grid, call.seats = Grid(3, 1280, 720), [7, 2, 5, 0, 8, 1, 6, 3, 4]
    tracked = call.play()
    assert tracked.cut
    after = call.ids(call.play(FPS))
    assert sorted(after) == list(range(9))
    assert set(after.values()).isdisjoint(before.values())


def test_a_camera_that_goes_off_and_comes_back_is_a_new_face(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(2, 1280, 720), [0, 1, 2, 3])
    before = call.ids(call.play(FPS))
    call.seats[1] = None
    assert sorted(call.ids(call.play(FPS // 2))) == [0, 2, 3]
    call.seats[1] = 1
    after = call.ids(call.play(FPS))
    assert [tile for tile in after if after[tile] not in before.values()] == [1]
    assert [after[tile] for tile in (0, 2, 3)] == [before[tile] for tile in (0, 2, 3)]


def test_the_speakers_frame_changes_nothing(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(3, 1280, 720), list(range(9)))
    before = call.ids(call.play(FPS))
    for speaker in (0, 4, 8):
        pictures = [camera(seat, call.step) for seat in range(9)]
        frame = call.grid.draw(pictures)
        x, y = speaker % 3 * 426, speaker // 3 * 240
        cv2.rectangle(frame, (x + 3, y + 3), (x + 423, y + 237), (90, 220, 90), 6)
        tracked = tracker.update(frame, call.step * NS_PER_S // FPS, plan=Plan(faces=4))
        assert not tracked.cut
        assert call.ids(tracked) == before
        call.step += 1


def test_one_large_face_is_measured_on_every_frame_and_follows(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(1, 1280, 720), [0], quota=1)
    boxes = []
    for _ in range(2 * FPS):
        (face,) = call.play().faces
        assert face.measured
        assert face.reasons == ()
        assert face.landmarks is not None
        boxes.append(face.box)
    swayed = [box.centre[0] for box in boxes]
    assert max(swayed) - min(swayed) > 25
    assert max(abs(a - b) for a, b in pairwise(swayed)) < 25


def test_no_face_at_all(tracker: FaceTracker) -> None:
    call = Call(tracker, Grid(2, 1280, 720), [None] * 4)
    assert call.play(FPS).faces == ()
    for seed in range(3):
        room = scene(seed)
        for step in range(3):
            at_ns = (call.step + seed * 3 + step) * NS_PER_S // FPS
            assert tracker.update(room, at_ns, plan=Plan(faces=4)).faces == ()


@pytest.mark.parametrize(
    ("width", "height"),
    [(1280, 720), (1920, 1080), (720, 1280), (1080, 1920), (2560, 1440), (3840, 2160), (1001, 333)],
)
def test_a_face_of_40_px_is_found_in_a_frame_of_any_shape(width: int, height: int, finder: Finder) -> None:
    # The astronaut's face is 93 px wide.
    small = cv2.resize(astronaut()[:300, :448], None, fx=40 / 93, fy=40 / 93, interpolation=cv2.INTER_AREA)
    for left, top in ((0, 0), (width - small.shape[1], height - small.shape[0]), (width // 2, height // 3)):
        frame = np.full((height, width, 3), 60, np.uint8)
        frame[top : top + small.shape[0], left : left + small.shape[1]] = small
        (found,) = finder(frame)
        x, y = found.box.centre
        assert abs(x - left - 225.5 * 40 / 93) < 6
        assert abs(y - top - 123.5 * 40 / 93) < 6
        assert 28 < found.box.side < 56  # a few cells of the heat map are all there is of it


def test_a_face_across_the_windows_of_a_large_frame_is_found_once(finder: Finder) -> None:
    large = cv2.resize(astronaut()[:300, :448], None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    frame = np.full((2160, 3840, 3), 60, np.uint8)
    frame[300 : 300 + large.shape[0], 900 : 900 + large.shape[1]] = large
    (found,) = finder(frame)
    assert found.box.side > 380


def test_a_tiny_frame_is_no_trouble(finder: Finder) -> None:
    for height, width in ((1, 1), (2, 900), (33, 17)):
        assert finder(np.full((height, width, 3), 128, np.uint8)) == []
