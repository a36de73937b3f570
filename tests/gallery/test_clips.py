"""Real people in galleries: all are found within a second, and keep their ids."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Reason
from stream_guard.faces.finder import Finder
from stream_guard.faces.tracker import FaceTracker
from tests.gallery.collage import Grid, Picture, back_and_forth, fit, read_clip

pytestmark = [pytest.mark.data, pytest.mark.timeout(180)]

CLIPS = Path(__file__).parents[2] / "../shared/data/videos/talking_head"
FPS = 5
SECONDS = 20
QUOTA = 4
LARGEST_TILE = 640, 360


@pytest.fixture(scope="module")
def clips() -> list[list[Picture]]:
    if not CLIPS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the talking-head clips are missing")
        pytest.skip("the talking-head clips are kept outside the repository, and are not here")
    return [read_clip(path, LARGEST_TILE, fps=FPS, seconds=5) for path in sorted(CLIPS.glob("*.mp4"))]


def true_box(finder: Finder, picture: Picture, grid: Grid, tile: int) -> Box:
    """Return where the tile's face is, as found in the clip's own picture, which is several times as large."""
    box = max(finder(picture), key=lambda found: found.confidence).box
    scale = fit(picture, grid.tile).shape[1] / picture.shape[1]
    x, y = grid.corner(tile, picture)
    return Box(x + box.x * scale, y + box.y * scale, box.width * scale, box.height * scale)


@pytest.mark.parametrize(
    ("n", "width", "height"), [(2, 1280, 720), (3, 1280, 720), (4, 1920, 1080), (5, 1920, 1080)]
)
def test_every_face_is_found_within_a_second_and_keeps_its_id(
    n: int, width: int, height: int, clips: list[list[Picture]], finder: Finder, tracker: FaceTracker
) -> None:
    grid = Grid(n, width, height)
    tiles = [
        back_and_forth(clips[tile % len(clips)], 7 * (tile // len(clips)), FPS * SECONDS)
        for tile in range(grid.count)
    ]
    ids: dict[int, set[int]] = defaultdict(set)
    frames_seen = np.zeros(grid.count, int)
    for step, pictures in enumerate(zip(*tiles, strict=True)):
        frame = grid.draw(pictures)
        tracked = tracker.update(frame, step * NS_PER_S // FPS, plan=Plan(faces=QUOTA))
        assert not tracked.cut
        for face in tracked.faces:
            tile = grid.tile_of(face.box)
            ids[tile].add(face.id)
            frames_seen[tile] += 1
            if face.measured and face.box.side < 40:
                assert Reason.FACE_TOO_SMALL in face.reasons
        if step in (FPS, FPS * SECONDS - 1):
            boxes = {grid.tile_of(face.box): face.box for face in tracked.faces}
            truth = {tile: true_box(finder, picture, grid, tile) for tile, picture in enumerate(pictures)}
            right = [tile for tile, box in boxes.items() if box.iou(truth[tile]) > 0.4]
            large = [tile for tile, box in truth.items() if box.side >= 40]
            assert len(set(large) & set(right)) >= 0.95 * len(large)
            assert len(tracked.faces) == len(boxes), "two boxes in one tile"
    changes = sum(len(one) - 1 for one in ids.values())
    assert changes <= grid.count * SECONDS / 60, "more than one change of id a face a minute"
    assert frames_seen.sum() >= 0.95 * grid.count * FPS * (SECONDS - 1)


def test_people_who_change_tiles_do_not_leave_their_ids_to_others(
    clips: list[list[Picture]], tracker: FaceTracker
) -> None:
    grid = Grid(3, 1280, 720)
    seats = list(range(9))
    span = 12  # frames between two changes, a tenth of a second apart
    moved = kept = 0
    for swap, (one, other) in enumerate([(0, 4), (1, 2), (3, 8), (5, 6), (0, 7), (2, 5)]):
        ids: list[dict[int, int]] = []
        for step in range(2 * span):
            if step == span:
                seats[one], seats[other] = seats[other], seats[one]
            at = swap * 2 * span + step
            # Played at half speed: the clips were read at 5 frames a second.
            frame = grid.draw([back_and_forth(clips[seat], at // 2, 1)[0] for seat in seats])
            tracked = tracker.update(frame, at * NS_PER_S // 10, plan=Plan(faces=9))
            ids.append({grid.tile_of(face.box): face.id for face in tracked.faces})
        before, after = ids[span - 1], ids[-1]
        assert sorted(before) == sorted(after) == list(range(9))
        moved += sum(before[tile] != after[tile] for tile in (one, other))
        kept += sum(before[tile] == after[tile] for tile in range(9) if tile not in (one, other))
    assert moved >= 11  # of 12
    assert kept >= 40  # of 42
